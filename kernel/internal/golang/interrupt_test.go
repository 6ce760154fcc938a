package golang

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/server"
)

// TestInterruptsOfEveryKind interrupts 104 cells of eight kinds: each must end within a second, and what
// earlier cells made must be as it was.
func TestInterruptsOfEveryKind(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: 104 interrupts take most of a minute")
	}
	ensureBase(t)
	c := startCells(context.Background(), t.TempDir())
	defer c.close()
	count := 0
	run := func(ctx context.Context, code string) (string, error) {
		count++
		var out transcript
		err := c.execute(ctx, fmt.Sprintf("In[%d]", count), code, &out)
		return strings.TrimSpace(out.String()), err
	}
	if _, err := run(t.Context(), "kept := 42\nvar mu sync.Mutex\nmu.Lock()\nfunc nested(n int) int { if n == 0 { for { n++ } }; return nested(n-1) + 1 }"); err != nil {
		t.Fatal(err)
	}
	kinds := []string{
		"for { kept += 0 }", "nested(20)", "time.Sleep(time.Hour)", "<-make(chan int)", "select {}", "mu.Lock()",
		"for { _ = make([]byte, 1<<16) }", "for range time.Tick(time.Millisecond) { }",
	}
	var slowest time.Duration
	for i := range 13 * len(kinds) {
		code := kinds[i%len(kinds)]
		ctx, cancel := context.WithCancelCause(t.Context())
		var asked time.Time
		timer := time.AfterFunc(150*time.Millisecond, func() {
			asked = time.Now()
			cancel(server.ErrInterrupted)
		})
		_, err := run(ctx, code)
		timer.Stop()
		took := time.Since(asked)
		slowest = max(slowest, took)
		var failed *server.CellError
		if !errors.As(err, &failed) || failed.Name != "Interrupt" || took > time.Second {
			t.Fatalf("interrupt %d, %s: %v after %s", i, code, err, took)
		}
		cancel(nil)
		if got, err := run(t.Context(), "kept"); got != "42" || err != nil {
			t.Fatalf("after interrupt %d, %s: kept is %q, %v", i, code, got, err)
		}
	}
	t.Logf("104 of 104; the slowest took %s", slowest)
}

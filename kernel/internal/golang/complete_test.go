package golang

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/complete"
	"github.com/lathe-go/lathe/kernel/internal/server"
)

// Somebody who waits for a cell writes the next one meanwhile.
func TestCompleteWhileACellRuns(t *testing.T) {
	ensureBase(t)
	h := Start(context.Background(), t.TempDir())
	defer h.cells.close()
	run := func(ctx context.Context, name, code string) error {
		return h.cells.execute(ctx, name, code, &probe{})
	}
	if err := run(t.Context(), "In[1]", "type Pair struct{ Left, Right int }\npair := Pair{1, 2}"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "In[2]", "for { time.Sleep(time.Millisecond) }") }()
	time.Sleep(500 * time.Millisecond)
	start := time.Now()
	reply, err := h.Complete(t.Context(), "pair.", 5)
	if err != nil || !slices.Equal(reply.Matches, []string{"Left", "Right"}) {
		t.Errorf("completion: %q, %v", reply.Matches, err)
	}
	found, err := h.Inspect(t.Context(), "pair", 4, 0)
	if err != nil || !found.Found {
		t.Errorf("inspection: %v, %v", found.Data, err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("both took %v", took)
	}
	select {
	case err := <-ended:
		t.Fatalf("the cell has ended: %v", err)
	default:
	}
	stop(server.ErrInterrupted)
	<-ended
}

// The first question may come before the session is ready.
func TestCompleteAtOnce(t *testing.T) {
	ensureBase(t)
	h := Start(context.Background(), t.TempDir())
	defer h.cells.close()
	reply, err := h.Complete(t.Context(), "strings.ToU", 11)
	select {
	case <-h.cells.ready:
	default:
		t.Skip("the session has not started in the time that a question waits for it: the machine is busy")
	}
	if err != nil || !slices.Contains(reply.Matches, "ToUpper") {
		t.Errorf("completion: %q, %v", reply.Matches, err)
	}
}

// Who asks for help with a session that does not start gets what is known without one, in time.
func TestCompleteWithoutASession(t *testing.T) {
	h := &Handler{cells: &cells{help: complete.New(), ready: make(chan struct{})}}
	reply, err := h.Complete(t.Context(), "retu", 4)
	if err != nil || !slices.Contains(reply.Matches, "return") {
		t.Errorf("completion: %q, %v", reply.Matches, err)
	}
}

package golang

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// residentMB returns the memory of a process that is in use, in MB.
func residentMB(t *testing.T, pid string) int {
	t.Helper()
	data, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb >> 10
		}
	}
	t.Fatal("the system does not say how much memory a process has")
	return 0
}

// TestMemoryOfCellsThatRunAgain runs a cell that allocates 32 MB a thousand times, and 100 different
// cells: what a cell leaves behind is its code, and the value that its variable has now.
func TestMemoryOfCellsThatRunAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a thousand cells")
	}
	ensureBase(t)
	c := startCells(context.Background(), t.TempDir())
	defer c.close()
	count := 0
	run := func(code string) string {
		t.Helper()
		count++
		var out transcript
		if err := c.execute(context.Background(), fmt.Sprintf("In[%d]", count), code, &out); err != nil {
			t.Fatalf("%s: %v", code, err)
		}
		return strings.TrimSpace(out.String())
	}
	pid := run("os.Getpid()")
	for range 1000 {
		run("big := make([]byte, 32<<20)\nfor i := 0; i < len(big); i += 4096 { big[i] = 1 }")
	}
	if mb := residentMB(t, pid); mb > 400 {
		t.Errorf("after 1000 runs of a cell that allocates 32 MB the worker has %d MB", mb)
	}
	run("big = nil\nruntime.GC()\ndebug.FreeOSMemory()")
	before := residentMB(t, pid)
	for i := range 100 {
		run(fmt.Sprintf("v%d := %d\nfmt.Sprint(v%d)", i, i, i))
	}
	run("runtime.GC()\ndebug.FreeOSMemory()\n1")
	if grown := residentMB(t, pid) - before; grown > 15 {
		t.Errorf("100 cells have left %d MB of code behind; 15 are allowed", grown)
	}
}

package golang

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/server"
)

// ensureBase makes the base library, which every test that runs a cell needs.
func ensureBase(t testing.TB) {
	t.Helper()
	if _, err := build.Current(); err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "making the base library …")
	if _, err := build.Ensure(context.Background(), func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
}

// TestScripts runs the scenarios against the whole kernel, through its sockets: those of testdata/script,
// which every strategy passes in reasonable time, and those of testdata/semantics, which are many.
func TestScripts(t *testing.T) {
	ensureBase(t)
	for _, dir := range []string{"../../testdata/script", "../../testdata/semantics"} {
		kerneltest.RunScripts(t, dir, func(t testing.TB) server.Handler {
			return Start(context.Background(), t.TempDir())
		})
	}
}

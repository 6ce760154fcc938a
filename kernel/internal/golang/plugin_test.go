package golang

import (
	"context"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/server"
)

// TestScriptsAsPlugins runs the scenarios with the second strategy: cells mean the same, only slower.
func TestScriptsAsPlugins(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a cell takes most of a second as a plugin")
	}
	t.Setenv("LATHE_STRATEGY", string(build.Plugin))
	ensureBase(t)
	// Linking takes long enough that an interrupt must wait for the code to run.
	for dir, factor := range map[string]int{"../../testdata/script": 15, "../../testdata/semantics": 6} {
		kerneltest.RunScriptsSlowly(t, dir, factor, func(t testing.TB) server.Handler {
			return Start(context.Background(), t.TempDir())
		})
	}
}

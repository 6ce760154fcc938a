package build

import (
	"context"
	"strings"
	"testing"
)

// TestStrategyIsChosenByAProbe makes the patch of the linker not fit, as with a toolchain that is not
// known, and expects the other strategy with the reason.
func TestStrategyIsChosenByAProbe(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a host of plugins is built")
	}
	base := testBase(t)
	if base.Strategy != Shared {
		t.Fatalf("the base library of the tests has the strategy %s", base.Strategy)
	}
	original := linkerPatches
	t.Cleanup(func() {
		linkerPatches = original
		if _, err := Ensure(context.Background(), func(string, int, int) {}); err != nil {
			t.Error(err)
		}
	})
	linkerPatches = []patch{{file: "cmd/link/internal/ld/data.go", old: "no such line", new: ""}}
	b, err := Ensure(t.Context(), func(string, int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	if b.Strategy != Plugin || !strings.Contains(b.Why, "its anchor occurs 0 times") {
		t.Errorf("got %s, since %q", b.Strategy, b.Why)
	}
	now, err := Current()
	if err != nil || now.Strategy != Plugin || now.Why != b.Why {
		t.Errorf("the choice is not kept: %+v, %v", now, err)
	}
}

func TestStrategyIsForcedByTheEnvironment(t *testing.T) {
	t.Setenv("LATHE_STRATEGY", "magic")
	if _, err := Current(); err == nil || !strings.Contains(err.Error(), `"magic"`) {
		t.Errorf("an unknown strategy: %v", err)
	}
}

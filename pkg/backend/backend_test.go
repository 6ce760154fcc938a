// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package backend

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
)

func TestOpenXLA(t *testing.T) {
	if _, err := find(); err != nil {
		t.Skipf("no PJRT plugin here: %v", err)
	}
	d := Default()
	if d.Fallback != nil {
		t.Fatalf("a plugin is there, yet: %v", d.Fallback)
	}
	if d.Name != "xla" || d.Platform == "" || d.Plugin == "" || d.APIVersion == "" || len(d.Devices) == 0 {
		t.Errorf("incomplete description: %+v", d)
	}
	if d.Platform == "cpu" && len(d.Devices) != 1 {
		t.Errorf("the CPU is %d devices, want 1", len(d.Devices))
	}
	if Default() != d {
		t.Error("a second call opened a second device")
	}
	got := graph.MustExecOnce(d.Backend, func(x *graph.Node) *graph.Node { return graph.Add(x, x) }, float32(21))
	if v := got.Value(); v != float32(42) {
		t.Errorf("21+21 = %v", v)
	}
	t.Logf("%s", d)
}

func TestFallbackIsAnnounced(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "pjrt_c_api_cpu_plugin.so")
	if err := os.WriteFile(bad, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Plugin(bad), Config("")); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("a damaged plugin gives %v, want an error that names it", err)
	}

	var said bytes.Buffer
	t.Setenv("LATHE_HOME", t.TempDir())
	if len(available()) == 0 {
		d, err := Open(Warnings(&said))
		if err != nil {
			t.Fatal(err)
		}
		if d.Fallback == nil || d.Name != "go" || !strings.Contains(said.String(), "lathe setup") {
			t.Errorf("fall-back %v on %q, announced as %q", d.Fallback, d.Name, &said)
		}
		if _, err := Open(Strict()); err == nil {
			t.Error("Strict fell back")
		}
	}
}

func TestConfig(t *testing.T) {
	d, err := Open(Config("go"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Platform != "go" || d.Fallback != nil {
		t.Errorf("got %+v", d)
	}
	if _, err := Open(Config("no-such-backend:x")); err == nil {
		t.Error("an unknown backend opened")
	}
}

func TestShow(t *testing.T) {
	d := &Device{Name: "go", Platform: "go", Devices: []string{"<cpu>"}, Threads: 2, Fallback: errors.New("none <found>")}
	if s := d.String(); !strings.Contains(s, "threads   2") || !strings.Contains(s, "none <found>") {
		t.Errorf("String:\n%s", s)
	}
	if h := d.HTML(); strings.Contains(h, "<cpu>") || !strings.Contains(h, "&lt;cpu&gt;") {
		t.Errorf("HTML does not escape: %s", h)
	}
}

func TestPick(t *testing.T) {
	found := map[string]string{"cpu_v0.1": "a", "cpu_v0.2": "b", "metal": "m"}
	for kind, want := range map[string]string{"cpu": "b", "cuda": "", "metal": "m"} {
		if got := pick(found, kind); got != want {
			t.Errorf("pick(%q) = %q, want %q", kind, got, want)
		}
	}
	if p := platform("/x/pjrt_c_api_cpu_v0.83_plugin.so"); p != "cpu" {
		t.Errorf("platform = %q", p)
	}
}

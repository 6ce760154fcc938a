package backend

import (
	"maps"
	"testing"
)

func TestPageDoesNotNameTheUser(t *testing.T) {
	t.Setenv("HOME", "/home/someone")
	for path, want := range map[string]string{
		"/home/someone/.local/share/lathe/p.so": "~/.local/share/lathe/p.so",
		"/home/someoneelse/p.so":                "/home/someoneelse/p.so",
		"/usr/lib/p.so":                         "/usr/lib/p.so",
	} {
		if got := tilde(path); got != want {
			t.Errorf("tilde(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestFacts(t *testing.T) {
	t.Setenv("HOME", "/home/someone")
	d := &Device{Platform: "cpu", Plugin: "/home/someone/pjrt/cpu-1.2/p.so", APIVersion: "0.75", Devices: []string{"a", "b"}}
	want := map[string]string{"backend": "cpu", "devices": "a, b", "PJRT plugin": "~/pjrt/cpu-1.2/p.so (PJRT API 0.75)"}
	if got := d.Facts(); !maps.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := (&Device{Platform: "go"}).Facts(); got["backend"] != "go" || got["PJRT plugin"] != "" {
		t.Errorf("in pure Go: %q", got)
	}
}

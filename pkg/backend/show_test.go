package backend

import "testing"

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

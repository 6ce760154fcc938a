package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstall: the commands say what is wrong, and make nothing then.
func TestInstall(t *testing.T) {
	prefix := t.TempDir()
	lathe := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := run(context.Background(), env{&out, &out}, args); code != want {
			t.Fatalf("lathe %v: exit code %d, want %d: %s", args, code, want, out.String())
		}
		return out.String()
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if temporary.MatchString(program) { // as every program that go test builds
		if text := lathe(1, "install", "--prefix", prefix); !strings.Contains(text, "go run") {
			t.Errorf("installing a temporary program says %q", text)
		}
	}
	dir, err := specFolder(prefix)
	if err != nil || dir != filepath.Join(prefix, "share", "jupyter", "kernels") {
		t.Errorf("the folder is %s, %v", dir, err)
	}
	if text := lathe(0, "install", "--list", "--prefix", prefix); !strings.Contains(text, "none in") {
		t.Errorf("an empty list is %q", text)
	}
	if text := lathe(1, "uninstall", "--prefix", prefix); !strings.Contains(text, "lathe") {
		t.Errorf("removing nothing says %q", text)
	}
	lathe(2, "install", "everywhere")
	if made, err := os.ReadDir(prefix); err != nil || len(made) > 0 {
		t.Errorf("made %v, %v", made, err)
	}
	if text := lathe(0, "install", "-h"); !strings.Contains(text, "--prefix DIR        install") {
		t.Errorf("the help is %q", text)
	}
}

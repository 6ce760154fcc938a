package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/pkg/worklog"
)

func TestLogCommandOnCode(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here: ", err)
	}
	t.Chdir(t.TempDir())
	if out, err := exec.Command("git", "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	dir, out := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "out")
	var ids, logs []string
	for _, text := range []string{"package one\n", "package two\n", "package three\n"} {
		must(t, os.WriteFile("main.go", []byte(text), 0o666))
		run := worklog.Start("mlp", nil, worklog.In(worklog.Open(dir)))
		run.End(nil)
		ids, logs = append(ids, string(run.ID())), append(logs, run.Path())
	}
	call := func(code int, want string, args ...string) {
		t.Helper()
		var b bytes.Buffer
		if got := run(t.Context(), env{&b, &b}, append(append([]string{"log"}, args...), "--dir", dir)); got != code {
			t.Errorf("%q: exit code %d, want %d", args, got, code)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q: no %q in\n%s", args, want, b.String())
		}
	}
	call(0, "1 files in", "restore", ids[0], out)
	if text, err := os.ReadFile(filepath.Join(out, "main.go")); err != nil || string(text) != "package one\n" {
		t.Errorf("restored %q, error %v", text, err)
	}
	call(1, "not empty", "restore", ids[0], out)
	call(2, "does not take 1 words", "restore", ids[0])
	call(0, "code  main.go", "diff", ids[1])
	call(0, "+package two", "patch", ids[0], ids[1])
	call(0, "-package one", "patch", ids[1])
	call(0, "3 runs, 0 faults", "verify")
	must(t, os.Remove(logs[2]))
	call(0, ids[2]+" is gone", "gc")
	call(0, "2 source trees kept, 0 let go", "gc")
	must(t, os.WriteFile(logs[1], []byte("garbage"), 0o666))
	call(1, "2 runs, 1 faults", "verify")
	call(2, "usage: lathe log", "gc", "now")
}

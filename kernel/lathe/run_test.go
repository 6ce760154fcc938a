package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
)

// echoKernel emits for the code of a cell what a test wrote down for it.
type echoKernel map[string][]notebook.Output

func (k echoKernel) Execute(_ context.Context, code string, emit func(notebook.Output)) error {
	for _, o := range k[code] {
		emit(o)
	}
	return nil
}

// text returns a value whose plain form is s.
func text(kind notebook.OutputType, id, s string) notebook.Output {
	return notebook.Output{Type: kind, DisplayID: id, Data: map[string]any{"text/plain": s}}
}

var progressKernel = echoKernel{
	"train()\nmore": {
		{Type: notebook.Stream, Name: "stdout", Text: "10 %\r20 %"},
		{Type: notebook.Stream, Name: "stdout", Text: "\r30 %\r\nok"},
		text(notebook.DisplayData, "bar", "step 0"),
		text(notebook.UpdateDisplay, "bar", "step 1"),
		text(notebook.UpdateDisplay, "bar", "step 2"),
		{Type: notebook.ClearOutput, Wait: true},
	},
	"boom": {{Type: notebook.Error, EName: "panic", EValue: "boom", Traceback: []string{"panic: boom", "line 1"}}},
}

// progressOf runs two cells and returns what the progress writes, with times cut out.
func progressOf(t *testing.T, p *progress) string {
	t.Helper()
	var log bytes.Buffer
	p.log = &log
	clock := time.Unix(0, 0)
	p.now = func() time.Time { clock = clock.Add(updateEvery / 2); return clock }
	nb := &notebook.Notebook{Cells: []*notebook.Cell{
		{Type: notebook.Code, Source: "\ntrain()\nmore"[1:]}, {Type: notebook.Code, Source: "boom"},
	}}
	err := notebook.Run(context.Background(), nb, progressKernel, notebook.Options{Observer: p})
	if err == nil {
		t.Fatal("no error for a cell that fails")
	}
	var kept []string
	for line := range strings.Lines(log.String()) {
		before, _, _ := strings.Cut(line, " in 0")
		kept = append(kept, strings.TrimRight(before, "\n"))
	}
	return strings.Join(kept, "\n")
}

func TestProgressShowsEverything(t *testing.T) {
	saves := 0
	got := progressOf(t, &progress{save: func() error { saves++; return nil }})
	want := strings.Join([]string{
		"[1/2] train()",
		"      | 30 %",
		"      | step 0",
		"      | step 1",
		"      | ok",
		"      | step 2",
		"        done",
		"[2/2] boom",
		"      | panic: boom",
		"      | line 1",
		"        failed",
	}, "\n")
	if got != want {
		t.Errorf("progress:\n%s\nwant:\n%s", got, want)
	}
	if saves != 2 {
		t.Errorf("saved %d times, want once for each cell", saves)
	}
}

func TestOutputsGoToStdoutAsText(t *testing.T) {
	var out bytes.Buffer
	progressOf(t, &progress{out: &out})
	if got, want := out.String(), "10 %\r20 %\r30 %\r\nokstep 0\nstep 2\n"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
}

func TestRunAndReportCheckTheirArguments(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.ipynb")
	if err := os.WriteFile(bad, []byte("no"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		code int
		want string
	}{
		{[]string{"run"}, 2, "give one notebook, not 0"},
		{[]string{"run", "a", "b"}, 2, "give one notebook, not 2"},
		{[]string{"run", bad, "-p", "x"}, 2, "not of the form name=value"},
		{[]string{"run", "--what", bad}, 2, "-what"},
		{[]string{"run", bad}, 1, "is not JSON"},
		{[]string{"run", filepath.Join(dir, "none.ipynb")}, 1, "no such file"},
		{[]string{"report", bad, "-o", "x.html"}, 1, "is not JSON"},
	}
	for _, tt := range tests {
		var out, errs bytes.Buffer
		if code := run(context.Background(), env{stdout: &out, stderr: &errs}, tt.args); code != tt.code || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%v: exit code %d, %s; want %d and %q", tt.args, code, errs.String(), tt.code, tt.want)
		}
	}
}

func TestReportWritesBesideTheNotebook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ipynb")
	nb := &notebook.Notebook{Minor: 5, Cells: []*notebook.Cell{{ID: "a", Type: notebook.Markdown, Source: "# Title"}}}
	if err := nb.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run(context.Background(), env{stdout: &out, stderr: &errs}, []string{"report", path}); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	page, err := os.ReadFile(strings.TrimSuffix(path, ".ipynb") + ".html")
	if err != nil || !bytes.Contains(page, []byte("<title>Title</title>")) {
		t.Errorf("the page: %v\n%s", err, page)
	}
}

func TestSaveErrorsAreReported(t *testing.T) {
	full := errors.New("the disk is full")
	p := &progress{save: func() error { return full }}
	progressOf(t, p)
	if err := p.finish(); !errors.Is(err, full) {
		t.Errorf("finish says %v, want %v", err, full)
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// untidy is a notebook with cells of every kind.
const untidy = `{
 "cells": [
  {"cell_type": "markdown", "metadata": {}, "source": ["x:=1"]},
  {"cell_type": "code", "execution_count": 7, "metadata": {}, "outputs": [{"output_type": "stream", "name": "stdout", "text": ["x:=1\n"]}],
   "source": ["%timings\n", "x:=1\n", "fmt.Println( x )"]},
  {"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": ["y := )"]},
  {"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": ["%%bash\n", "x:=1"]}
 ],
 "metadata": {"kernelspec": {"display_name": "Go", "language": "go", "name": "lathe"}},
 "nbformat": 4, "nbformat_minor": 4
}
`

func TestFmt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.ipynb")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func() string {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	write(untidy)
	for _, tt := range []struct{ flag, out string }{
		{"-l", path + "\n"},
		{"-d", path + ", cell 2\n %timings\n-x:=1\n-fmt.Println( x )\n+x := 1\n+fmt.Println(x)\n"},
		{"", ""},
	} {
		args := []string{"fmt", path}
		if tt.flag != "" {
			args = []string{"fmt", tt.flag, path}
		}
		o := runLathe(t, nil, args...)
		if o.out != tt.out {
			t.Errorf("fmt %s prints %q, want %q", tt.flag, o.out, tt.out)
		}
		o.wantSentence(t, path+": cell 3:1:6:", "nothing is open here")
		if tt.flag != "" && read() != untidy {
			t.Fatalf("fmt %s has changed the notebook", tt.flag)
		}
	}
	want := strings.Replace(untidy, `"x:=1\n", "fmt.Println( x )"`, `"x := 1\n", "fmt.Println(x)"`, 1)
	if got := read(); got != want {
		t.Errorf("the notebook is\n%s\nwant\n%s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v (%v)", info.Mode(), err)
	}
	write(strings.Replace(untidy, `"language": "go"`, `"language": "python"`, 1))
	runLathe(t, nil, "fmt", path).wantSentence(t, "notebook of python")
	write("{}")
	runLathe(t, nil, "fmt", path).wantSentence(t, path+" is not a notebook")
	if o := runLathe(t, nil, "fmt"); o.code != 2 {
		t.Errorf("without a notebook the exit code is %d", o.code)
	}
}

// Our own notebooks are as gofmt wants them.
func TestNotebooksAreFormatted(t *testing.T) {
	files, err := filepath.Glob("../../notebooks/*.ipynb")
	if err != nil || len(files) == 0 {
		t.Fatalf("no notebooks (%v)", err)
	}
	if o := runLathe(t, nil, append([]string{"fmt", "-d"}, files...)...); o.code != 0 || o.out != "" {
		t.Errorf("exit code %d, %s\n%s", o.code, o.errors, o.out)
	}
}

// A nextInput is an output that keeps the text that is to replace the cell's.
type nextInput struct {
	probe
	text    string
	replace bool
}

func (n *nextInput) NextInput(text string, replace bool) { n.text, n.replace = text, replace }

func (*nextInput) Display(frame.Bundle) {}

func TestFmtOfACell(t *testing.T) {
	c := &cells{} // none is needed
	var out nextInput
	if err := c.execute(t.Context(), "In[1]", "\n%fmt \nx:=1\n%list", &out); err != nil || out.text != "x := 1\n%list" || !out.replace {
		t.Errorf("the cell is replaced (%v) by %q (%v)", out.replace, out.text, err)
	}
	out = nextInput{}
	err := c.execute(t.Context(), "In[1]", "%fmt\nx := 1\ny := )", &out)
	if err == nil || !strings.Contains(err.Error(), "nothing is open") || out.text != "" {
		t.Errorf("a cell that is no Go: %v, %q", err, out.text)
	}
	if err := c.execute(t.Context(), "In[1]", "%fmt\nx := 1", &probe{}); err == nil || !strings.Contains(err.Error(), "lathe fmt") {
		t.Errorf("where no cell can be replaced: %v", err)
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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

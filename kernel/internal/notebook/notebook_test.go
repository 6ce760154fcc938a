package notebook

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testdata/jupyter.ipynb was written by Jupyter's own nbformat and holds every kind of cell and
// output, unknown fields and characters that JSON libraries disagree about.
func TestRoundTripIsExact(t *testing.T) {
	want, err := os.ReadFile("testdata/jupyter.ipynb")
	if err != nil {
		t.Fatal(err)
	}
	nb, err := Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := nb.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("written:\n%s\nread:\n%s", got, want)
	}
}

func TestParseUnderstands(t *testing.T) {
	nb, err := ReadFile("testdata/jupyter.ipynb")
	if err != nil {
		t.Fatal(err)
	}
	if len(nb.Cells) != 4 || nb.Minor != 5 {
		t.Fatalf("%d cells, minor version %d; want 4 and 5", len(nb.Cells), nb.Minor)
	}
	c := nb.Cells[1]
	if c.Source != "x := 1\nx+1" || c.ExecutionCount != 3 || !c.HasTag("parameters") || !c.Failed() || c.ID != "cell-1" {
		t.Errorf("the second cell was read as %+v", c)
	}
	if got, want := c.Outputs[0].Text, "one\ntwo\r\nthree\u2028four\ffive"; got != want {
		t.Errorf("stream text %q, want %q", got, want)
	}
	if got := c.Outputs[1].Data["text/html"]; got != "<b>2</b>\n<i>\n" {
		t.Errorf("HTML %q was not joined", got)
	}
	if got, ok := c.Outputs[1].Data["application/vnd.x+json"].([]any); !ok || len(got) != 2 {
		t.Errorf("a JSON list was read as %v; it must stay a list", c.Outputs[1].Data["application/vnd.x+json"])
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", "is not JSON: EOF"},
		{"text", "hello", "is not JSON: invalid"},
		{"two values", "{} {}", "is not JSON: there is more after its end"},
		{"a list", "[]", "it is not a JSON object"},
		{"some object", `{"a":1}`, `has no "nbformat" number`},
		{"old format", `{"nbformat":3,"worksheets":[]}`, "is a notebook of format 3, and only format 4 is read"},
		{"no cells", `{"nbformat":4}`, `has no "cells"`},
		{"cells are no list", `{"nbformat":4,"cells":{}}`, `its "cells" are not a list`},
		{"cell is no object", `{"nbformat":4,"cells":[1]}`, "cell 1 is not an object"},
		{"unknown cell", `{"nbformat":4,"cells":[{"cell_type":"x","source":""}]}`, `cell 1 is of type "x"`},
		{"source is no text", `{"nbformat":4,"cells":[{"cell_type":"raw","source":[1]}]}`, "cell 1 has a source that is not text"},
		{"no outputs", `{"nbformat":4,"cells":[{"cell_type":"code","source":""}]}`, "cell 1 is a code cell without a list of outputs"},
		{"unknown output", `{"nbformat":4,"cells":[{"cell_type":"code","source":"","outputs":[{"output_type":"pyout"}]}]}`,
			`cell 1 has an output 1 that is of the unknown type "pyout"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse([]byte(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestReadFileNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.ipynb")
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil || !strings.HasPrefix(err.Error(), path+" is not JSON") {
		t.Errorf("error %v, want one that begins with the file", err)
	}
}

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.ipynb")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	nb := &Notebook{Minor: 5, Cells: []*Cell{{ID: "a", Type: Code, Source: "1"}}}
	if err := nb.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if back, err := ReadFile(path); err != nil || len(back.Cells) != 1 {
		t.Errorf("read back %+v, %v", back, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("permissions %v, %v; want those of the old file, 0600", info.Mode(), err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
	if err := nb.WriteFile(filepath.Join(dir, "none", "a.ipynb")); err == nil {
		t.Error("no error for a folder that does not exist")
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/jupyter.ipynb")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"nbformat":4,"cells":[{"cell_type":"code","source":"","outputs":[]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		nb, err := Parse(data)
		if err != nil {
			return
		}
		once, err := nb.Bytes()
		if err != nil {
			t.Fatalf("a notebook that was read cannot be written: %v", err)
		}
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, once)
		}
		if twice, err := again.Bytes(); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("written twice, it differs: %v\n%s\n%s", err, once, twice)
		}
	})
}

package notebook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// notebookOf is a notebook by another program than Jupyter: the order, the spaces and the escapes are its own.
const notebookOf = `{"nbformat":4, "nbformat_minor": 2,
	"metadata": {"x": 1.50},
	"cells": [
		{"source": ["a\n",
			"\u00e9<b>\n",  "c"  ], "cell_type":"code","metadata":{},"outputs":[],"execution_count":null},
		{"cell_type": "markdown", "source": ["a"], "metadata": {}},
		{"cell_type": "code", "source": "a\nz", "metadata":{}, "outputs": [], "execution_count": null},
		{"cell_type": "code", "source": [], "metadata":{}, "outputs": [], "execution_count": null}
	]}`

func TestEditSources(t *testing.T) {
	var seen []string
	got, err := EditSources([]byte(notebookOf), func(cell int, source string) string {
		seen = append(seen, string(rune('0'+cell))+source)
		return strings.Replace(source, "a\n", "<1>\n\"2\"\n", 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := "1a\né<b>\nc|3a\nz|4"; strings.Join(seen, "|") != want {
		t.Errorf("edited %q, want %q", strings.Join(seen, "|"), want)
	}
	want := strings.Replace(notebookOf, `["a\n",`+"\n\t\t\t"+`"\u00e9<b>\n",  "c"  ]`, `["<1>\n",`+"\n\t\t\t"+`"\"2\"\n",`+"\n\t\t\t"+`"\u00e9<b>\n",`+"\n\t\t\t"+`"c"  ]`, 1)
	want = strings.Replace(want, `"a\nz"`, `"<1>\n\"2\"\nz"`, 1)
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	emptied, err := EditSources([]byte(notebookOf), func(int, string) string { return "" })
	if err != nil || strings.Count(string(emptied), `"source": []`) != 2 {
		t.Errorf("emptied cells: %s (%v)", emptied, err)
	}
}

// The notebooks of Jupyter come out as Jupyter would write them.
func TestEditSourcesAsJupyterDoes(t *testing.T) {
	files, err := filepath.Glob("../../../notebooks/*.ipynb")
	if err != nil || len(files) == 0 {
		t.Fatalf("no notebooks (%v)", err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		nb, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		comment := func(source string) string { return "// é <&>\n" + source }
		for _, c := range nb.Cells {
			if c.Type == Code {
				c.Source = comment(c.Source)
			}
		}
		want, err := nb.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		got, err := EditSources(data, func(_ int, source string) string { return comment(source) })
		if err != nil || string(got) != string(want) {
			t.Errorf("%s comes out in another way (%v)", path, err)
		}
		if same, err := EditSources(data, func(_ int, source string) string { return source }); err != nil || string(same) != string(data) {
			t.Errorf("%s changes without an edit (%v)", path, err)
		}
	}
}

func FuzzEditSources(f *testing.F) {
	f.Add([]byte(notebookOf))
	f.Fuzz(func(t *testing.T, data []byte) {
		same, err := EditSources(data, func(_ int, source string) string { return source })
		if err == nil && string(same) != string(data) {
			t.Errorf("%q becomes %q", data, same)
		}
		edited, err := EditSources(data, func(_ int, source string) string { return source + "\n\"x" })
		if err != nil {
			return
		}
		if _, err := Parse(edited); err != nil {
			t.Errorf("%q becomes %q: %v", data, edited, err)
		}
	})
}

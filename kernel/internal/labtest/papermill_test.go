package labtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
)

// parameters is a cell with parameters of every kind.
const parameters = `// How often all data is seen.
epochs := 20
lr := 1e-3 // learning rate
rate := float32(1)
opt, debug := "adam", false
large := uint64(1)
widths := []float32{1}
mix := map[string][]int{"x": {0}}
var (
	limit float64
	extra any
	grid  = [][]int{}
	code  = "a"
	list  any
	ready bool
	none  = new(int)
)`

// show prints each of them with its type.
const show = `for _, v := range []any{epochs, lr, rate, opt, debug, large, widths, mix, limit, extra, grid, code, list, ready, none} {
	fmt.Printf("%T %v\n", v, v)
}`

// values is what papermill is given for them.
const values = `{epochs: 3, lr: 5, rate: 0.5, opt: "a\"b\\c\n%d é\t☃\x00", debug: true, large: 18446744073709551615, widths: [64, 0.5],
mix: {b: [1, 2], a: []}, limit: .inf, extra: {deep: [1, [2.5], null]}, grid: [[1], [2, 3]], code: 7, list: ["x", "y"], ready: "true", none: null}`

// shown is what the notebook then prints.
var shown = strings.Join([]string{
	"int 3", "float64 5", "float32 0.5", "string a\"b\\c\n%d é\t☃\x00", "bool true", "uint64 18446744073709551615", "[]float32 [64 0.5]",
	"map[string][]int map[a:[] b:[1 2]]", "float64 +Inf", "map[string][]interface {} map[deep:[1 [2.5] <nil>]]", "[][]int [[1] [2 3]]",
	"string 7", "[]string [x y]", "bool true", "*int <nil>", "",
}, "\n")

// papermill runs notebooks with parameters on the kernel, once `lathe install --papermill` has told it of
// Go, and marks a notebook that fails as it does for any language.
func TestPapermill(t *testing.T) {
	j := newJupyter(t)
	dir := t.TempDir()
	// The environment of the tests is shared, so the package goes to a folder of its own.
	packages := filepath.Join(dir, "packages")
	j.env = append(j.env, "PIP_TARGET="+packages, "PYTHONPATH="+packages)
	lathe, err := buildLathe()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // again after moving the program
		out := j.run(t, time.Minute, lathe, "install", "--prefix", filepath.Join(dir, "prefix"), "--papermill", j.python)
		if !strings.Contains(out, "pip uninstall lathe-papermill") {
			t.Errorf("the installation says %q", out)
		}
	}
	in, done, printed := filepath.Join(dir, "in.ipynb"), filepath.Join(dir, "out.ipynb"), filepath.Join(dir, "printed")
	write := func(cells ...string) {
		nb := goNotebook(cells...)
		nb.Cells[0].Metadata = map[string]any{"tags": []any{"parameters"}}
		if err := nb.WriteFile(in); err != nil {
			t.Fatal(err)
		}
	}
	papermill := func(args ...string) (string, error) {
		args = append([]string{"-m", "papermill", "--no-progress-bar", "--stdout-file", printed, in}, args...)
		out, errs, err := j.try(t, 2*time.Minute, j.python, args...)
		return out + errs, err
	}
	write(parameters, show)

	t.Run("values", func(t *testing.T) {
		if log, err := papermill(done, "-y", values); err != nil {
			t.Fatalf("%v: %s", err, tail(log))
		}
		if got := content(t, printed); got != shown {
			t.Errorf("the notebook prints\n%s\nwant\n%s", got, shown)
		}
	})
	t.Run("words", func(t *testing.T) {
		if log, err := papermill(done, "-p", "epochs", "4", "-p", "ready", "true", "-r", "code", "0x1"); err != nil {
			t.Fatalf("%v: %s", err, tail(log))
		}
		nb := read(t, done)
		if len(nb.Cells) != 3 || !nb.Cells[1].HasTag("injected-parameters") || nb.Cells[1].Source != "// Parameters\nepochs = 4\nready = true\ncode = \"0x1\"\n" {
			t.Fatalf("the second of %d cells is %+v", len(nb.Cells), nb.Cells[1])
		}
		for _, want := range []string{"int 4\n", "bool true\n", "string 0x1\n"} {
			if got := text(nb.Cells[2]); !strings.Contains(got, want) {
				t.Errorf("the notebook prints %q, want %q in it", got, want)
			}
		}
	})
	t.Run("help", func(t *testing.T) {
		out, err := papermill("--help-notebook")
		for _, want := range []string{"epochs: int (default 20)", "How often all data is seen.", "lr: float64 (default 1e-3)", "learning rate", "extra: any"} {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("%v: the help is %q, want %q in it", err, out, want)
			}
		}
	})
	t.Run("unknown", func(t *testing.T) {
		if log, err := papermill(done, "-p", "epoch", "3"); err == nil || !strings.Contains(log, `the notebook has no parameter "epoch"; it has epochs, lr`) {
			t.Errorf("%v: %s", err, tail(log))
		}
	})
	t.Run("failure", func(t *testing.T) {
		write("n := 1", "if n > 1 {\n\tpanic(\"on purpose\")\n}", "n")
		if log, err := papermill(done, "-p", "n", "2"); err == nil || !strings.Contains(log, "on purpose") {
			t.Errorf("%v: %s", err, tail(log))
		}
		checkMarked(t, read(t, done))
	})
}

// checkMarked checks that papermill has marked the third code cell of a notebook as the one that failed.
func checkMarked(t *testing.T, nb *notebook.Notebook) {
	t.Helper()
	var kinds []string
	for _, c := range nb.Cells {
		state, _ := c.Metadata["papermill"].(map[string]any)
		kinds = append(kinds, fmt.Sprint(c.Type, " ", c.HasTag("papermill-error-cell-tag"), " ", state["status"], " ", state["exception"]))
	}
	want := []string{"markdown true <nil> <nil>", "code false completed false", "code false completed false",
		"markdown true <nil> <nil>", "code false failed true", "code false pending <nil>"}
	if got := strings.Join(kinds, "\n"); got != strings.Join(want, "\n") {
		t.Fatalf("the cells are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if o := nb.Cells[4].Outputs; len(o) != 1 || o[0].Type != notebook.Error || !strings.Contains(o[0].PlainText(), "on purpose") {
		t.Errorf("the failed cell shows %+v", o)
	}
}

// goNotebook returns a notebook of these code cells.
func goNotebook(cells ...string) *notebook.Notebook {
	nb := &notebook.Notebook{
		Minor: 5,
		Metadata: map[string]any{
			"kernelspec":    map[string]any{"name": kernelName, "display_name": kernelName, "language": "go"},
			"language_info": map[string]any{"name": "go"},
		},
	}
	for i, source := range cells {
		nb.Cells = append(nb.Cells, &notebook.Cell{ID: fmt.Sprint("cell-", i), Type: notebook.Code, Source: source})
	}
	return nb
}

// read reads a notebook.
func read(t *testing.T, path string) *notebook.Notebook {
	t.Helper()
	nb, err := notebook.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return nb
}

// text returns all outputs of a cell as text.
func text(c *notebook.Cell) string {
	var b strings.Builder
	for _, o := range c.Outputs {
		b.WriteString(o.PlainText())
	}
	return b.String()
}

// content returns the content of a file.
func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

package labtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
)

// every holds cells whose outputs are of every kind.
var every = []string{
	"fmt.Println(\"streamed <b>\")",
	"fmt.Fprintln(os.Stderr, \"warned\")",
	"chart.Line(\"loss\").Series(\"seed 1\", []float64{0, 1, 2, 3}, []float64{1, 0.5, 0.3, 0.25})",
	"m := image.NewGray(image.Rect(0, 0, 8, 8))\nfor i := range m.Pix {\n\tm.Pix[i] = uint8(4 * i)\n}\nvar file bytes.Buffer\npng.Encode(&file, m)\ndisplay.PNG(file.Bytes())",
	"display.LaTeX(`$\\sqrt{x^2}$`)",
	"display.Markdown(\"some *emphasis*\")",
	"[]struct{ Name string; Loss float64 }{{\"adam\", 0.25}, {\"sgd\", 0.5}}",
	"display.HTML(\"<b>bold</b>\")",
	"func f() { panic(\"on <purpose>\") }\nf()",
}

// nbconvert makes of a notebook with outputs of every kind, without a network, a page, a text and a paper
// that show all of them, and a program.
func TestConvert(t *testing.T) {
	j := newJupyter(t)
	dir := t.TempDir()
	path, done := filepath.Join(dir, "in.ipynb"), filepath.Join(dir, "every.ipynb")
	nb := goNotebook(every...)
	nb.Cells = append(nb.Cells, &notebook.Cell{ID: "text", Type: notebook.Markdown, Source: "# A title & more\n\n$a_1$ and `code`"})
	if err := nb.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	j.run(t, 2*time.Minute, j.python, "testdata/execute.py", path, done, kernelName, "60")
	const pictures = 2
	wants := map[string][]string{
		"html":     {"streamed &lt;b&gt;", "warned", "<em>emphasis</em>", "\\sqrt{x^2}", "<b>bold</b>", "<td", "adam", "ansi-red-fg", "on &lt;purpose&gt;"},
		"markdown": {"streamed <b>", "warned", "*emphasis*", "\\sqrt{x^2}", "<b>bold</b>", "<td", "adam", "on <purpose>", "# A title & more"},
		"latex":    {"streamed <b>", "warned", "\\emph{emphasis}", "\\sqrt{x^2}", "adam", "ansi-red", "on <purpose>", "\\section{A title"},
	}
	for to, want := range wants {
		t.Run(to, func(t *testing.T) {
			text := checkConverted(t, j, to, done, pictures)
			for _, s := range want {
				if !strings.Contains(text, s) {
					t.Errorf("%q is not in it", s)
				}
			}
			if strings.Contains(text, "\x1b") {
				t.Error("codes of a terminal are left in it")
			}
		})
	}
	t.Run("script", func(t *testing.T) { checkProgram(t, j, done) })
}

// formats are what checkConverted knows, with the ending of the file that nbconvert writes.
var formats = map[string]string{"html": ".html", "markdown": ".md", "latex": ".tex"}

// checkConverted converts an executed notebook beside it, checks that so many pictures show where no
// script runs and that their files are there, and returns the text.
func checkConverted(t *testing.T, j *jupyter, to, path string, pictures int) string {
	t.Helper()
	out := convert(t, j, to, path, formats[to])
	if to == "html" {
		checkPage(t, out, pictures)
		return content(t, out)
	}
	text := content(t, out)
	files := linked.FindAllStringSubmatch(text, -1)
	for _, m := range files {
		if info, err := os.Stat(filepath.Join(filepath.Dir(out), m[1])); err != nil || info.Size() == 0 {
			t.Errorf("a picture is missing: %v", err)
		}
	}
	if to == "markdown" {
		const render = "import mistune, sys; print(mistune.create_markdown(escape=False)(open(sys.argv[1]).read()))"
		page := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(page, []byte(j.run(t, time.Minute, j.python, "-c", render, out)), 0o644); err != nil {
			t.Fatal(err)
		}
		checkPage(t, page, pictures)
		return text
	}
	// What is a picture by its HTML alone, such as a table with small curves, is text on paper.
	pictures = 0
	for _, c := range read(t, path).Cells {
		for _, o := range c.Outputs {
			if o.Data["image/png"] != nil {
				pictures++
			}
		}
	}
	if len(files) < pictures || pictures == 0 || strings.Contains(text, "<svg") {
		t.Errorf("%d files of pictures are included, want %d, and SVG as text is %t", len(files), pictures, strings.Contains(text, "<svg"))
	}
	typeset(t, j, out)
	return text
}

// linked matches the name of a file that nbconvert has written beside a text.
var linked = regexp.MustCompile(`[({]([^\s(){}]+_files/[^\s(){}]+\.(?:png|jpe?g|svg))[)}]`)

// convert has nbconvert convert a notebook and returns the path of what it wrote. It finds the pandoc of
// the Python environment, and no network.
func convert(t *testing.T, j *jupyter, to, path, ending string) string {
	t.Helper()
	pandoc := strings.TrimSpace(j.run(t, time.Minute, j.python, "-c", "import os, pypandoc; print(os.path.dirname(pypandoc.get_pandoc_path()))"))
	const nowhere = "http://127.0.0.1:9"
	k := &jupyter{python: j.python, env: append(j.env[:len(j.env):len(j.env)],
		"PATH="+pandoc+string(filepath.ListSeparator)+os.Getenv("PATH"), "http_proxy="+nowhere, "https_proxy="+nowhere)}
	base := strings.TrimSuffix(filepath.Base(path), ".ipynb") + ".nbconvert"
	k.run(t, 2*time.Minute, k.python, "-m", "nbconvert", "--to", to, "--output", base, path)
	return filepath.Join(filepath.Dir(path), base+ending)
}

// typeset makes a PDF of a LaTeX file where the system has LaTeX.
func typeset(t *testing.T, j *jupyter, path string) {
	t.Helper()
	program, err := exec.LookPath("xelatex")
	if err != nil {
		t.Log("there is no xelatex, so no PDF is made")
		return
	}
	dir := filepath.Dir(path)
	j.run(t, 2*time.Minute, "sh", "-c", `cd "$1" && "$2" -interaction=nonstopmode -halt-on-error "$3"`, "sh", dir, program, filepath.Base(path))
}

// checkProgram checks that nbconvert makes a file of Go of a notebook, with the code of all cells.
func checkProgram(t *testing.T, j *jupyter, path string) {
	t.Helper()
	file := convert(t, j, "script", path, ".go")
	program := content(t, file)
	if err := os.Remove(file); err != nil { // cells are no program: the go command would stumble over it
		t.Error(err)
	}
	for i, c := range read(t, path).Cells {
		if c.Type != notebook.Code {
			continue
		}
		_, rest, found := strings.Cut(program, strings.TrimRight(c.Source, "\n"))
		if !found {
			t.Errorf("the code of cell %d is not in the program behind that of the cells above", i)
		}
		program = rest
	}
}

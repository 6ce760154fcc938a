package labtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
)

// Every notebook of the repository runs under nbclient without an error, and again where what it trained
// is found trained; the pages that nbconvert and `lathe report` make of it show every picture without a
// script.
func TestNotebooks(t *testing.T) {
	j := newJupyter(t)
	if testing.Short() {
		t.Skip("running every notebook takes minutes")
	}
	paths, err := filepath.Glob(filepath.Join(repository(t), "notebooks", "*.ipynb"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no notebooks to run (%v)", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			done := filepath.Join(artifacts(t), filepath.Base(path))
			j.run(t, 10*time.Minute, j.python, "testdata/execute.py", path, done, kernelName, "300")
			pictures := checkOutputs(t, done)
			again := filepath.Join(t.TempDir(), "again.ipynb")
			j.run(t, 10*time.Minute, j.python, "testdata/execute.py", path, again, kernelName, "300")
			if n := checkOutputs(t, again); n != pictures {
				t.Errorf("the first run shows %d pictures and the second %d", pictures, n)
			}
			base := strings.TrimSuffix(done, ".ipynb")
			for to := range formats {
				checkConverted(t, j, to, done, pictures)
			}
			checkProgram(t, j, done)
			lathe, err := buildLathe()
			if err != nil {
				t.Fatal(err)
			}
			j.run(t, time.Minute, lathe, "report", done, "-o", base+".report.html")
			checkPage(t, base+".report.html", pictures)
		})
	}
}

// checkOutputs checks that the cells of an executed notebook have outputs and none an error, and
// returns how many of the outputs are pictures.
func checkOutputs(t *testing.T, path string) (pictures int) {
	t.Helper()
	nb, err := notebook.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	outputs := 0
	for i, c := range nb.Cells {
		for _, o := range c.Outputs {
			outputs++
			if o.Type == notebook.Error {
				t.Errorf("cell %d failed: %s", i, o.PlainText())
			}
			if isPicture(o) {
				pictures++
			}
		}
	}
	t.Logf("%d outputs, %d of them pictures", outputs, pictures)
	if outputs == 0 {
		t.Error("no cell has an output")
	}
	return pictures
}

// isPicture reports whether an output has a form that is a picture.
func isPicture(o *notebook.Output) bool {
	for kind, v := range o.Data {
		text, _ := v.(string)
		if strings.HasPrefix(kind, "image/") || kind == "text/html" && picture.MatchString(script.ReplaceAllString(text, "")) {
			return true
		}
	}
	return false
}

var (
	script  = regexp.MustCompile(`(?is)<script\b.*?</script\s*>`)
	picture = regexp.MustCompile(`(?i)<svg\b|<img[^>]+src="(?:data:image/|[^":]+_files/)`)
)

// checkPage checks that a page shows at least so many pictures once its scripts are gone.
func checkPage(t *testing.T, path string, want int) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := len(picture.FindAll(script.ReplaceAll(page, nil), -1))
	if got < want {
		t.Errorf("%s shows %d pictures without scripts, want %d", filepath.Base(path), got, want)
	}
}

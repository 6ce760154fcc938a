package repotest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTopLevel(t *testing.T) {
	allowed := strings.Fields("kernel notebooks pkg docker go.mod go.sum README.md Makefile LICENSE .ci .gitignore")
	ignored := strings.Fields(".git bin out .lathe .venv")
	entries, err := os.ReadDir(loaded(t).root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(allowed, e.Name()) && !slices.Contains(ignored, e.Name()) {
			t.Errorf("%s does not belong at the top of the repository", e.Name())
		}
	}
}

func TestGoMod(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(loaded(t).root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	requirement := regexp.MustCompile(`^\s*(require )?\S+\.\S+/\S+ v\S+`)
	direct := 0
	for i, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "replace") {
			t.Errorf("go.mod:%d: a replace directive makes `go install` and every importer see other code", i+1)
		}
		if !requirement.MatchString(line) {
			continue
		}
		_, comment, _ := strings.Cut(line, "//")
		comment = strings.TrimSpace(comment)
		if comment != "indirect" {
			direct++
		}
		if comment == "" {
			t.Errorf("go.mod:%d: a direct requirement without its reason: %s", i+1, strings.TrimSpace(line))
		}
	}
	if direct == 0 {
		t.Error("found no direct requirement in go.mod")
	}
}

// binary lists the endings of files that hold no text.
var binary = []string{".png", ".gz", ".zip", ".ipynb", ".jpg", ".npy"}

// texts calls f with every line of the repository's text files but those of this package, whose
// patterns match themselves.
func texts(t *testing.T, f func(path string, number int, line []byte)) {
	t.Helper()
	root := loaded(t).root
	err := walk(root, func(path string) error {
		if strings.HasPrefix(path, "kernel/internal/repotest/") || slices.Contains(binary, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			f(path, i+1, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What a page loads from elsewhere is gone when the other place is, and tells it who reads the page.
func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	hosts := regexp.MustCompile(`cdn\.jsdelivr|unpkg\.com|cdnjs\.|//cdn\.|fonts\.googleapis|ajax\.googleapis|go-echarts\.github\.io`)
	texts(t, func(path string, number int, line []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		if host := hosts.Find(line); host != nil {
			t.Errorf("%s:%d: names %s, from which a page would load something", path, number, host)
		}
	})
}

func TestNoPathOfOneMachine(t *testing.T) {
	paths := regexp.MustCompile(`(^|[^\w.])/(root|home/\w+|Users/\w+|work)/[\w.]`)
	texts(t, func(path string, number int, line []byte) {
		if strings.HasPrefix(path, "docker/") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".min.js") {
			return
		}
		if found := paths.Find(line); found != nil {
			t.Errorf("%s:%d: %s is a path of one machine", path, number, bytes.TrimSpace(found))
		}
	})
}

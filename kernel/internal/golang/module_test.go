package golang

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A transcript keeps what one cell shows as text. Output comes from any goroutine.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *transcript) Stream(_, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.WriteString(text)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func (*transcript) Display(frame.Bundle)   {}
func (*transcript) Update(frame.Bundle)    {}
func (*transcript) Clear(bool)             {}
func (*transcript) Comm(frame.CommMessage) {}

// Result keeps the text of the value.
func (t *transcript) Result(b frame.Bundle) { t.Stream("", fmt.Sprintln(b.Data["text/plain"])) }

// A moduleSession runs cells in a folder of files.
type moduleSession struct {
	t     *testing.T
	dir   string
	cells *cells
	count int
}

// startModule writes files below a new folder and starts a session in the folder named.
func startModule(t *testing.T, folder string, files map[string]string) *moduleSession {
	t.Helper()
	ensureBase(t)
	m := &moduleSession{t: t, dir: t.TempDir()}
	for name, text := range files {
		m.write(name, text)
	}
	m.cells = startCells(context.Background(), filepath.Join(m.dir, folder))
	t.Cleanup(func() {
		if err := m.cells.close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *moduleSession) write(name, text string) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
	// A change within the clock's grain must show.
	later := time.Now().Add(time.Duration(m.count+1) * time.Second)
	if err := os.Chtimes(path, later, later); err != nil {
		m.t.Fatal(err)
	}
}

// expect runs a cell and compares the last line that it shows, or of its error.
func (m *moduleSession) expect(code, want string) {
	m.t.Helper()
	m.count++
	var out transcript
	err := m.cells.execute(context.Background(), fmt.Sprintf("In[%d]", m.count), code, &out)
	got := strings.TrimSpace(out.String())
	if err != nil {
		got += "\nerror: " + err.Error()
	}
	if !strings.Contains(got, want) {
		m.t.Errorf("%s\nshows\n%s\nwithout\n%s", code, got, want)
	}
}

func TestModulePackagesReload(t *testing.T) {
	m := startModule(t, "notebooks", map[string]string{
		"go.mod":                "module example.org/m\n\ngo 1.26\n",
		"geo/geo.go":            "package geo\n\nimport \"example.org/m/geo/inner\"\n\ntype Point struct{ X, Y float64 }\n\nvar Ready bool\n\nfunc init() { Ready = true }\n\nfunc (p Point) Size() float64 { return inner.Add(p.X, p.Y) }\n",
		"geo/inner/inner.go":    "package inner\n\nfunc Add(a, b float64) float64 { return a + b }\n",
		"notebooks/ignored.txt": "",
	})
	m.expect("p := geo.Point{1, 2}\np.Size()", "3")
	m.expect("geo.Ready", "true")
	m.expect("func big(p geo.Point) bool { return p.Size() > 100 }\nbig(p)", "false")
	// New behaviour, old values alive: also of a function of an earlier cell, and of a package below.
	m.write("geo/inner/inner.go", "package inner\n\nfunc Add(a, b float64) float64 { return 1000 * (a + b) }\n")
	m.expect("big(p)", "true")
	m.expect("p.Size()", "3000")
	// A package that does not compile is reported, in nobody else's way, and used again when it is mended.
	m.write("geo/geo.go", "package geo\n\nfunc (")
	m.expect("p.Size()", "geo.go:3")
	m.expect("1 + 1", "2")
	m.write("geo/geo.go", "package geo\n\ntype Point struct{ X, Y, Z float64 }\n\nfunc (p Point) Size() float64 { return p.Z }\n")
	m.expect("geo.Point{1, 2, 7}.Size()", "7")
	m.expect("p", "undefined: p")
}

func TestModuleReplaceAndWorkspace(t *testing.T) {
	m := startModule(t, "app", map[string]string{
		"go.work":        "go 1.26\n\nuse (\n\t./app\n\t./lib\n)\n",
		"app/go.mod":     "module example.org/app\n\ngo 1.26\n\nrequire example.org/other v1.0.0\n\nreplace example.org/other => ../other\n",
		"app/a.go":       "package app\n\nimport \"example.org/other\"\n\nfunc Name() string { return \"app and \" + other.Name() }\n",
		"lib/go.mod":     "module example.org/lib\n\ngo 1.26\n",
		"lib/lib.go":     "package lib\n\nfunc Name() string { return \"lib\" }\n",
		"other/go.mod":   "module example.org/other\n\ngo 1.26\n",
		"other/other.go": "package other\n\nfunc Name() string { return \"other\" }\n",
	})
	m.expect("app.Name()", "app and other")
	m.expect("lib.Name()", "lib")
	m.expect("other.Name()", "other")
}

func TestModuleVendor(t *testing.T) {
	m := startModule(t, "", map[string]string{
		"go.mod":                          "module example.org/v\n\ngo 1.26\n\nrequire example.org/dep v1.2.3\n",
		"v.go":                            "package v\n\nimport \"example.org/dep\"\n\nfunc Name() string { return dep.Name }\n",
		"vendor/modules.txt":              "# example.org/dep v1.2.3\n## explicit; go 1.26\nexample.org/dep\n",
		"vendor/example.org/dep/dep.go":   "package dep\n\nconst Name = \"vendored\"\n",
		"vendor/example.org/dep/other.go": "package dep\n",
	})
	m.expect("import \"example.org/v\"\nv.Name()", "vendored")
	m.expect("import \"example.org/dep\"\ndep.Name", "vendored")
}

func TestModuleBuildTags(t *testing.T) {
	files := map[string]string{
		"go.mod":       "module example.org/tags\n\ngo 1.26\n",
		"tag/plain.go": "//go:build !special\n\npackage tag\n\nconst Name = \"plain\"\n",
		"tag/tag.go":   "//go:build special\n\npackage tag\n\nconst Name = \"special\"\n",
	}
	m := startModule(t, "", files)
	m.expect("tag.Name", "plain")
}

func TestModuleThatIsMissing(t *testing.T) {
	m := startModule(t, "", map[string]string{"go.mod": "module example.org/m\n\ngo 1.26\n"})
	m.expect("import \"example.org/nowhere\"", "`%get example.org/nowhere@latest` adds it")
	m.expect("import \"example.org/m/nothing\"", "example.org/m/nothing")
}

// TestModuleConflict has a module that requires an older version of a package of the base library, and
// makes a base library for the two.
func TestModuleConflict(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a base library is made")
	}
	if out, err := exec.Command("go", "mod", "download", "github.com/pkg/errors@v0.8.1").CombinedOutput(); err != nil {
		t.Skipf("no other version of a module at hand: %s", out)
	}
	m := startModule(t, "", map[string]string{
		"go.mod":       "module example.org/m\n\ngo 1.26\n\nrequire github.com/pkg/errors v0.8.1\n",
		"go.sum":       "github.com/pkg/errors v0.8.1 h1:iURUrRGxPUNPdy5/HRSm+Yj6okJ6UtLINN0Q9M4+h3I=\ngithub.com/pkg/errors v0.8.1/go.mod h1:bwawxfHBFNV+L2hUp1rHADufV3IMtnDRdf1r5NINEl0=\n",
		"mine/mine.go": "package mine\n\nimport \"github.com/pkg/errors\"\n\nfunc Text() string { return errors.New(\"mine\").Error() }\n",
	})
	m.expect("mine.Text()", "run `lathe setup --module "+m.dir+"` and restart the kernel")
	if _, err := build.EnsureFor(t.Context(), m.dir, func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
	again := &moduleSession{t: t, dir: m.dir, cells: startCells(context.Background(), m.dir)}
	defer again.cells.close()
	again.expect("mine.Text()", "mine")
}

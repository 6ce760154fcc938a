package labtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
)

// A seenCell is a cell as the page shows it.
type seenCell struct {
	Prompt, Text string
	Pictures     int  // of more than a symbol's size
	Interactive  int  // those that are drawn by a script
	Error        bool // or a text on the error stream
}

// A person uses JupyterLab.
func TestJupyterLab(t *testing.T) {
	j := newJupyter(t)
	l := &lab{jupyter: j, chromium: findChromium(t), dir: t.TempDir()}
	l.address = startLab(t, j, l.dir)
	t.Run("look", l.look)
	t.Run("edit", l.edit)
	t.Run("widget", l.widget)
	t.Run("stop", l.stop)
	t.Run("gonbui", l.gonbui)
	t.Run("runs", l.runs)
	t.Run("board", l.board)
	t.Run("notebook", l.notebook)
}

// look: a person types into an empty cell, runs that cell and those below it, and sees charts, bars,
// tables and errors.
func (l *lab) look(t *testing.T) {
	var cells []seenCell
	l.tell(t, "look", &cells,
		"",
		`chart.Line("valid loss").Series("seed 1", []float64{0, 1, 2, 3}, []float64{1, 0.5, 0.3, 0.25})`,
		"bar := display.NewProgress(\"steps\", 20, \"step\")\nfor range 20 {\n\ttime.Sleep(20 * time.Millisecond)\n\tbar.Add(1)\n}\nbar.Close();",
		"type Point struct { X int; Y float64 }\n[]Point{{1, 0.5}, {2, 0.25}}",
		"func at(s []int, i int) int {\n\treturn s[i]\n}\nat(nil, 3)",
		"x := undefined",
	)
	for i, want := range []struct {
		text  string
		error bool
	}{{"2", false}, {"", false}, {"20/20", false}, {"0.25", false}, {"out of range [3]", true}, {"undefined: undefined", true}} {
		if !strings.Contains(cells[i].Text, want.text) || cells[i].Error != want.error {
			t.Errorf("cell %d shows %+v; want %q, error %t", i+1, cells[i], want.text, want.error)
		}
	}
	if cells[1].Interactive == 0 || cells[1].Pictures == 0 {
		t.Errorf("the chart is not interactive: %+v", cells[1])
	}
}

// edit: a person completes a name, and looks at what a function does.
func (l *lab) edit(t *testing.T) {
	var seen struct {
		Names              [][2]string // and their kinds
		Tooltip, Inspector string
	}
	l.tell(t, "edit", &seen,
		"// Scale multiplies every value by f.\nfunc Scale(values []float64, f float64) []float64 {\n\treturn values\n}", "", "Scale")
	if !slices.Contains(seen.Names, [2]string{"ToUpper", "function"}) || !slices.Contains(seen.Names, [2]string{"ToUpperSpecial", "function"}) {
		t.Errorf("behind strings.ToU the names are %q", seen.Names)
	}
	if want := "func strings.ToUpper(s string) string"; !strings.Contains(seen.Tooltip, want) {
		t.Errorf("the tooltip is %q, want %q in it", seen.Tooltip, want)
	}
	for _, want := range []string{"func Scale(values []float64, f float64) []float64", "multiplies every value"} {
		if !strings.Contains(seen.Inspector, want) {
			t.Errorf("the help beside the notebook is %q, want %q in it", seen.Inspector, want)
		}
	}
}

// widget: a person moves a slider while a cell waits for that, and a cell moves it.
func (l *lab) widget(t *testing.T) {
	var seen struct {
		Before string
		Cells  []seenCell
	}
	l.tell(t, "widget", &seen,
		"s := display.Slider(\"rate\", 0, 100, 10)\ns",
		"for s.Value() < 30 {\n\tfmt.Print(\".\")\n\ttime.Sleep(20 * time.Millisecond)\n}\nfmt.Println(\"moved\")",
		"before := s.Value()\ns.Set(5)\nbefore")
	if seen.Before != "[*]:" {
		t.Errorf("before the slider is moved the prompt of the cell that waits is %q", seen.Before)
	}
	if c := seen.Cells[1]; c.Error || !strings.HasSuffix(c.Text, "moved") {
		t.Errorf("after it is moved the cell shows %+v", c)
	}
	if n, err := strconv.Atoi(seen.Cells[2].Text); err != nil || n < 70 || n > 90 {
		t.Errorf("the value is %q, want about 80", seen.Cells[2].Text)
	}
}

// stop: a person stops an endless cell with the button, and goes on; and restarts the kernel.
func (l *lab) stop(t *testing.T) {
	var seen struct {
		Took               float64
		Stopped, Restarted []seenCell
	}
	l.tell(t, "stop", &seen, "x := 41", "for {\n\tx++\n\tfmt.Print(\".\")\n\ttime.Sleep(10 * time.Millisecond)\n}", "x > 41")
	if c := seen.Stopped[1]; !c.Error || !strings.Contains(c.Text, "Interrupt") || seen.Took > 5 {
		t.Errorf("%.1f s after the stop button the endless cell shows %+v; want an Interrupt in less than 5 s", seen.Took, c)
	}
	if c := seen.Stopped[2]; c.Text != "true" {
		t.Errorf("after the stop the next cell shows %+v; want the values from before it", c)
	}
	if c := seen.Restarted[2]; !c.Error || !strings.Contains(c.Text, "undefined: x") {
		t.Errorf("after a restart the last cell shows %+v; want that x is not defined", c)
	}
}

// notebook: a person opens the first notebook and runs all of it; its charts are interactive.
func (l *lab) notebook(t *testing.T) {
	if testing.Short() {
		t.Skip("running a whole notebook takes half a minute")
	}
	var cells []seenCell
	l.tellOf(t, "notebook", &cells, read(t, filepath.Join(repository(t), "notebooks", "01-digits.ipynb")))
	charts := 0
	for i, c := range cells {
		charts += c.Interactive
		if c.Error {
			t.Errorf("cell %d shows %+v", i+1, c)
		}
	}
	if charts < 3 {
		t.Errorf("%d of the charts are interactive, want at least 3", charts)
	}
}

// A lab is a running JupyterLab and a browser to look at it.
type lab struct {
	*jupyter
	chromium string
	dir      string // of the notebooks
	address  string
}

// tell tells a story about a new notebook of these cells.
func (l *lab) tell(t *testing.T, story string, seen any, cells ...string) {
	t.Helper()
	l.tellOf(t, story, seen, goNotebook(cells...))
}

// tellOf opens a copy of a notebook in JupyterLab, does what the story of testdata/browser.py does, and
// stores in seen what it says.
func (l *lab) tellOf(t *testing.T, story string, seen any, nb *notebook.Notebook) {
	t.Helper()
	name := story + ".ipynb"
	if err := nb.WriteFile(filepath.Join(l.dir, name)); err != nil {
		t.Fatal(err)
	}
	screenshots := filepath.Join(artifacts(t), "jupyterlab-"+story)
	out := l.run(t, 4*time.Minute, l.python, "testdata/browser.py", story, l.chromium, l.address+"/lab/tree/"+name+"?reset", screenshots, "180")
	t.Logf("screenshots: %s-*.png", screenshots)
	if err := json.Unmarshal([]byte(out), seen); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// findChromium returns the path of a browser, or skips the test.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no Chromium on the path; kernel/internal/labtest/packages.sh installs it on Debian as root")
	return ""
}

// startLab starts JupyterLab on the folder dir until the test ends and returns its address.
func startLab(t *testing.T, j *jupyter, dir string) string {
	t.Helper()
	port := freePort(t)
	cmd := exec.CommandContext(t.Context(), j.python, "-m", "jupyterlab", "--no-browser", "--allow-root",
		fmt.Sprint("--port=", port), "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1",
		"--ServerApp.root_dir="+dir, "--IdentityProvider.token=", "--ServerApp.password=",
		"--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=", "--LabApp.expose_app_in_browser=True")
	cmd.Env = j.env
	// A group of its own, so that the kernels that it starts end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start JupyterLab: %v", err)
	}
	logged := make(chan string, 1)
	go func() { logged <- readAll(logs) }()
	t.Cleanup(func() {
		_ = cmd.Cancel()
		text := <-logged
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("JupyterLab said:\n%s", tail(text))
		}
	})
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	waitUntilUp(t, address+"/api/status")
	return address
}

// readAll reads lines until the end.
func readAll(r io.Reader) string {
	var b strings.Builder
	for s := bufio.NewScanner(r); s.Scan(); {
		b.WriteString(s.Text() + "\n")
	}
	return b.String()
}

// waitUntilUp waits until an address answers.
func waitUntilUp(t *testing.T, address string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if resp, err := client.Get(address); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
	t.Fatalf("%s does not answer", address)
}

// freePort returns a port that nothing listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

package labtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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

// A person types into an empty cell of JupyterLab, runs that cell and those below it, and sees charts,
// bars, tables and errors.
func TestJupyterLab(t *testing.T) {
	var cells []seenCell
	tellStory(t, "look", &cells,
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

// A person stops an endless cell with the button, and goes on; and restarts the kernel.
func TestStopAndRestart(t *testing.T) {
	var seen struct {
		Took               float64
		Stopped, Restarted []seenCell
	}
	tellStory(t, "stop", &seen, "x := 41", "for {\n\tx++\n\tfmt.Print(\".\")\n\ttime.Sleep(10 * time.Millisecond)\n}", "x > 41")
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

// A person opens the first notebook and runs all of it; its charts are interactive.
func TestNotebookInJupyterLab(t *testing.T) {
	if testing.Short() {
		t.Skip("running a whole notebook takes half a minute")
	}
	var cells []seenCell
	tellNotebook(t, "notebook", &cells, filepath.Join(repository(t), "notebooks", "01-digits.ipynb"))
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

// tellStory tells a story about a new notebook of these cells.
func tellStory(t *testing.T, story string, seen any, cells ...string) {
	t.Helper()
	nb := &notebook.Notebook{
		Minor:    5,
		Metadata: map[string]any{"kernelspec": map[string]any{"name": kernelName, "display_name": kernelName}},
	}
	for i, source := range cells {
		nb.Cells = append(nb.Cells, &notebook.Cell{ID: fmt.Sprint("cell-", i), Type: notebook.Code, Source: source})
	}
	path := filepath.Join(t.TempDir(), "test.ipynb")
	if err := nb.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	tellNotebook(t, story, seen, path)
}

// tellNotebook opens a copy of a notebook in JupyterLab, does what the story of testdata/browser.py
// does, and stores in seen what it says.
func tellNotebook(t *testing.T, story string, seen any, path string) {
	t.Helper()
	j := newJupyter(t)
	chromium := findChromium(t)
	dir, name := t.TempDir(), filepath.Base(path)
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	address := startLab(t, j, dir)
	screenshots := filepath.Join(artifacts(t), "jupyterlab-"+story)
	out := j.run(t, 4*time.Minute, j.python, "testdata/browser.py", story, chromium, address+"/lab/tree/"+name, screenshots, "180")
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

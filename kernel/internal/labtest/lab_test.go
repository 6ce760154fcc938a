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
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
)

// pictureCell is the code of a cell that shows a picture, by kernel.
var pictureCell = map[string]string{
	"lathe":   `chart.Line("valid loss").Series("seed 1", []float64{0, 1, 2, 3}, []float64{1, 0.5, 0.3, 0.25})`,
	"python3": "from IPython.display import HTML\nHTML('<svg width=\"300\" height=\"120\"><circle cx=\"60\" cy=\"60\" r=\"50\" fill=\"teal\"/></svg>')",
}

// seenCell is a cell as the page shows it.
type seenCell struct {
	Prompt, Text string
	Pictures     int
	Error        bool
}

// A person opens a notebook in JupyterLab, types into an empty cell, and runs that cell and the next.
func TestJupyterLab(t *testing.T) {
	j := newJupyter(t)
	chromium := findChromium(t)
	dir := t.TempDir()
	nb := &notebook.Notebook{
		Minor:    5,
		Metadata: map[string]any{"kernelspec": map[string]any{"name": j.kernel, "display_name": j.kernel}},
		Cells:    []*notebook.Cell{{ID: "sum", Type: notebook.Code}, {ID: "picture", Type: notebook.Code, Source: pictureCell[j.kernel]}},
	}
	if err := nb.WriteFile(filepath.Join(dir, "test.ipynb")); err != nil {
		t.Fatal(err)
	}
	address := startLab(t, j, dir)
	screenshot := filepath.Join(artifacts(t), "jupyterlab.png")
	out := j.run(t, 3*time.Minute, j.python, "testdata/browser.py", chromium, address+"/lab/tree/test.ipynb",
		screenshot, filepath.Join(t.TempDir(), "profile"), "120")
	t.Logf("screenshot: %s", screenshot)
	var cells []seenCell
	if err := json.Unmarshal([]byte(out), &cells); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(cells) != 2 || cells[0].Text != "2" || cells[1].Pictures == 0 || cells[0].Error || cells[1].Error {
		t.Errorf("the page shows %+v; want 2 in the first cell and a picture in the second", cells)
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
		"--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=")
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

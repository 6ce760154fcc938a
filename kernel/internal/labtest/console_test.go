package labtest

import (
	"path/filepath"
	"testing"
	"time"
)

// A person uses the kernel in jupyter console: values, a function over several lines, a panic, an endless
// loop that Ctrl-C stops, a question, and the way out.
func TestConsole(t *testing.T) {
	j := newJupyter(t)
	screen := filepath.Join(artifacts(t), "console.txt")
	j.run(t, 5*time.Minute, j.python, "testdata/console.py", screen)
	t.Logf("all that the terminal showed: %s", screen)
}

package labtest

import (
	"testing"
	"time"
)

// The cells that runtimed's kernel-testbed has a Go kernel run work as they stand.
func TestTestbed(t *testing.T) {
	j := newJupyter(t)
	j.run(t, 3*time.Minute, j.python, "testdata/snippets.py", kernelName, "testbed", "gonbui")
}

// What VS Code and Colab need is there, as far as it shows in messages; package spec tells what that is.
func TestEditors(t *testing.T) {
	j := newJupyter(t)
	j.run(t, 3*time.Minute, j.python, "testdata/snippets.py", kernelName, "editors")
}

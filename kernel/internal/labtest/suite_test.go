package labtest

import (
	"testing"
	"time"
)

// Jupyter's own conformance suite must pass and skip nothing, and so must the points beside it in
// testdata/kernel_suite.py, which frontends rely on and the suite does not look at.
func TestKernelSuite(t *testing.T) {
	j := newJupyter(t)
	t.Log(j.run(t, 5*time.Minute, j.python, "testdata/kernel_suite.py"))
}

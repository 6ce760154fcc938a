package labtest

import (
	"testing"
	"time"
)

// Jupyter's own conformance suite must pass, and may skip nothing but what the samples say
// that Lathe does not do.
func TestKernelSuite(t *testing.T) {
	j := newJupyter(t)
	t.Log(j.run(t, 5*time.Minute, j.python, "testdata/kernel_suite.py"))
}

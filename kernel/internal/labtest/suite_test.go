package labtest

import (
	"testing"
	"time"
)

// Jupyter's own conformance suite must pass, and may skip nothing but the pager.
func TestKernelSuite(t *testing.T) {
	j := newJupyter(t)
	if j.kernel != "lathe" {
		t.Skipf("the samples are in Go, and LATHE_LAB_KERNEL is %s", j.kernel)
	}
	j.run(t, 5*time.Minute, j.python, "testdata/kernel_suite.py")
}

package kerneltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/spec"
)

// TestConformance runs jupyter_kernel_test, with no test skipped, and further tests with jupyter_client
// against Echo in a process of its own.
func TestConformance(t *testing.T) {
	python := os.Getenv("LATHE_PYTHON")
	if python == "" {
		t.Skip("LATHE_PYTHON is not set: it names a Python that has jupyter_kernel_test")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "echo")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/echo").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	kernels := filepath.Join(dir, "kernels")
	if _, err := spec.Install(kernels, spec.Spec{Name: "echo", Argv: []string{program}}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/conformance.py")
	cmd.Env = append(os.Environ(), "JUPYTER_DATA_DIR="+dir, "JUPYTER_RUNTIME_DIR="+filepath.Join(dir, "runtime"),
		"ECHO_HISTORY="+filepath.Join(dir, "history.jsonl"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if regexp.MustCompile(`\bskipped\b`).Match(out) {
		t.Errorf("something was skipped:\n%s", out)
	}
	t.Log(strings.TrimSpace(string(out)))
}

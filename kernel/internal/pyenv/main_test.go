package main

import (
	"regexp"
	"strings"
	"testing"
)

// Every package must be pinned to one version and carry a digest, or a later release could change
// what the tests say.
func TestRequirementsArePinned(t *testing.T) {
	pin := regexp.MustCompile(`^[a-z0-9-]+==[0-9][^ ]*( ; python_full_version [<>=]+ '[0-9.*]+')? \\$`)
	pins, digests := 0, 0
	for i, line := range strings.Split(string(requirements), "\n") {
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "    --hash=sha256:"):
			digests++
		case pin.MatchString(line):
			pins++
		default:
			t.Errorf("requirements.txt:%d: neither a pin nor a digest: %s", i+1, line)
		}
	}
	if pins < 50 || digests < pins {
		t.Errorf("%d pins and %d digests; want at least 50 pins and a digest for each", pins, digests)
	}
	for _, name := range []string{"jupyterlab", "nbclient", "nbconvert", "nbformat", "jupyter-kernel-test",
		"jupyter-console", "jupyterlab-widgets", "papermill", "pexpect", "pypandoc-binary", "websocket-client"} {
		if !strings.Contains(string(requirements), "\n"+name+"==") {
			t.Errorf("requirements.txt does not pin %s", name)
		}
	}
}

func TestDigestDependsOnEveryPart(t *testing.T) {
	if a, b := digest([]byte("x"), []byte("y")), digest([]byte("x"), []byte("z")); a == b || len(a) != 12 {
		t.Errorf("digests %q and %q; want two different ones of 12 digits", a, b)
	}
}

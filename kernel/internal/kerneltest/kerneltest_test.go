package kerneltest

import (
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/server"
)

func TestScripts(t *testing.T) {
	RunScripts(t, "testdata/script", func(testing.TB) server.Handler { return &Echo{} })
}

func TestMatchLines(t *testing.T) {
	tests := []struct {
		want, text string
		match      bool
	}{
		{"", "", true},
		{"", "a\n", false},
		{"a\n", "a\n", true},
		{"a\nb\n", "a\n", false},
		{"took … s\n", "took 1.25 s\n", true},
		{"took … s\n", "took 1.25 ms\n", false},
		{"a…b…c\n", "a1b2c\n", true},
		{"a…b…c\n", "a1c\n", false},
		{"ab…ba\n", "aba\n", false},
		{"first\n…\nlast\n", "first\nlast\n", true},
		{"first\n…\nlast\n", "first\n1\n2\nlast\n", true},
		{"first\n…\nlast\n", "first\n1\n2\n", false},
		{"…\n", "", true},
	}
	for _, tt := range tests {
		if got := matchLines(tt.want, tt.text); got != tt.match {
			t.Errorf("matchLines(%q, %q) = %v", tt.want, tt.text, got)
		}
	}
}

package golang

import (
	"strings"
	"testing"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

type counter struct {
	bytes map[string]int
	last  string
}

func (c *counter) Stream(name, text string) { c.bytes[name] += len(text); c.last = text }
func (*counter) Display(frame.Bundle)       {}
func (*counter) Update(frame.Bundle)        {}
func (*counter) Clear(bool)                 {}
func (*counter) Result(frame.Bundle)        {}
func (*counter) Comm(frame.CommMessage)     {}

func TestTextIsCutOnceWithANotice(t *testing.T) {
	c := &counter{bytes: map[string]int{}}
	l := &limited{Output: c}
	line := strings.Repeat("x", 1<<20)
	for range 20 {
		l.Stream("stdout", line)
	}
	if c.bytes["stdout"] != maxStream {
		t.Errorf("%d bytes were shown, not %d", c.bytes["stdout"], maxStream)
	}
	if !strings.Contains(c.last, "not shown") || strings.Count(c.last, "note") != 1 {
		t.Errorf("the last text is %q", c.last)
	}
}

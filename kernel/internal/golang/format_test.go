package golang

import (
	"strings"
	"testing"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A nextInput is an output that keeps the text that is to replace the cell's.
type nextInput struct {
	probe
	text    string
	replace bool
}

func (n *nextInput) NextInput(text string, replace bool) { n.text, n.replace = text, replace }

func (*nextInput) Display(frame.Bundle) {}

func TestFmtOfACell(t *testing.T) {
	c := &cells{} // none is needed
	var out nextInput
	if err := c.execute(t.Context(), "In[1]", "\n%fmt \nx:=1\n%list", &out); err != nil || out.text != "x := 1\n%list" || !out.replace {
		t.Errorf("the cell is replaced (%v) by %q (%v)", out.replace, out.text, err)
	}
	out = nextInput{}
	err := c.execute(t.Context(), "In[1]", "%fmt\nx := 1\ny := )", &out)
	if err == nil || !strings.Contains(err.Error(), "nothing is open") || out.text != "" {
		t.Errorf("a cell that is no Go: %v, %q", err, out.text)
	}
	// A frontend would take an empty text for none at all.
	if err := c.execute(t.Context(), "In[1]", "%fmt\n\n", &out); err != nil || out.replace {
		t.Errorf("a cell without a text is replaced (%v): %v", out.replace, err)
	}
	if err := c.execute(t.Context(), "In[1]", "%fmt\nx := 1", &probe{}); err == nil || !strings.Contains(err.Error(), "lathe fmt") {
		t.Errorf("where no cell can be replaced: %v", err)
	}
}

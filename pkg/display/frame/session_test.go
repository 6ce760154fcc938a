package frame

import "testing"

// A listener is a sink that knows cells and lets others listen.
type listener struct {
	page
	heard func(Frame)
}

func (l *listener) Cells(from int) []Cell { return []Cell{{Name: "In[1]"}, {Name: "In[2]"}}[from:] }

func (l *listener) Echo(f func(Frame)) func() {
	l.heard = f
	return func() { l.heard = nil }
}

func TestSession(t *testing.T) {
	if cells := Cells(0); cells != nil {
		t.Errorf("outside a notebook there are %v", cells)
	}
	Echo(func(Frame) { t.Error("somebody prints outside a notebook") })()
	attach(t)
	if cells := Cells(0); cells != nil {
		t.Errorf("a sink that knows none has %v", cells)
	}
	l := &listener{}
	Attach(l)
	if cells := Cells(1); len(cells) != 1 || cells[0].Name != "In[2]" {
		t.Errorf("cells %v", cells)
	}
	got := ""
	stop := Echo(func(f Frame) { got += string(f.Payload) })
	l.heard(Frame{Kind: Stdout, Payload: []byte("x")})
	stop()
	if got != "x" || l.heard != nil {
		t.Errorf("heard %q, and goes on: %v", got, l.heard != nil)
	}
}

package frame

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// A page is the other side of comms: it keeps what this process sends.
type page struct {
	mu   sync.Mutex
	sent []CommMessage
}

func (p *page) Send(f Frame) error {
	var m CommMessage
	if err := f.Decode(&m); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, m)
	return nil
}

// took returns the types of what was sent since the last call.
func (p *page) took() (types []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.sent {
		types = append(types, m.Type+" "+m.ID+" "+string(m.Data))
	}
	p.sent = nil
	return types
}

// attach makes a page the sink until the test ends.
func attach(t *testing.T) *page {
	p := &page{}
	Attach(p)
	t.Cleanup(func() { Attach(nil) })
	return p
}

func TestCommFromHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := attach(t)
		var got []string
		c, err := OpenComm(CommMessage{ID: "a", Target: "x", Data: json.RawMessage(`1`)}, func(c *Comm, m CommMessage) {
			got = append(got, m.Type+string(m.Data))
			if m.Type == CommData {
				if err := c.Send("echo " + string(m.Data)); err != nil {
					t.Error(err)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []CommMessage{{Type: CommData, Data: json.RawMessage(`2`)}, {Type: CommData, Data: json.RawMessage(`3`)}, {Type: CommClose}} {
			m.ID = "a"
			if err := Deliver(m); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if want := []string{"comm_msg2", "comm_msg3", "comm_close"}; !slices.Equal(got, want) {
			t.Errorf("handled %q, want %q", got, want)
		}
		if got, want := p.took(), []string{"comm_open a 1", `comm_msg a "echo 2"`, `comm_msg a "echo 3"`}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
		if err := c.Send(1); !errors.Is(err, ErrCommClosed) {
			t.Errorf("to a closed comm: %v", err)
		}
		if err := Deliver(CommMessage{Type: CommData, ID: "a"}); !errors.Is(err, ErrCommClosed) {
			t.Errorf("for a closed comm: %v", err)
		}
	})
}

func TestCommFromThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := attach(t)
		if err := Deliver(CommMessage{Type: CommOpen, ID: "b", Target: "x"}); err == nil {
			t.Error("a comm of a target that nobody handles was opened")
		}
		var got []string
		HandleComms("x", func(c *Comm, m CommMessage) func(*Comm, CommMessage) {
			if string(m.Data) == `"no"` {
				return nil
			}
			return func(_ *Comm, m CommMessage) { got = append(got, c.ID()+m.Type) }
		})
		for _, m := range []CommMessage{
			{Type: CommOpen, ID: "b", Target: "x"}, {Type: CommData, ID: "b"}, {Type: CommData, ID: "b"},
			{Type: CommOpen, ID: "c", Target: "x", Data: json.RawMessage(`"no"`)},
		} {
			if err := Deliver(m); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if want := []string{"bcomm_msg", "bcomm_msg"}; !slices.Equal(got, want) {
			t.Errorf("handled %q, want %q", got, want)
		}
		if got, want := p.took(), []string{"comm_close c "}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
		HandleComms("x", nil)
		if err := Deliver(CommMessage{Type: CommClose, ID: "b"}); err != nil {
			t.Error(err)
		}
	})
}

// What a handler sends says which message it answers, and what others send does not.
func TestCommCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := attach(t)
		HandleComms("x", func(c *Comm, m CommMessage) func(*Comm, CommMessage) {
			_ = c.Send("hello")
			return func(c *Comm, m CommMessage) {
				_ = c.Send(m.Data)
				if m.Cause == 9 {
					_ = c.Close(nil)
				}
			}
		})
		defer HandleComms("x", nil)
		c, err := OpenComm(CommMessage{ID: "a"}, func(c *Comm, m CommMessage) { _ = c.Send(m.Data) })
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []CommMessage{
			{Type: CommData, ID: "a", Cause: 7}, {Type: CommOpen, ID: "b", Target: "x", Cause: 8}, {Type: CommData, ID: "b", Cause: 9},
		} {
			if err := Deliver(m); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if err := errors.Join(c.Send(1), c.Close(nil)); err != nil {
			t.Error(err)
		}
		var got []uint64
		for _, m := range p.sent {
			got = append(got, m.Cause)
		}
		if want := []uint64{0, 7, 8, 9, 9, 0, 0}; !slices.Equal(got, want) {
			t.Errorf("the causes are %v, want %v", got, want)
		}
	})
}

// Without a notebook a comm has no other side, and nothing fails.
func TestCommAlone(t *testing.T) {
	c, err := OpenComm(CommMessage{Target: "x"}, nil)
	if err != nil || c.Send(1) != nil || c.Close(nil) != nil {
		t.Error("a comm needs a notebook")
	}
	if err := c.Close(nil); !errors.Is(err, ErrCommClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

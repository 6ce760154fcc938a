package display

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeClock stands still until it is moved.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newTestProgress(title string, total int64, unit string) (*Progress, *fakeClock) {
	c := &fakeClock{now: time.Unix(1000, 0)}
	p := NewProgress(title, total, unit)
	p.clock, p.start, p.last = c.read, c.now, c.now
	return p, c
}

func TestProgressIsThrottled(t *testing.T) {
	r := attach(t)
	p, c := newTestProgress("train", 10_000, "step")
	for range 9_999 {
		p.Add(1)
		c.move(time.Millisecond)
	}
	if n := len(r.frames); n < 38 || n > 41 {
		t.Errorf("%d frames in 10 s, want 4 a second", n)
	}
	p.Note("loss %.2f", 0.5)
	p.Add(1) // complete: shown at once
	last := plainOf(r.bundles(t)[len(r.frames)-1])
	for _, want := range []string{"train", "100%", "10000/10000 step", "step/s", "loss 0.50", "0:10"} {
		if !strings.Contains(last, want) {
			t.Errorf("no %q in %q", want, last)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	n := len(r.frames)
	p.Add(1)
	if err := p.Close(); err != nil || len(r.frames) != n {
		t.Errorf("drawn after Close: %d frames, err %v", len(r.frames)-n, err)
	}
}

func TestProgressEstimates(t *testing.T) {
	r := attach(t)
	p, c := newTestProgress("", 100, "batch")
	c.move(10 * time.Second)
	p.Add(20)
	if text := plainOf(r.bundles(t)[0]); !strings.Contains(text, "0:10 < 0:40  2 batch/s") {
		t.Errorf("got %q", text)
	}
}

// After a resume the rate counts what was done since, and the final rate is that of the whole.
func TestProgressResumed(t *testing.T) {
	r := attach(t)
	p, c := newTestProgress("", 1000, "step")
	p.Set(900)
	c.move(10 * time.Second)
	p.Add(50)
	c.move(40 * time.Second)
	p.Add(50)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	all := r.bundles(t)
	if text := plainOf(all[1]); !strings.Contains(text, "0:10 < 0:10  5 step/s") {
		t.Errorf("while it runs %q", text)
	}
	if text := plainOf(all[len(all)-1]); !strings.Contains(text, "0:50  2 step/s") {
		t.Errorf("at the end %q", text)
	}
}

func TestProgressFromGoroutines(t *testing.T) {
	r := attach(t)
	p := NewProgress("<many>", 8000, "")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				p.Add(1)
			}
		})
	}
	wg.Wait()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	last := r.bundles(t)[len(r.frames)-1]
	if !strings.Contains(plainOf(last), "8000/8000") || !strings.Contains(last.Data[mimeHTML].(string), "&lt;many&gt;") {
		t.Errorf("last state %v", last.Data)
	}
}

func TestProgressLine(t *testing.T) {
	for _, tty := range []bool{true, false} {
		var out bytes.Buffer
		p, c := newTestProgress("load", 4, "file")
		p.out, p.tty = &out, tty
		for range 3 {
			c.move(time.Second)
			p.Add(1)
		}
		if err := p.Fail(errors.New("disk full\nsecond line")); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if got := strings.Count(text, "\r"); tty != (got == 4) {
			t.Errorf("tty %v: %d returns in %q", tty, got, text)
		}
		if !strings.HasSuffix(strings.TrimRight(text, " \n"), "stopped: disk full …") || !strings.HasSuffix(text, "\n") {
			t.Errorf("tty %v: %q", tty, text)
		}
	}
}

func BenchmarkProgressAdd(b *testing.B) {
	p := NewProgress("bench", int64(b.N)+1, "")
	p.out = &bytes.Buffer{}
	for b.Loop() {
		p.Add(1)
	}
}

package chart

import (
	"encoding/json"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A recorder is a sink that keeps the frames that it gets.
type recorder struct {
	mu     sync.Mutex
	frames []frame.Frame
	came   chan struct{}
}

func (r *recorder) Send(f frame.Frame) error {
	r.mu.Lock()
	r.frames = append(r.frames, f)
	r.mu.Unlock()
	r.came <- struct{}{}
	return nil
}

func attach(t *testing.T) *recorder {
	r := &recorder{came: make(chan struct{}, 1000)}
	frame.Attach(r)
	t.Cleanup(func() { frame.Attach(nil) })
	return r
}

// sent is what a frame of a live chart holds.
type sent struct {
	id   string
	live bool
	text string
}

func (r *recorder) sent(t *testing.T) []sent {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []sent
	for _, f := range r.frames {
		var b frame.Bundle
		if err := f.Decode(&b); err != nil {
			t.Fatal(err)
		}
		s := b.Data[MIME].(map[string]any)
		out = append(out, sent{b.DisplayID, s["live"].(bool), b.Data["text/plain"].(string)})
	}
	return out
}

// A stepper stands for sleeping: each tick lets one sleeper go.
type stepper struct {
	asked chan time.Duration
	tick  chan struct{}
}

func (s stepper) sleep(d time.Duration) {
	s.asked <- d
	<-s.tick
}

func TestLiveIsCoalesced(t *testing.T) {
	r := attach(t)
	l := NewLive(Line("Loss").X("step"))
	<-r.came
	s := stepper{make(chan time.Duration), make(chan struct{})}
	l.sleep = s.sleep
	for picture := range 3 {
		for i := range 10_000 {
			l.Append("train", float64(picture*10_000+i), 1)
		}
		if d := <-s.asked; d < 200*time.Millisecond || d > 500*time.Millisecond {
			t.Errorf("sleeps %v between pictures, want 2 to 5 a second", d)
		}
		s.tick <- struct{}{}
		<-r.came
	}
	l.sleep = func(time.Duration) {}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.Append("train", 1e9, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := r.sent(t)
	if len(all) != 5 { // the empty one, three, the final one
		t.Fatalf("%d pictures", len(all))
	}
	for i, p := range all {
		if p.live != (i < 4) || p.id != all[0].id {
			t.Errorf("picture %d: live %v, id %q", i, p.live, p.id)
		}
	}
	if last := all[4].text; !strings.Contains(last, "30000 points came") {
		t.Errorf("final text %q", last)
	}
}

// A point appended just before Close is in the final picture, and nothing comes after that.
func TestLiveClose(t *testing.T) {
	r := attach(t)
	l := NewLive(Line("Loss").Series("old", nil, []float64{3, 2}))
	l.Append("train", 1, 5)
	l.Append("train", 2, math.NaN())
	l.Mark(1, "resumed")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := r.sent(t)
	last := all[len(all)-1]
	for _, want := range []string{"old", "NaN at 2", "at 1: resumed"} {
		if !strings.Contains(last.text, want) {
			t.Errorf("no %q in %q", want, last.text)
		}
	}
	if last.live {
		t.Error("the last picture is still live")
	}
}

func TestLiveFromGoroutines(t *testing.T) {
	attach(t)
	l := NewLive(Line("Loss").Points(100))
	l.sleep = func(time.Duration) {}
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		wg.Go(func() {
			for i := range 500 {
				l.Append(name, float64(i), float64(i))
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if c := l.Chart(); len(c.series) != 2 || c.series[0].xs[0] != 0 {
		t.Errorf("chart %v", c)
	}
}

// BenchmarkLiveAppend is the price of one point for a training loop, pictures included.
func BenchmarkLiveAppend(b *testing.B) {
	frame.Attach(discard{})
	defer frame.Attach(nil)
	l := NewLive(Line("Loss").LogY())
	x := 0.0
	b.ReportAllocs()
	for b.Loop() {
		x++
		l.Append("train", x, 1/x)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

type discard struct{}

func (discard) Send(frame.Frame) error { return nil }

func BenchmarkOption4000Points(b *testing.B) {
	xs, ys := losses(4000, 2)
	c := Line("l").Series("s", xs, ys)
	for b.Loop() {
		if _, err := json.Marshal(c.MIMEBundle()); err != nil {
			b.Fatal(err)
		}
	}
}

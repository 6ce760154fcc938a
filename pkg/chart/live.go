package chart

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lathe-go/lathe/pkg/display"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// sendEvery is the time between two pictures of a live chart: about three in a second, however fast
// points arrive.
const sendEvery = 300 * time.Millisecond

// A Live chart is on the page while points are appended to it. All its methods may be called from any
// goroutine. Append costs well under a microsecond: it stores the point, and a goroutine that runs only
// while there is something new sends pictures at most about three times a second. The points that are
// kept are bounded; when there are more, they are thinned as for the page, evenly over the range of x.
// Close stores the finished picture; it must be called.
type Live struct {
	chart *Chart // axes and texts; its series are made for each picture
	sleep func(time.Duration)

	mu      sync.Mutex // what follows
	tracks  []*track
	byName  map[string]*track
	sending bool // a goroutine is about to send
	closed  bool

	out    sync.Mutex      // held while a picture is made and sent, so that none overtakes another
	handle *display.Handle // nil until something was shown
	work   sync.WaitGroup
}

// A track is one series of a live chart, kept within bounds.
type track struct {
	name   string
	xs, ys []float64
	total  int // points ever appended
}

// NewLive puts an empty chart on the page and returns it. The series of c, if it has any, are its
// beginning; c itself is not changed.
func NewLive(c *Chart) *Live {
	l := &Live{chart: c.clone(), sleep: time.Sleep, byName: map[string]*track{}}
	for _, s := range c.series {
		t := l.track(s.name)
		t.xs, t.ys, t.total = slices.Clone(s.xs), slices.Clone(s.ys), len(s.xs)
	}
	l.send(true)
	return l
}

// clone returns a copy of c whose lists may be changed.
func (c *Chart) clone() *Chart {
	d := *c
	d.series, d.marks = slices.Clone(c.series), slices.Clone(c.marks)
	d.edits, d.notes = slices.Clone(c.edits), slices.Clone(c.notes)
	return &d
}

// Append adds the point (x, y) to a series, which is made at its first point. After Close it does nothing.
func (l *Live) Append(series string, x, y float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.track(series).add(x, y, l.chart.points)
	l.changed()
}

// Mark draws a vertical line with a text at x.
func (l *Live) Mark(x float64, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.chart.Mark(x, text)
		l.changed()
	}
}

// Drop takes all points out of a series, which keeps its colour and its place, so that it can be drawn anew.
func (l *Live) Drop(series string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.byName[series]; t != nil && !l.closed {
		t.xs, t.ys, t.total = nil, nil, 0
		l.changed()
	}
}

// track returns the series with the given name. The caller holds mu, or is the only one.
func (l *Live) track(name string) *track {
	t := l.byName[name]
	if t == nil {
		t = &track{name: name}
		l.byName[name] = t
		l.tracks = append(l.tracks, t)
	}
	return t
}

// changed has a picture sent soon. The goroutine ends by itself when it has sent; Close waits for it.
// It is started from the goroutine that appends, so that its output belongs to the same cell.
func (l *Live) changed() {
	if l.sending {
		return
	}
	l.sending = true
	l.work.Go(func() {
		l.sleep(sendEvery)
		l.mu.Lock()
		l.sending = false // points from here on make the next picture
		closed := l.closed
		l.mu.Unlock()
		if !closed {
			l.send(true)
		}
	})
}

// Close sends the finished chart, which the notebook keeps as a picture, and returns the first error
// met in showing it. It takes up to a third of a second.
func (l *Live) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	l.work.Wait()
	if first {
		l.send(false)
	}
	l.out.Lock()
	defer l.out.Unlock()
	if err := l.handle.Err(); err != nil {
		return fmt.Errorf("chart: live: %w", err)
	}
	return l.chart.Err()
}

// Chart returns the chart as it is now.
func (l *Live) Chart() *Chart {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.chart.clone()
	c.series = c.series[:0:0]
	for _, t := range l.tracks {
		c.series = append(c.series, series{t.name, slices.Clone(t.xs), slices.Clone(t.ys)})
		if t.total > len(t.xs) {
			c.notes = append(c.notes, fmt.Sprintf("%s: %d points came, thinned to %d", t.name, t.total, len(t.xs)))
		}
	}
	return c
}

// send brings the chart as it is now to the page. Outside a notebook only the finished chart is
// printed.
func (l *Live) send(live bool) {
	if live && frame.Attached() == nil {
		return
	}
	l.out.Lock()
	defer l.out.Unlock()
	picture := display.Raw(l.Chart().bundle(live))
	if l.handle == nil {
		l.handle = display.Show(picture)
		return
	}
	l.handle.Update(picture)
}

// add appends a point, and thins the track to limit when it has twice as many.
func (t *track) add(x, y float64, limit int) {
	t.xs, t.ys = append(t.xs, x), append(t.ys, y)
	t.total++
	if len(t.xs) >= 2*limit {
		t.xs, t.ys = thinByX(t.xs, t.ys, limit)
	}
}

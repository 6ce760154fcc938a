package display

import (
	"fmt"
	"html"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

const (
	redrawEvery = 250 * time.Millisecond // at most four pictures of a bar in a second
	rateMemory  = 10 * time.Second       // how far back the rate looks
	barWidth    = 30                     // characters of a bar in a terminal
)

// A Progress is a bar that says how far a piece of work has come: in a notebook on the page, in a
// terminal on one line of standard error. All its methods may be called from any goroutine; Add costs
// some tens of nanoseconds and redraws at most four times a second. Nothing is shown before the first
// Add, Set or Note. Call Close at the end.
type Progress struct {
	title string
	total int64
	unit  string

	done  atomic.Int64
	due   atomic.Int64 // the time, in nanoseconds since start, from which a redraw may be made
	clock func() time.Time
	out   io.Writer // where the line goes outside a notebook
	tty   bool      // out can show a line again and again

	mu      sync.Mutex // what follows belongs to the one who draws
	handle  *Handle
	start   time.Time
	note    string
	rate    float64 // units per second, smoothed
	last    time.Time
	lastN   int64
	firstN  int64 // where the work began, after a resume
	lineLen int
	closed  bool
	failed  error
}

// NewProgress returns a bar for total units of work, or for an unknown amount if total is 0. Unit names
// one of them, as in "step".
func NewProgress(title string, total int64, unit string) *Progress {
	info, err := os.Stderr.Stat()
	p := &Progress{
		title: title, total: total, unit: unit, clock: time.Now, out: os.Stderr,
		tty: err == nil && info.Mode()&os.ModeCharDevice != 0,
	}
	p.start = p.clock()
	p.last = p.start
	return p
}

// Add says that n more units are done.
func (p *Progress) Add(n int64) { p.moved(p.done.Add(n)) }

// Set says that n units are done in all, as after a resume. The rate counts from here.
func (p *Progress) Set(n int64) {
	p.mu.Lock()
	if p.done.Load() == 0 {
		p.firstN, p.lastN = n, n
	}
	p.mu.Unlock()
	p.done.Store(n)
	p.moved(n)
}

// Note sets the text beside the bar, as in "loss 0.153".
func (p *Progress) Note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.mu.Lock()
	p.note = text
	p.mu.Unlock()
	p.moved(p.done.Load())
}

// Done returns how many units are done.
func (p *Progress) Done() int64 { return p.done.Load() }

// Close shows the final state. Later calls of any method change nothing on the page. It returns the
// first error met in drawing.
func (p *Progress) Close() error { return p.end(nil) }

// Fail is Close for work that ended early: the bar keeps where it stood and says why.
func (p *Progress) Fail(err error) error { return p.end(err) }

func (p *Progress) end(failed error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.failed = failed
		p.closed = true
		p.draw()
	}
	if p.handle != nil {
		return p.handle.Err()
	}
	return nil
}

// moved redraws if it is time, or if the work is complete.
func (p *Progress) moved(n int64) {
	now := p.clock()
	if int64(now.Sub(p.start)) < p.due.Load() && (p.total <= 0 || n != p.total) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || int64(now.Sub(p.start)) < p.due.Load() && p.done.Load() != p.total {
		return // another goroutine has just drawn
	}
	p.draw()
}

// draw shows the state as it is now. The caller holds mu.
func (p *Progress) draw() {
	now := p.clock()
	p.due.Store(int64(now.Sub(p.start) + redrawEvery))
	s := p.state(now)
	if frame.Attached() == nil {
		p.drawLine(s)
		return
	}
	data := map[string]any{mimePlain: s.line(), mimeHTML: s.html()}
	if p.handle == nil {
		p.handle = Show(Raw(data))
		return
	}
	p.handle.Update(Raw(data))
}

// drawLine writes the state over the line before. Where a line cannot be overwritten, only the final
// state is written.
func (p *Progress) drawLine(s progressState) {
	line := s.line()
	switch {
	case p.tty:
		n := len([]rune(line))
		fmt.Fprintf(p.out, "\r%s%s", line, strings.Repeat(" ", max(0, p.lineLen-n)))
		p.lineLen = n
		if p.closed {
			fmt.Fprintln(p.out)
		}
	case p.closed:
		fmt.Fprintln(p.out, line)
	}
}

// A progressState is what one picture of a bar shows.
type progressState struct {
	title, unit, note string
	done, total       int64
	elapsed           time.Duration
	rate              float64
	closed            bool
	failed            error
}

// state brings the smoothed rate up to now and returns what there is to show. The caller holds mu.
func (p *Progress) state(now time.Time) progressState {
	n := p.done.Load()
	if dt := now.Sub(p.last); dt > 0 {
		fresh := float64(n-p.lastN) / dt.Seconds()
		keep := math.Exp(-float64(dt) / float64(rateMemory))
		if p.rate == 0 {
			keep = 0
		}
		p.rate = keep*p.rate + (1-keep)*fresh
		p.last, p.lastN = now, n
	}
	rate := p.rate
	if elapsed := now.Sub(p.start).Seconds(); p.closed && elapsed > 0 {
		rate = float64(n-p.firstN) / elapsed // of all the work, once it is over
	}
	return progressState{
		title: p.title, unit: p.unit, note: p.note, done: n, total: p.total,
		elapsed: now.Sub(p.start), rate: rate, closed: p.closed, failed: p.failed,
	}
}

// fraction returns how much of the work is done, from 0 to 1, or -1 if the total is not known.
func (s progressState) fraction() float64 {
	if s.total <= 0 {
		return -1
	}
	return min(1, max(0, float64(s.done)/float64(s.total)))
}

// facts returns the words beside a bar.
func (s progressState) facts() string {
	text := fmt.Sprint(s.done)
	if s.total > 0 {
		text = fmt.Sprintf("%3.0f%%  %d/%d", math.Floor(100*s.fraction()), s.done, s.total)
	}
	if s.unit != "" {
		text += " " + s.unit
	}
	text += "  " + clockTime(s.elapsed)
	if !s.closed && s.rate > 0 && s.total > s.done {
		left := min(float64(s.total-s.done)/s.rate, 1e6*3600)
		text += " < " + clockTime(time.Duration(left*float64(time.Second)))
	}
	if s.rate > 0 {
		text += "  " + s.rateText()
	}
	if s.note != "" {
		text += "  " + s.note
	}
	if s.failed != nil {
		text += "  stopped: " + firstLine(s.failed.Error())
	}
	return text
}

func (s progressState) rateText() string {
	unit := s.unit
	if unit == "" {
		unit = "it"
	}
	if s.rate < 1 {
		return fmt.Sprintf("%.3g s/%s", 1/s.rate, unit)
	}
	if s.rate >= 100 {
		return fmt.Sprintf("%.0f %s/s", s.rate, unit)
	}
	return fmt.Sprintf("%.3g %s/s", s.rate, unit)
}

// line returns the state as one line of text.
func (s progressState) line() string {
	bar := ""
	if f := s.fraction(); f >= 0 {
		full := int(f * barWidth)
		bar = strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + " "
	}
	return strings.TrimSpace(s.title + " " + bar + strings.TrimSpace(s.facts()))
}

// html returns the state as a bar on the page.
func (s progressState) html() string {
	colour := "var(--jp-brand-color1,#2f7ed8)"
	if s.failed != nil {
		colour = "var(--jp-error-color1,#c62828)"
	} else if s.closed {
		colour = "var(--jp-success-color1,#2e8b57)"
	}
	bar := ""
	if f := s.fraction(); f >= 0 {
		bar = fmt.Sprintf(`<div style="flex:0 0 12em;height:0.6em;border-radius:0.3em;overflow:hidden;background:var(--jp-layout-color3,rgba(128,128,128,.3))"><div style="height:100%%;width:%.1f%%;background:%s"></div></div>`, 100*f, colour)
	}
	title := ""
	if s.title != "" {
		title = `<span style="font-weight:600">` + html.EscapeString(s.title) + `</span>`
	}
	return fmt.Sprintf(`<div style="display:flex;flex-wrap:wrap;align-items:center;gap:0.8em;font-size:var(--jp-code-font-size,13px);color:var(--jp-content-font-color1,inherit)">%s%s<span style="font-variant-numeric:tabular-nums;white-space:pre">%s</span></div>`,
		title, bar, html.EscapeString(strings.TrimSpace(s.facts())))
}

// clockTime writes a duration as on a clock: 0:07, 12:34, 1:02:03.
func clockTime(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

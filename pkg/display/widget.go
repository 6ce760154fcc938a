package display

import (
	"slices"
	"sync"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A Widget is something on the page that its reader can use: a [Control], a [Range], a [Trigger] or a
// [Box] of widgets. It is put there as any value is, by [Show] or as the last expression of a cell.
//
// What it shows is stored with the notebook as plain HTML too, so that a report has the last value. A
// page that cannot show widgets shows that, and so does every program outside a notebook.
type Widget interface {
	String() string
	// Close takes the widget off the page, where its last value stays. Showing it again brings it back.
	Close() error

	shared() *widget
}

const (
	liveEvery   = 50 * time.Millisecond  // the shortest time between two values that Go sets on a page
	staticEvery = 500 * time.Millisecond // and between two pictures of a value for those who cannot use it
)

// A widget is what all kinds of widgets have in common.
type widget struct {
	models []*model      // in the order in which they are opened; the last is the one that is shown
	text   func() string // what it shows, in words
	html   func() string // and as a picture

	live   pacer  // sends the state to the pages
	static pacer  // shows the picture again
	id     string // of the picture's display

	mu    sync.Mutex
	shown bool      // the picture has been shown
	boxes []*widget // that are shown and that it is in
}

// init prepares a widget whose models are layout, perhaps style, and main.
func (w *widget) init(main *model, rest ...*model) {
	w.models = append(rest, main)
	w.id = newID()
	w.live = pacer{every: liveEvery, do: func() { _ = main.send() }} // the page may be gone
	w.static = pacer{every: staticEvery, do: func() { _ = send(frame.Update, w.id, w.picture()) }}
}

func (w *widget) shared() *widget { return w }

// main returns the model that is shown.
func (w *widget) main() *model { return w.models[len(w.models)-1] }

// join makes w part of a box.
func (w *widget) join(box *widget) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.boxes = append(w.boxes, box)
}

// String returns the label and the value.
func (w *widget) String() string { return w.text() }

// Close takes the widget off the page, where its last value stays. Showing it again brings it back. A
// widget that a cell has made is closed when the kernel stops; a cell that is run again and again may
// close the one before.
func (w *widget) Close() error {
	w.static.flush()
	models.whole.Lock()
	defer models.whole.Unlock()
	var first error
	for _, m := range slices.Backward(w.models) {
		if err := m.close(); first == nil {
			first = err
		}
	}
	return first
}

// bundle returns the widget's view, and shows its picture above the place where the view is going to be:
// the picture is hidden where the view works. They are two, because a page that is sent a new picture draws
// its output again, and a slider that is drawn again is taken out of the hand that holds it.
func (w *widget) bundle() frame.Bundle {
	if frame.Attached() == nil {
		return w.picture()
	}
	id, err := w.open()
	if err != nil {
		b := w.picture()
		b.Data[mimePlain] = withNotes(plainOf(b), []string{"(not to be used: " + err.Error() + ")"})
		return b
	}
	w.mu.Lock()
	w.shown = true
	w.mu.Unlock()
	if err := send(frame.Display, w.id, w.picture()); err != nil {
		return w.picture()
	}
	return frame.Bundle{Data: map[string]any{
		mimeWidget: map[string]any{"version_major": 2, "version_minor": 0, "model_id": id},
		mimePlain:  "",
	}}
}

// open gives the pages the models, and returns the ID of the one that is shown.
func (w *widget) open() (string, error) {
	models.whole.Lock()
	defer models.whole.Unlock()
	for _, m := range w.models {
		if err := m.open(); err != nil {
			return "", err
		}
	}
	return w.main().id(), nil
}

// picture returns the widget in the forms that everyone can show.
func (w *widget) picture() frame.Bundle {
	return frame.Bundle{Data: map[string]any{mimePlain: w.text(), mimeHTML: pictureStyle + `<div class="lathe-widget">` + w.html() + `</div>`}}
}

// changed brings the pictures of the widget up to date, its own and those of the boxes that it is in.
func (w *widget) changed() {
	w.mu.Lock()
	shown, boxes := w.shown, slices.Clone(w.boxes)
	w.mu.Unlock()
	if shown && frame.Attached() != nil {
		w.static.poke()
	}
	for _, b := range boxes {
		b.changed()
	}
}

// A pacer calls a function when it is poked, and not too often: at once, or else a while after the last
// time or at the end of a cell.
type pacer struct {
	every time.Duration
	do    func()

	mu      sync.Mutex
	last    time.Time
	waiting bool // a goroutine waits until the time has come
}

// poke calls the function, now or soon.
func (p *pacer) poke() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting {
		return
	}
	wait := p.every - time.Since(p.last)
	if wait <= 0 {
		p.call()
		return
	}
	p.waiting = true
	frame.AtEnd(p, p.flush)
	// Not a timer: what a goroutine shows belongs to the cell that started it.
	go func() {
		time.Sleep(wait)
		p.flush()
	}()
}

// flush calls the function now, if it is waited for.
func (p *pacer) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting {
		p.call()
	}
}

// call calls the function. The caller holds mu.
func (p *pacer) call() {
	p.do()
	p.last, p.waiting = time.Now(), false
}

package display

import (
	"crypto/rand"
	"fmt"
	"os"
	"sync"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// HTML is a fragment of HTML. The page shows it as it is: escape what is not yours.
type HTML string

// Markdown is a text in Markdown.
type Markdown string

// LaTeX is a formula or text in LaTeX, with its delimiters: "$x^2$".
type LaTeX string

// SVG is a complete <svg> element.
type SVG string

// PNG is the content of a PNG file.
type PNG []byte

// JPEG is the content of a JPEG file.
type JPEG []byte

// An Object is a value that is ready for the page in one or more forms. [JSON], [Image], [Table] and
// [Raw] make one.
type Object struct{ bundle frame.Bundle }

// MIMEBundle returns the forms of o by MIME type.
func (o Object) MIMEBundle() map[string]any { return o.bundle.Data }

// String returns the plain text form of o.
func (o Object) String() string { return plainOf(o.bundle) }

// Raw returns an object with the given forms, by MIME type. Binary forms are []byte.
func Raw(data map[string]any) Object {
	b := frame.Bundle{Data: map[string]any{}}
	for mime, v := range data {
		b.Data[mime] = wireValue(mime, v)
	}
	if _, ok := b.Data[mimePlain]; !ok {
		b.Data[mimePlain] = plainFromRich(b.Data, "object")
	}
	return Object{b}
}

// A Handle is one thing on the page, which can be replaced. Its methods may be called from any goroutine.
type Handle struct {
	id  string
	mu  sync.Mutex
	err error
}

// Show puts each value on the page, one below the other, as [BundleOf] has it, and returns a handle on
// the last one. Outside a notebook it prints their plain text to standard output.
func Show(values ...any) *Handle {
	h := &Handle{id: newID()}
	for i, v := range values {
		id := h.id
		if i < len(values)-1 {
			id = newID()
		}
		h.keep(send(frame.Display, id, BundleOf(v)))
	}
	return h
}

// Update replaces what h shows by v. Outside a notebook it prints v below it.
func (h *Handle) Update(v any) {
	h.keep(send(frame.Update, h.id, BundleOf(v)))
}

// Err returns the first error met in bringing something to the page.
func (h *Handle) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

func (h *Handle) keep(err error) {
	if err == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err = err
	}
}

// Clear removes what the cell has shown so far: at once or, if wait is set, when its next output
// arrives, which avoids flicker. Outside a notebook it does nothing.
func Clear(wait bool) error {
	sink := frame.Attached()
	if sink == nil {
		return nil
	}
	f, err := frame.Encode(frame.Clear, frame.ClearRequest{Wait: wait})
	if err != nil {
		return fmt.Errorf("display: clear: %w", err)
	}
	return sink.Send(f)
}

// send brings a bundle to the notebook, or its plain text to standard output.
func send(kind frame.Kind, id string, b frame.Bundle) error {
	sink := frame.Attached()
	if sink == nil {
		_, err := fmt.Fprintln(os.Stdout, plainOf(b))
		return err
	}
	b.DisplayID = id
	f, err := frame.Encode(kind, b)
	if err != nil {
		// A form that JSON cannot hold must not take the text with it.
		text := fmt.Sprintf("%s\n(not shown in full: %v)", plainOf(b), err)
		if f, err = frame.Encode(kind, frame.Bundle{Data: map[string]any{mimePlain: text}, DisplayID: id}); err != nil {
			return fmt.Errorf("display: %w", err)
		}
	}
	return sink.Send(f)
}

func plainOf(b frame.Bundle) string {
	s, _ := b.Data[mimePlain].(string)
	return s
}

// newID makes a display identifier that no other process repeats: a notebook keeps those of earlier kernels.
func newID() string { return "lathe-" + rand.Text() }

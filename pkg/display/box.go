package display

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// maxClicks is how many clicks may wait for their function.
const maxClicks = 100

// A Trigger is a button, which the reader of the page presses to have something done. [Button] makes one.
type Trigger struct {
	widget
	clicks atomic.Int64
	off    atomic.Bool
	calls  caller
}

// Button returns a button that has f called, once for each click, on a goroutine of its own. What f shows
// and prints goes to the cell that showed the button first.
func Button(label string, f func()) *Trigger {
	if label == "" || f == nil {
		panic(fmt.Sprintf("display: the button %q needs a label and a function", label))
	}
	t := &Trigger{}
	t.calls.do = f
	layout, look := newLayout(map[string]any{"width": "auto", "align_self": "flex-start"}), newStyle("ButtonStyle", nil)
	main := newModel("Button", func() map[string]any {
		return map[string]any{
			"description": label, "disabled": t.off.Load(), "icon": "", "button_style": "",
			"layout": layout.ref(), "style": look.ref(),
		}
	})
	main.event = t.receive
	t.widget.init(main, layout, look)
	t.text = func() string { return "[" + label + "]" + t.count() }
	t.html = func() string { return boxed(label) + escaped(t.count()) }
	return t
}

// Clicks returns how often the button was pressed.
func (t *Trigger) Clicks() int { return int(t.clicks.Load()) }

// Disable keeps the reader from pressing the button, or lets him again. It returns t.
func (t *Trigger) Disable(off bool) *Trigger {
	if t.off.Swap(off) != off {
		t.live.poke()
	}
	return t
}

// count says how often the button was pressed.
func (t *Trigger) count() string {
	switch n := t.Clicks(); n {
	case 0:
		return ""
	case 1:
		return " pressed once"
	default:
		return fmt.Sprintf(" pressed %d times", n)
	}
}

// receive takes a click.
func (t *Trigger) receive(name string) {
	if name != "click" || t.off.Load() {
		return
	}
	t.clicks.Add(1)
	t.changed()
	t.calls.call(1, maxClicks)
}

// A Box is some widgets in a row or a column. [Row] and [Column] make one.
type Box struct {
	widget
	parts []Widget
}

// Row returns widgets side by side.
func Row(widgets ...Widget) *Box { return newBox("HBox", "row", " · ", widgets) }

// Column returns widgets one below the other.
func Column(widgets ...Widget) *Box { return newBox("VBox", "column", "\n", widgets) }

func newBox(class, direction, between string, parts []Widget) *Box {
	b := &Box{parts: slices.Clone(parts)}
	for i, p := range parts {
		if p == nil {
			panic(fmt.Sprintf("display: the widget %d of a box is nil", i+1))
		}
	}
	layout := newLayout(nil)
	main := newModel(class, func() map[string]any {
		children := []any{}
		for _, p := range b.parts {
			if ref := p.shared().main().ref(); ref != nil {
				children = append(children, ref)
			}
		}
		return map[string]any{"children": children, "box_style": "", "layout": layout.ref()}
	})
	b.widget.init(main, layout)
	for _, p := range b.parts {
		b.models = append(slices.Clone(p.shared().models), b.models...)
	}
	b.text = func() string { return strings.Join(b.each(Widget.String), between) }
	b.html = func() string {
		return fmt.Sprintf(`<div style="display:flex;flex-flow:%s wrap;gap:0.3em 1.5em">`, direction) +
			strings.Join(b.each(func(w Widget) string { return "<div>" + w.shared().html() + "</div>" }), "") + "</div>"
	}
	for _, p := range b.parts {
		p.shared().join(&b.widget)
	}
	return b
}

// each returns what f says of each widget.
func (b *Box) each(f func(Widget) string) []string {
	var all []string
	for _, p := range b.parts {
		all = append(all, f(p))
	}
	return all
}

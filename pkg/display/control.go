package display

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A Control is a value that the reader of the page can change, with its label. [Select], [Checkbox] and
// [Text] make one, and [Slider] makes a [Range], which is one. Its methods may be called from any
// goroutine, also while a cell runs: Value is what a training loop asks at every step.
type Control[T comparable] struct {
	widget
	label string
	value atomic.Pointer[T]
	check func(T) error                    // whether the control can have a value
	parse func(json.RawMessage) (T, error) // a value as a page has it
	off   atomic.Bool

	mu    sync.Mutex
	bound []func()  // write the value into variables
	tell  []func(T) // are told what the reader chose
	calls caller    // calls tell
}

// A face is what kind of model a control has, and how it looks on a page.
type face struct {
	class, style string // of the models
	width        string // in CSS; "" leaves it to the page
	key          string // where the state has the value
}

// init prepares a control. Its value is set, and state returns what its model has beside what all have.
func (c *Control[T]) init(label string, f face, state func() map[string]any) {
	if label == "" {
		panic("display: a control needs a label")
	}
	c.label = label
	shape := map[string]any{}
	if f.width != "" {
		shape["width"] = f.width
	}
	layout, look := newLayout(shape), newStyle(f.style, map[string]any{"description_width": "initial"})
	main := newModel(f.class, func() map[string]any {
		s := state()
		s["description"], s["description_allow_html"] = label, false
		s["disabled"], s["layout"], s["style"] = c.off.Load(), layout.ref(), look.ref()
		return s
	})
	main.key, main.change = f.key, c.receive
	c.widget.init(main, layout, look)
	c.text = func() string { return c.label + ": " + fmt.Sprint(c.Value()) }
	c.html = func() string { return labelled(c.label, boxed(fmt.Sprint(c.Value()))) }
	c.calls.do = c.announce
}

// Value returns the value as it is now.
func (c *Control[T]) Value() T { return *c.value.Load() }

// Set changes the value, on the page too. It is an error, and changes nothing, if the control cannot
// have v. The functions of [Control.OnChange] are not called: they are for what the reader does.
func (c *Control[T]) Set(v T) error {
	if err := c.check(v); err != nil {
		return fmt.Errorf("display: set %q: %w", c.label, err)
	}
	if c.store(v) {
		c.live.poke()
		c.changed()
	}
	return nil
}

// OnChange has f called with the value when the reader has changed it. It returns c. A function that
// takes long does not hold up Value, and is then called with the latest value only. The functions of one
// control are called one after the other, on a goroutine of its own; what they show and print goes to
// the cell that showed the control first.
func (c *Control[T]) OnChange(f func(T)) *Control[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell = append(c.tell, f)
	return c
}

// Bind makes the variable at p follow the value, from now on. It returns c. The variable is written on
// the goroutine that changes the value: that of the page, while a cell runs, or the one that calls Set. So
// it is written with mu held, and who reads it holds mu too. Set must not be called with mu held. Without
// a mu, which is nil then, code that runs while the reader moves the control may miss what is written;
// that is for variables that only later cells read. In a loop, ask Value.
func (c *Control[T]) Bind(p *T, mu sync.Locker) *Control[T] {
	if mu == nil {
		mu = &sync.Mutex{}
	}
	write := func() {
		mu.Lock()
		defer mu.Unlock()
		*p = c.Value() // the latest, whoever comes last
	}
	c.mu.Lock()
	c.bound = append(c.bound, write)
	c.mu.Unlock()
	write()
	return c
}

// Disable keeps the reader from changing the value, or lets him again. It returns c.
func (c *Control[T]) Disable(off bool) *Control[T] {
	if c.off.Swap(off) != off {
		c.live.poke()
	}
	return c
}

// store makes v the value and says whether that is a change.
func (c *Control[T]) store(v T) bool {
	if *c.value.Swap(&v) == v {
		return false
	}
	c.mu.Lock()
	bound := slices.Clone(c.bound)
	c.mu.Unlock()
	for _, write := range bound {
		write()
	}
	return true
}

// receive takes a value from a page.
func (c *Control[T]) receive(raw json.RawMessage) error {
	v, err := c.parse(raw)
	if err == nil {
		err = c.check(v)
	}
	if err == nil && c.off.Load() {
		err = errDisabled
	}
	if err != nil {
		return err
	}
	if c.store(v) {
		c.changed()
		c.calls.call(1, 1)
	}
	return nil
}

// announce tells of the value.
func (c *Control[T]) announce() {
	c.mu.Lock()
	tell := slices.Clone(c.tell)
	c.mu.Unlock()
	for _, f := range tell {
		f(c.Value())
	}
}

// A caller calls a function on a goroutine of its own, which ends when nothing is left to do.
type caller struct {
	do func()

	mu      sync.Mutex
	due     int // how often it is to be called yet
	running bool
}

// call has the function called n more times, and at most so many times in all from now on.
func (c *caller) call(n, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = min(c.due+n, most)
	if !c.running {
		c.running = true
		go c.run()
	}
}

func (c *caller) run() {
	for c.next() {
		frame.Guard(c.do)
	}
}

// next says whether there is something to do.
func (c *caller) next() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.due == 0 {
		c.running = false
		return false
	}
	c.due--
	return true
}

package display

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// errDisabled is why a page may not change a control.
var errDisabled = errors.New("the control is disabled")

// A Number is what a [Range] can be of.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// A Range is a [Control] of a number between two others. [Slider] and [LogSlider] make one.
type Range[N Number] struct {
	Control[N]
	low, high float64
	log       bool
	whole     bool // the numbers are integers
	step      atomic.Pointer[float64]
}

// maxWhole is the largest integer that a page can tell from its neighbours.
const maxWhole = 1 << 53

// Slider returns a slider that goes from low to high and stands at value.
//
// It panics, as all functions do here that make a widget, if it is asked for what cannot be: in a
// notebook the cell fails with the reason.
func Slider[N Number](label string, low, high, value N) *Range[N] {
	r := newRange(label, low, high, value)
	step := 1.0
	if !r.whole {
		step = niceStep(r.low, r.high, float64(value))
	}
	r.step.Store(&step)
	class := "FloatSlider"
	if r.whole {
		class = "IntSlider"
	}
	r.init(label, class, func() map[string]any {
		step := *r.step.Load()
		return r.state(r.low, r.high, step, map[string]any{"readout_format": readout(step, r.whole)})
	})
	return r
}

// LogSlider returns a slider for numbers whose order of magnitude matters, like a learning rate: every
// tenfold takes the same way. What the reader chooses has two significant digits.
func LogSlider(label string, low, high, value float64) *Range[float64] {
	r := newRange(label, low, high, value)
	if low <= 0 {
		panic(fmt.Sprintf("display: the logarithmic slider %q begins at %v; it must begin above 0", label, low))
	}
	r.log = true
	step := min(0.01, (math.Log10(high)-math.Log10(low))/100)
	r.step.Store(&step)
	r.init(label, "FloatLogSlider", func() map[string]any {
		return r.state(math.Log10(low), math.Log10(high), step, map[string]any{"base": 10.0, "readout_format": ".1e"})
	})
	return r
}

// newRange returns a range that has no models yet.
func newRange[N Number](label string, low, high, value N) *Range[N] {
	r := &Range[N]{low: float64(low), high: float64(high), whole: N(1)/N(2) == 0}
	bad := func(v float64) bool {
		return math.IsNaN(v) || math.IsInf(v, 0) || r.whole && math.Abs(v) > maxWhole
	}
	if bad(r.low) || bad(r.high) || r.low >= r.high {
		panic(fmt.Sprintf("display: the slider %q goes from %v to %v; it must go from a number to a larger one", label, low, high))
	}
	r.check = func(v N) error {
		if f := float64(v); !(r.low <= f && f <= r.high) {
			return fmt.Errorf("%v is not between %v and %v", v, low, high)
		}
		return nil
	}
	if err := r.check(value); err != nil {
		panic(fmt.Sprintf("display: the slider %q stands at a value that it cannot have: %v", label, err))
	}
	r.value.Store(&value)
	r.parse = r.read
	return r
}

// init prepares a range, as Control.init does.
func (r *Range[N]) init(label, class string, state func() map[string]any) {
	r.Control.init(label, face{class, "SliderStyle", "400px", "value"}, state)
	r.html = func() string { return labelled(label, track(r.part())+boxed(fmt.Sprint(r.Value()))) }
}

// Step makes the slider move by n at a time: from low, low+n and so on. It returns r. By default that is 1
// for integers, and for other numbers a round number of which about a hundred and more fit between low
// and high.
func (r *Range[N]) Step(n N) *Range[N] {
	step := float64(n)
	if !(step > 0) || step > r.high-r.low || r.log {
		panic(fmt.Sprintf("display: the slider %q from %v to %v cannot have steps of %v", r.label, r.low, r.high, n))
	}
	r.step.Store(&step)
	r.live.poke()
	return r
}

// state returns the state of the model, with more beside what all sliders have.
func (r *Range[N]) state(low, high, step float64, more map[string]any) map[string]any {
	s := map[string]any{
		"value": r.Value(), "min": low, "max": high, "step": step,
		"continuous_update": true, "orientation": "horizontal", "readout": true, "behavior": "drag-tap",
	}
	for k, v := range more {
		s[k] = v
	}
	return s
}

// read reads a value of a page, and cleans it of what the page's arithmetic has added to it.
func (r *Range[N]) read(raw json.RawMessage) (N, error) {
	var v float64
	if err := strictly(raw, &v); err != nil {
		return 0, err
	}
	if r.whole && v != math.Trunc(v) {
		return 0, fmt.Errorf("%v is no integer", v)
	}
	slack := 1e-9 * max(math.Abs(r.low), math.Abs(r.high))
	if r.log {
		slack = 1e-9 * math.Abs(v)
	}
	if !(r.low-slack <= v && v <= r.high+slack) {
		return 0, fmt.Errorf("%v is not between %v and %v", v, r.low, r.high)
	}
	if r.stands(v) {
		return r.Value(), nil
	}
	digits := 12
	if r.log {
		digits = 2
	}
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64) // it has just been formatted
	return N(min(max(v, r.low), r.high)), nil
}

// stands says whether v is where a page has put the slider for the present value, when this is not one
// that its steps lead to: a page tells where it stands although nobody has moved it.
func (r *Range[N]) stands(v float64) bool {
	low, now, at, step := r.low, float64(r.Value()), v, *r.step.Load()
	if r.log {
		low, now, at = math.Log10(low), math.Log10(now), math.Log10(v)
	}
	return math.Abs(at-(low+step*math.Round((now-low)/step))) < step*1e-6
}

// part returns how far along the slider stands, from 0 to 1.
func (r *Range[N]) part() float64 {
	low, high, v := r.low, r.high, float64(r.Value())
	if r.log {
		low, high, v = math.Log(low), math.Log(high), math.Log(v)
	}
	return (v - low) / (high - low)
}

// niceStep returns a power of ten, or 2 or 5 times one, of which at least a hundred and at most ten
// thousand lie between low and high: the largest by which value can be reached from low.
func niceStep(low, high, value float64) float64 {
	span := high - low
	exp := math.Floor(math.Log10(span / 100))
	best := 0.0
	for e := exp; e >= exp-2; e-- {
		for _, m := range []float64{5, 2, 1} {
			// Not a power with a negative exponent, which is not exact.
			step := m * math.Pow(10, e)
			if e < 0 {
				step = m / math.Pow(10, -e)
			}
			if step > span/100*(1+1e-9) {
				continue
			}
			best = max(best, step)
			if n := (value - low) / step; math.Abs(n-math.Round(n)) < 1e-6 {
				return step
			}
		}
	}
	return best
}

// readout returns how a page writes a number of a slider with these steps, in the language of d3-format.
func readout(step float64, whole bool) string {
	if whole {
		return "d"
	}
	_, decimals, _ := strings.Cut(strconv.FormatFloat(step, 'f', -1, 64), ".")
	if len(decimals) > 6 || step >= 1e6 {
		return ".4g"
	}
	return fmt.Sprintf(".%df", len(decimals))
}

// strictly reads JSON of the type of v: null is none.
func strictly(raw json.RawMessage, v any) error {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return errors.New("null is no value")
	}
	return json.Unmarshal(raw, v)
}

// Select returns a choice of one of options, at first the first. The page shows their text.
func Select[T comparable](label string, options ...T) *Control[T] {
	if len(options) == 0 {
		panic(fmt.Sprintf("display: the choice %q has no options", label))
	}
	options = slices.Clone(options)
	labels := make([]string, len(options))
	for i, o := range options {
		labels[i] = fmt.Sprint(o)
		if slices.Contains(labels[:i], labels[i]) {
			panic(fmt.Sprintf("display: the choice %q has the option %q twice", label, labels[i]))
		}
	}
	c := &Control[T]{}
	c.value.Store(&options[0])
	c.check = func(v T) error {
		if slices.Contains(options, v) {
			return nil
		}
		return fmt.Errorf("%q is none of %q", fmt.Sprint(v), labels)
	}
	c.parse = func(raw json.RawMessage) (v T, err error) {
		var i int
		if err = strictly(raw, &i); err == nil && (i < 0 || i >= len(options)) {
			err = fmt.Errorf("there is no option %d", i)
		}
		if err != nil {
			return v, err
		}
		return options[i], nil
	}
	c.init(label, face{"Dropdown", "DescriptionStyle", "", "index"}, func() map[string]any {
		return map[string]any{"_options_labels": labels, "index": slices.Index(options, c.Value())}
	})
	return c
}

// Checkbox returns a box that is ticked or not.
func Checkbox(label string, value bool) *Control[bool] {
	c := newControl(value)
	c.init(label, face{"Checkbox", "CheckboxStyle", "auto", "value"}, func() map[string]any {
		return map[string]any{"value": c.Value(), "indent": false}
	})
	c.html = func() string {
		if c.Value() {
			return "☑ " + escaped(label)
		}
		return "☐ " + escaped(label)
	}
	return c
}

// Text returns a field for a line of text. Its value changes when the reader presses Enter or goes
// elsewhere.
func Text(label, value string) *Control[string] { return newText("Text", label, value) }

// TextArea returns a field for text of several lines. Its value changes when the reader goes elsewhere.
func TextArea(label, value string) *Control[string] { return newText("Textarea", label, value) }

func newText(class, label, value string) *Control[string] {
	c := newControl(value)
	c.check = func(v string) error {
		if !utf8.ValidString(v) {
			return errors.New("the text is not UTF-8")
		}
		return nil
	}
	c.init(label, face{class, "TextStyle", "", "value"}, func() map[string]any {
		return map[string]any{"value": c.Value(), "placeholder": "", "continuous_update": false}
	})
	return c
}

// newControl returns a control of what JSON has a type for.
func newControl[T comparable](value T) *Control[T] {
	c := &Control[T]{check: func(T) error { return nil }}
	c.value.Store(&value)
	c.parse = func(raw json.RawMessage) (v T, err error) {
		err = strictly(raw, &v)
		return v, err
	}
	return c
}

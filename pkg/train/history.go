package train

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
)

// A Curve is one measurement over the steps of a training. Steps rise; both slices have one length.
type Curve struct {
	Name   string
	Steps  []metric.Step
	Values []float64
}

// Last returns the newest value of c, or NaN if c is empty.
func (c *Curve) Last() float64 {
	if c == nil || len(c.Values) == 0 {
		return math.NaN()
	}
	return c.Values[len(c.Values)-1]
}

// Best returns the step and the value at which c was best, the first one of equals. By its name c is better
// when low or when high, see [metric.Better]; a name that does not tell counts as low. Values that are not
// finite are passed over; ok is false if there are no others.
func (c *Curve) Best() (step metric.Step, value float64, ok bool) {
	i := c.best(0)
	if i < 0 {
		return 0, math.NaN(), false
	}
	return c.Steps[i], c.Values[i], true
}

// best returns the index of the last value that was better than the best before it by more than least, or
// -1.
func (c *Curve) best(least float64) int {
	at := -1
	if c == nil {
		return at
	}
	sign := -1.0
	if metric.Better(c.Name) > 0 {
		sign = 1
	}
	for i, v := range c.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if at < 0 || sign*(v-c.Values[at]) > least {
			at = i
		}
	}
	return at
}

// History holds the curves of a training from step 0, across all stops.
type History struct {
	Curves []*Curve
}

// Curve returns the curve of that name, such as "train/loss", "valid/loss" or "valid/accuracy". It is
// nil if nothing has been measured under that name.
func (h *History) Curve(name string) *Curve {
	for _, c := range h.Curves {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Best returns the step and the value at which a metric was best, see [Curve.Best].
func (h *History) Best(name string) (step metric.Step, value float64, ok bool) {
	return h.Curve(name).Best()
}

// names lists the curves.
func (h *History) names() string {
	var list []string
	for _, c := range h.Curves {
		list = append(list, c.Name)
	}
	return strings.Join(list, ", ")
}

// Log appends a point. It makes History a [metric.Sink] of one goroutine.
func (h *History) Log(step metric.Step, name string, value float64) {
	c := h.Curve(name)
	if c == nil {
		c = &Curve{Name: name}
		h.Curves = append(h.Curves, c)
	}
	c.Steps = append(c.Steps, step)
	c.Values = append(c.Values, value)
}

// save encodes h for a checkpoint, exactly: NaN and infinities included.
func (h *History) save() []checkpoint.Curve {
	var list []checkpoint.Curve
	for _, c := range h.Curves {
		data := make([]byte, 0, 16*len(c.Steps))
		for _, s := range c.Steps {
			data = binary.LittleEndian.AppendUint64(data, uint64(s))
		}
		for _, v := range c.Values {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		}
		list = append(list, checkpoint.Curve{Name: c.Name, Points: len(c.Steps), Data: data})
	}
	return list
}

// restore replaces h by what save encoded.
func (h *History) restore(list []checkpoint.Curve) {
	h.Curves = nil
	for _, s := range list {
		c := &Curve{Name: s.Name, Steps: make([]metric.Step, s.Points), Values: make([]float64, s.Points)}
		for i := range s.Points {
			c.Steps[i] = metric.Step(binary.LittleEndian.Uint64(s.Data[8*i:]))
			c.Values[i] = math.Float64frombits(binary.LittleEndian.Uint64(s.Data[8*(s.Points+i):]))
		}
		h.Curves = append(h.Curves, c)
	}
}

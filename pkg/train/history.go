package train

import (
	"encoding/binary"
	"math"

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

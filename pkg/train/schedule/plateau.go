package schedule

import (
	"encoding/json"
	"fmt"
	"math"
)

// plateau lowers the rate when nothing improves any more.
type plateau struct {
	Factor   float64 // by which the rate is multiplied
	Patience int     // observations without improvement that are borne
	Least    float64 // relative improvement that counts
}

func (p *plateau) String() string {
	return fmt.Sprintf("by %v after %d validations without improvement of %v", p.Factor, p.Patience, p.Least)
}

// Plateau multiplies the rates of s by factor whenever more than patience validations in a row bring no
// loss that is lower than the lowest before by the fraction least: PyTorch's ReduceLROnPlateau in its
// relative mode. A loss that is not a number is no improvement.
func (s Schedule) Plateau(factor float64, patience int, least float64) Schedule {
	s.drop = &plateau{Factor: factor, Patience: max(patience, 0), Least: least}
	return s
}

// Reacts reports whether s follows what the training measures.
func (s Schedule) Reacts() bool { return s.drop != nil }

// A Course is a schedule in use. Of a schedule that does not react it is only another form.
type Course struct {
	schedule Schedule
	state    state
}

// state is what a Course has seen.
type state struct {
	Best  uint64 `json:"best"`  // lowest loss that counted, as bits: JSON knows no infinity
	Seen  bool   `json:"seen"`  // Best is one
	Waits int    `json:"waits"` // observations since then
	Drops int    `json:"drops"` // how often the rate was lowered
}

// Start begins a training that follows s.
func (s Schedule) Start() *Course { return &Course{schedule: s} }

// Rate returns the learning rate of a step, after all that has been observed.
func (c *Course) Rate(step int) float64 {
	r := c.schedule.Rate(step)
	if c.state.Drops > 0 {
		r *= math.Pow(c.schedule.drop.Factor, float64(c.state.Drops))
	}
	return r
}

// Observe tells c the loss of a validation. It reports whether that lowers the rate.
func (c *Course) Observe(loss float64) (lowered bool) {
	p, s := c.schedule.drop, &c.state
	if p == nil {
		return false
	}
	best := math.Float64frombits(s.Best)
	if !math.IsNaN(loss) && (!s.Seen || loss < best-math.Abs(best)*p.Least) {
		s.Best, s.Seen, s.Waits = math.Float64bits(loss), true, 0
	} else {
		s.Waits++
	}
	if s.Waits <= p.Patience {
		return false
	}
	s.Waits = 0
	s.Drops++
	return true
}

// State returns what c has seen, for a checkpoint; nil for a schedule that does not react.
func (c *Course) State() []byte {
	if c.schedule.drop == nil {
		return nil
	}
	data, err := json.Marshal(c.state)
	if err != nil {
		panic(err) // numbers and texts can be encoded
	}
	return data
}

// Restore takes over what State returned; nil stands for a training that begins.
func (c *Course) Restore(data []byte) error {
	c.state = state{}
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, &c.state); err != nil {
		return fmt.Errorf("schedule: restore: %w", err)
	}
	return nil
}

package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// A Report holds everything that was measured.
type Report struct {
	Machine Machine       `json:"machine"`
	Began   time.Time     `json:"began"`
	Took    time.Duration `json:"took_ns"`
	Samples []*Sample     `json:"samples"`
	Missing []string      `json:"missing,omitempty"` // what was left out, and why
}

// A Sample is the values of one measure, in the order in which they were taken.
type Sample struct {
	Part   string    `json:"part"` // the heading under which it stands
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
	Aims   []Aim     `json:"aims,omitempty"`
}

// An Aim bounds a percentile of a sample.
type Aim struct {
	Percentile float64 `json:"percentile"`
	AtLeast    bool    `json:"at_least"` // else at most
	Bound      float64 `json:"bound"`
}

// most and least are the usual aims.
func most(percentile, bound float64) Aim { return Aim{Percentile: percentile, Bound: bound} }
func least(percentile, bound float64) Aim {
	return Aim{Percentile: percentile, Bound: bound, AtLeast: true}
}

// Met tells whether the sample keeps to the aim.
func (a Aim) Met(s *Sample) bool {
	v := s.Percentile(a.Percentile)
	if a.AtLeast {
		return v >= a.Bound
	}
	return v <= a.Bound
}

// String writes the aim as "p50 ≤ 70".
func (a Aim) String() string {
	sign := "≤"
	if a.AtLeast {
		sign = "≥"
	}
	return fmt.Sprintf("p%g %s %g", a.Percentile, sign, a.Bound)
}

// Percentile returns the value below which p of a hundred values lie, between two values the weighted
// mean. It is NaN for no values.
func (s *Sample) Percentile(p float64) float64 {
	if len(s.Values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s.Values))
	at := p / 100 * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// add takes one more duration, in milliseconds.
func (s *Sample) add(d time.Duration) {
	s.Values = append(s.Values, float64(d)/float64(time.Millisecond))
}

// sample begins a new sample.
func (r *Report) sample(part, name, unit string, aims ...Aim) *Sample {
	s := &Sample{Part: part, Name: name, Unit: unit, Aims: aims}
	r.Samples = append(r.Samples, s)
	return s
}

func (r *Report) leaveOut(what string, err error) {
	r.Missing = append(r.Missing, fmt.Sprintf("%s: %v", what, err))
}

// WriteTable writes the report as text, a line for each sample that has values.
func (r *Report) WriteTable(w io.Writer) {
	fmt.Fprintln(w, r.Machine)
	fmt.Fprintf(w, "measured in %s; load average before and after: %.2f, %.2f\n", r.Took.Round(time.Second), r.Machine.Load, r.Machine.LoadAfter)
	if r.Machine.Disturbed() {
		fmt.Fprintln(w, "WARNING: the machine was busy with other work; times are longer than they would be")
	}
	const line = "%-56s %4s %9s %9s %9s  %s\n"
	part := ""
	for _, s := range r.Samples {
		if len(s.Values) == 0 {
			continue
		}
		if s.Part != part {
			fmt.Fprintf(w, "\n"+line, s.Part, "n", "p50", "p90", "p95", "aim")
			part = s.Part
		}
		fmt.Fprintf(w, line, "  "+s.Name+" ["+s.Unit+"]", fmt.Sprint(len(s.Values)), number(s.Percentile(50)),
			number(s.Percentile(90)), number(s.Percentile(95)), s.verdicts())
	}
	for _, m := range r.Missing {
		fmt.Fprintf(w, "\nleft out: %s", m)
	}
	fmt.Fprintln(w)
}

// verdicts says of each aim whether it was met.
func (s *Sample) verdicts() string {
	var words []string
	for _, a := range s.Aims {
		verdict := "MISSED"
		if a.Met(s) {
			verdict = "met"
		}
		words = append(words, fmt.Sprintf("%v: %s", a, verdict))
	}
	return strings.Join(words, ", ")
}

// number writes v with three or four digits that matter.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

package worklog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"regexp"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog/internal/page"
)

// A Series condenses the points of one metric.
type Series struct {
	Name      string
	Count     int   // of points
	NonFinite int   // of them, those that are NaN or infinite
	Last      Value // as logged, NaN too
	Min, Max  Value // among the finite ones; NaN if there is none
	shape     page.Shape
}

// A Value is a value of a metric and its step.
type Value struct {
	Step  metric.Step
	Value float64
}

// lower and higher match metrics by what is better in them.
var (
	higher = regexp.MustCompile(`(?i)(acc|auc|f1|score|precision|recall|r2|bleu|iou|reward|map$|top-?[0-9]|throughput|per_sec)`)
	lower  = regexp.MustCompile(`(?i)(loss|err|mae|mse|rmse|nll|perplexity|ppl|bpc|cost|divergence|brier)`)
)

// Better says which values of a metric are better, judged by its name: -1 for low ones, as of a loss; 1
// for high ones, as of an accuracy; 0 where the name does not tell.
func Better(name string) int {
	switch {
	case lower.MatchString(name):
		return -1
	case higher.MatchString(name):
		return 1
	}
	return 0
}

// Best returns the minimum of a metric that is better when low, the maximum of one that is better when
// high, see Better, and the last value of any other.
func (s Series) Best() Value {
	switch Better(s.Name) {
	case -1:
		return s.Min
	case 1:
		return s.Max
	}
	return s.Last
}

func (s *Series) add(step metric.Step, value float64) {
	v := Value{step, value}
	if s.Count == 0 {
		s.Min, s.Max = Value{step, math.NaN()}, Value{step, math.NaN()}
	}
	s.Count++
	s.Last = v
	s.shape.Add(value)
	if math.IsNaN(value) || math.IsInf(value, 0) {
		s.NonFinite++
		return
	}
	if !(s.Min.Value <= value) { // true for NaN too
		s.Min = v
	}
	if !(s.Max.Value >= value) {
		s.Max = v
	}
}

// MarshalText writes s for the index of a folder: JSON numbers have neither NaN nor infinities.
func (s Series) MarshalText() ([]byte, error) {
	b := binary.AppendUvarint(nil, uint64(len(s.Name)))
	b = append(b, s.Name...)
	for _, n := range []int{s.Count, s.NonFinite, s.Last.Step, s.Min.Step, s.Max.Step} {
		b = binary.AppendVarint(b, int64(n))
	}
	for _, f := range []float64{s.Last.Value, s.Min.Value, s.Max.Value} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	b, err := s.shape.AppendBinary(b)
	if err != nil {
		return nil, err
	}
	return base64.RawStdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *Series) UnmarshalText(text []byte) error {
	b, err := base64.RawStdEncoding.AppendDecode(nil, text)
	if err != nil {
		return err
	}
	c := cursor{b: b}
	*s = Series{Name: c.text()}
	for _, n := range []*int{&s.Count, &s.NonFinite, &s.Last.Step, &s.Min.Step, &s.Max.Step} {
		*n = int(c.varint())
	}
	for _, f := range []*float64{&s.Last.Value, &s.Min.Value, &s.Max.Value} {
		*f = math.Float64frombits(c.bits())
	}
	if err := s.shape.UnmarshalBinary(c.b); err != nil || c.bad {
		return errors.New("worklog: a series is malformed")
	}
	return nil
}

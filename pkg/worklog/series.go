package worklog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"regexp"

	"github.com/lathe-go/lathe/pkg/metric"
)

// A Series condenses the points of one metric.
type Series struct {
	Name      string
	Count     int   // of points
	NonFinite int   // of them, those that are NaN or infinite
	Last      Value // as logged, NaN too
	Min, Max  Value // among the finite ones; NaN if there is none
	shape     shape
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
	s.shape.add(value)
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

// A shape keeps the outline of a series in bounded space: the least and the greatest value of each
// bucket. When the buckets are full, neighbours are merged, and new ones take twice as many points.
type shape struct {
	stride  int // points in a full bucket
	filled  int // points in the last bucket
	buckets []bucket
}

type bucket struct {
	lo, hi float32 // NaN if no point was finite
	odd    bool    // whether a point was not finite
}

var nan32 = float32(math.NaN())

const maxBuckets = 32

func (h *shape) add(value float64) {
	if h.stride == 0 {
		h.stride = 1
	}
	if len(h.buckets) == 0 || h.filled == h.stride {
		if len(h.buckets) == maxBuckets {
			h.halve()
		}
		h.buckets = append(h.buckets, bucket{nan32, nan32, false})
		h.filled = 0
	}
	h.filled++
	one := bucket{float32(value), float32(value), false}
	if v := float64(one.lo); math.IsNaN(v) || math.IsInf(v, 0) {
		one = bucket{nan32, nan32, true}
	}
	last := &h.buckets[len(h.buckets)-1]
	*last = last.merge(one)
}

func (h *shape) halve() {
	for i := range maxBuckets / 2 {
		h.buckets[i] = h.buckets[2*i].merge(h.buckets[2*i+1])
	}
	h.buckets = h.buckets[:maxBuckets/2]
	h.stride *= 2
}

// merge returns the outline of two buckets.
func (b bucket) merge(c bucket) bucket {
	if !(b.lo <= c.lo) && c.lo == c.lo {
		b.lo = c.lo
	}
	if !(b.hi >= c.hi) && c.hi == c.hi {
		b.hi = c.hi
	}
	b.odd = b.odd || c.odd
	return b
}

// MarshalText writes s for the index of a folder: JSON numbers have neither NaN nor infinities.
func (s Series) MarshalText() ([]byte, error) {
	b := binary.AppendUvarint(nil, uint64(len(s.Name)))
	b = append(b, s.Name...)
	for _, n := range []int{s.Count, s.NonFinite, s.Last.Step, s.Min.Step, s.Max.Step, s.shape.stride, s.shape.filled} {
		b = binary.AppendVarint(b, int64(n))
	}
	for _, f := range []float64{s.Last.Value, s.Min.Value, s.Max.Value} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	for _, k := range s.shape.buckets {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(k.lo))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(k.hi))
		odd := byte(0)
		if k.odd {
			odd = 1
		}
		b = append(b, odd)
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
	for _, n := range []*int{&s.Count, &s.NonFinite, &s.Last.Step, &s.Min.Step, &s.Max.Step, &s.shape.stride, &s.shape.filled} {
		*n = int(c.varint())
	}
	for _, f := range []*float64{&s.Last.Value, &s.Min.Value, &s.Max.Value} {
		*f = math.Float64frombits(c.bits())
	}
	for ; len(c.b) >= 9; c.b = c.b[9:] {
		lo, hi := binary.LittleEndian.Uint32(c.b), binary.LittleEndian.Uint32(c.b[4:])
		k := bucket{math.Float32frombits(lo), math.Float32frombits(hi), c.b[8] == 1}
		s.shape.buckets = append(s.shape.buckets, k)
	}
	if c.bad || len(c.b) > 0 {
		return errors.New("worklog: a series is malformed")
	}
	return nil
}

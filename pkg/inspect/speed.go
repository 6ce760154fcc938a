package inspect

import (
	"context"
	"errors"
	"fmt"
	"html"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A Peak is what a device does at best, as measured on it.
type Peak struct {
	FLOPs float64 // per second, in a product of two square matrices of float32
	Bytes float64 // per second, read and written, in a sum of two long vectors of float32
}

// Sizes of what is measured: matrices large enough for all caches and threads, vectors that fit into none.
const (
	peakMatrix = 1536
	peakVector = 1 << 24
)

// peaks remembers what was measured for each device, since it takes a second and the device stays.
var peaks sync.Map // compute.Backend to func() (Peak, error)

// PeakOf measures a device once: a product of two matrices of 1,536 by 1,536, and the sum of two vectors of
// 16 million numbers, the fastest of several runs each.
func PeakOf(d *backend.Device) (Peak, error) {
	f, _ := peaks.LoadOrStore(d.Backend, sync.OnceValues(func() (Peak, error) { return measurePeak(d.Backend) }))
	p, err := f.(func() (Peak, error))()
	if err != nil {
		return p, fmt.Errorf("inspect: measure the peak of %s: %w", d.Platform, err)
	}
	return p, nil
}

func measurePeak(b compute.Backend) (p Peak, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	product, err := fastest(b, []int{peakMatrix, peakMatrix}, graph.MatMul)
	if err != nil {
		return p, err
	}
	sum, err := fastest(b, []int{peakVector}, graph.Add)
	if err != nil {
		return p, err
	}
	const n = float64(peakMatrix)
	return Peak{FLOPs: 2 * n * n * n / product.Seconds(), Bytes: 3 * 4 * peakVector / sum.Seconds()}, nil
}

// fastest returns the shortest of several times that f takes on two tensors on the device.
func fastest(b compute.Backend, dims []int, f func(x, y *graph.Node) *graph.Node) (time.Duration, error) {
	exec, err := graph.NewExec(b, f)
	if err != nil {
		return 0, err
	}
	defer exec.Finalize()
	var args []any
	for range 2 {
		t := tensors.FromShape(shapes.Make(dtypes.Float32, dims...))
		defer t.FinalizeAll()
		args = append(args, t)
	}
	var times []time.Duration
	for range 8 {
		began := time.Now()
		out, err := exec.Call(args...)
		if err != nil {
			return 0, err
		}
		times = append(times, time.Since(began))
		if err := out[0].FinalizeAll(); err != nil {
			return 0, err
		}
	}
	return slices.Min(times), nil
}

// A Speed is how fast a program runs, beside what the device can do.
type Speed struct {
	Model    string
	Runs     int
	Time     time.Duration // of one run: the median
	Least    time.Duration // the shortest
	FLOPs    float64       // of one run
	Bytes    float64       // moved by one run, without fusion
	Peak     Peak
	Examples int // of a run
}

// Utilisation is the share of the device's peak of FLOPs that a run reaches.
func (s *Speed) Utilisation() float64 { return s.FLOPs / s.Time.Seconds() / s.Peak.FLOPs }

// Bound says what bounds the program: by its FLOPs a run takes at least the first time, and by the bytes
// that go in and out of each operation, without fusion, the second (the roofline of S. Williams, A. Waterman,
// D. Patterson, "Roofline", 2009).
func (s *Speed) Bound() (compute, memory time.Duration) {
	return time.Duration(s.FLOPs / s.Peak.FLOPs * 1e9), time.Duration(s.Bytes / s.Peak.Bytes * 1e9)
}

// Speed runs the program for about a second, on one batch that stays on the device. It follows the calling
// cell: an interrupt ends it with an error.
func (v *View) Speed() (*Speed, error) {
	s, err := v.speed(frame.Context())
	if err != nil {
		return nil, fmt.Errorf("inspect: speed of %q: %w", v.Model, err)
	}
	return s, nil
}

// MustSpeed is Speed for cells: it panics on an error.
func (v *View) MustSpeed() *Speed { return must(v.Speed()) }

// How long the program runs for its speed.
const (
	leastRuns = 5
	longest   = time.Second
)

func (v *View) speed(ctx context.Context) (*Speed, error) {
	if v.exec == nil {
		return nil, errors.New("the view was closed")
	}
	peak, err := PeakOf(v.fit.Device)
	if err != nil {
		return nil, err
	}
	s := &Speed{Model: v.Model, FLOPs: v.FLOPs(), Peak: peak, Examples: v.Batch}
	for _, op := range v.Ops {
		s.Bytes += op.Bytes
	}
	var times []time.Duration
	for began := time.Now(); len(times) < leastRuns || time.Since(began) < longest; {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		start := time.Now()
		if err := v.run(); err != nil {
			return nil, err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	s.Runs, s.Time, s.Least = len(times), times[len(times)/2], times[0]
	return s, nil
}

// rows lists what there is to say.
func (s *Speed) rows() [][2]string {
	compute, memory := s.Bound()
	return [][2]string{
		{"time of a run", fmt.Sprintf("%s median of %d, %s at least", s.Time.Round(time.Microsecond), s.Runs, s.Least.Round(time.Microsecond))},
		{"examples", fmt.Sprintf("%s/s", si(float64(s.Examples)/s.Time.Seconds(), ""))},
		{"FLOPs", fmt.Sprintf("%s a run, %s", si(s.FLOPs, ""), si(s.FLOPs/s.Time.Seconds(), "FLOP/s"))},
		{"peak", fmt.Sprintf("%s in a matrix product, %s in a sum of vectors, measured on this device", si(s.Peak.FLOPs, "FLOP/s"), si(s.Peak.Bytes, "B/s"))},
		{"utilisation", fmt.Sprintf("%.1f %% of the peak of FLOPs", 100*s.Utilisation())},
		{"roofline", fmt.Sprintf("at least %s by its FLOPs, %s by its bytes without fusion", compute.Round(time.Microsecond), memory.Round(time.Microsecond))},
	}
}

// String returns the speed in a few lines.
func (s *Speed) String() string {
	lines := []string{"speed of " + s.Model}
	for _, r := range s.rows() {
		lines = append(lines, fmt.Sprintf("  %-14s %s", r[0], r[1]))
	}
	return strings.Join(lines, "\n")
}

// HTML returns the speed as a table.
func (s *Speed) HTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<table style="%s">`, tableStyle)
	for _, r := range s.rows() {
		fmt.Fprintf(&b, `<tr><th style="%[1]s">%[2]s</th><td style="%[1]s">%[3]s</td></tr>`, cellStyle, r[0], html.EscapeString(r[1]))
	}
	return b.String() + "</table>"
}

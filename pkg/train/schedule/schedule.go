// Package schedule says how the learning rate changes over a training: pure functions of the optimizer
// step, which can be drawn before they are used.
//
// A [Schedule] is a value. It is the Schedule of a train.Model; as the last expression of a cell it is
// shown as a chart. Only [Schedule.Plateau] reacts to what the training measures: a [Course] is a
// schedule in use and holds what it has seen.
package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/lathe-go/lathe/pkg/chart"
)

// A Schedule gives the learning rate of each optimizer step, counted from 0. The zero Schedule gives
// none. In the formulas below t is the step and n the length in steps; a schedule that has a length keeps
// its last value afterwards.
type Schedule struct {
	text   string // names the kind and all its constants
	length int    // steps until nothing changes any more, or that are worth drawing
	rate   func(step int) float64
	drop   *plateau
	sealed string // digest of a function that text does not tell
}

// IsZero reports whether s is the zero Schedule.
func (s Schedule) IsZero() bool { return s.rate == nil }

// Rate returns the learning rate of a step. For a schedule with a plateau it is that of a training
// that always improves.
func (s Schedule) Rate(step int) float64 {
	if s.rate == nil {
		return math.NaN()
	}
	return s.rate(max(step, 0))
}

// Len returns the number of steps over which the rate changes, or that are worth drawing.
func (s Schedule) Len() int { return s.length }

// String names the schedule and all its constants.
func (s Schedule) String() string {
	switch {
	case s.rate == nil:
		return "none"
	case s.drop != nil:
		return s.text + ", " + s.drop.String()
	}
	return s.text
}

// Digest identifies the schedule: two schedules with one digest give the same rates.
func (s Schedule) Digest() string {
	sum := sha256.Sum256([]byte(s.String() + "\n" + s.sealed))
	return hex.EncodeToString(sum[:])
}

// Constant keeps one rate.
func Constant(rate float64) Schedule {
	return Schedule{text: fmt.Sprintf("constant %v", rate), length: 100, rate: func(int) float64 { return rate }}
}

// Steps multiplies the rate by factor after each n steps: rate·factor^⌊t/n⌋.
func Steps(rate, factor float64, n int) Schedule {
	n = max(n, 1)
	return Schedule{
		text: fmt.Sprintf("steps from %v by %v each %d", rate, factor, n), length: 5 * n,
		rate: func(t int) float64 { return rate * math.Pow(factor, float64(t/n)) },
	}
}

// Exponential multiplies the rate by factor over each n steps, a little at each: rate·factor^(t/n).
func Exponential(rate, factor float64, n int) Schedule {
	n = max(n, 1)
	return Schedule{
		text: fmt.Sprintf("exponential from %v by %v in %d", rate, factor, n), length: 5 * n,
		rate: func(t int) float64 { return rate * math.Pow(factor, float64(t)/float64(n)) },
	}
}

// Linear goes from one rate to another in n steps: from + (to−from)·t/n.
func Linear(from, to float64, n int) Schedule {
	n = max(n, 1)
	return Schedule{
		text: fmt.Sprintf("linear from %v to %v in %d", from, to, n), length: n,
		rate: func(t int) float64 { return line(from, to, t, n) },
	}
}

// Cosine goes from one rate to another in n steps along half a wave: to + (from−to)·(1+cos(πt/n))/2. It
// is one cycle of Loshchilov & Hutter, SGDR (2017), equation 5.
func Cosine(from, to float64, n int) Schedule {
	n = max(n, 1)
	return Schedule{
		text: fmt.Sprintf("cosine from %v to %v in %d", from, to, n), length: n,
		rate: func(t int) float64 { return wave(from, to, t, n) },
	}
}

// CosineRestarts repeats [Cosine] from its beginning. The first cycle takes n steps, each further one
// stretch times as many as the one before, rounded: Loshchilov & Hutter, SGDR (2017), with T₀ = n and
// T_mult = stretch.
func CosineRestarts(from, to float64, n int, stretch float64) Schedule {
	n, stretch = max(n, 1), max(stretch, 1)
	length := n + stretched(n, stretch, 1) + stretched(n, stretch, 2)
	return Schedule{
		text: fmt.Sprintf("cosine from %v to %v with restarts, first after %d, each %v times as long", from, to, n, stretch), length: length,
		rate: func(t int) float64 {
			if stretch == 1 {
				return wave(from, to, t%n, n)
			}
			began, long := 0, n
			for k := 1; t-began >= long; k++ {
				began += long
				long = stretched(n, stretch, k)
			}
			return wave(from, to, t-began, long)
		},
	}
}

// stretched returns the length of cycle k, from 0.
func stretched(n int, stretch float64, k int) int {
	return max(1, int(min(math.Round(float64(n)*math.Pow(stretch, float64(k))), math.MaxInt32)))
}

// OneCycle rises from peak/25 to peak in the first 30 % of n steps and falls to peak/250,000 in the rest,
// both along half a wave: Smith & Topin, Super-Convergence (2018), with the constants that fastai made
// usual.
func OneCycle(peak float64, n int) Schedule {
	n = max(n, 2)
	rise := max(1, int(math.Round(0.3*float64(n))))
	return Schedule{
		text: fmt.Sprintf("one cycle up to %v in %d", peak, n), length: n,
		rate: func(t int) float64 {
			if t < rise {
				return wave(peak/25, peak, t, rise)
			}
			return wave(peak, peak/25/1e4, t-rise, n-rise)
		},
	}
}

// WarmStableDecay rises in a line to rate in warm steps, keeps it for stable steps and falls in a line to
// zero in decay steps: Hu et al., MiniCPM (2024), section 4, with the linear decay of Hägele et al.,
// Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations (2024).
func WarmStableDecay(rate float64, warm, stable, decay int) Schedule {
	warm, stable, decay = max(warm, 0), max(stable, 0), max(decay, 1)
	s := Schedule{
		text: fmt.Sprintf("%v for %d, then linear to 0 in %d", rate, stable, decay), length: stable + decay,
		rate: func(t int) float64 { return line(rate, 0, max(t-stable, 0), decay) },
	}
	return s.Warmup(warm)
}

// InverseSquareRoot rises in a line to rate in warm steps and then falls with the square root of the
// step: rate·min((t+1)/warm, √(warm/(t+1))). Vaswani et al., Attention Is All You Need (2017), equation 3.
func InverseSquareRoot(rate float64, warm int) Schedule {
	warm = max(warm, 1)
	return Schedule{
		text: fmt.Sprintf("inverse square root from %v after %d", rate, warm), length: 10 * warm,
		rate: func(t int) float64 {
			return rate * min(float64(t+1)/float64(warm), math.Sqrt(float64(warm)/float64(t+1)))
		},
	}
}

// New makes a schedule of a function of the step, worth drawing over n steps. The function must depend on
// nothing but the step. What it gives at up to 4,096 steps within n is part of the digest.
func New(name string, n int, rate func(step int) float64) Schedule {
	n = max(n, 1)
	h := sha256.New()
	stride := max(1, n/4096)
	for t := 0; t <= n; t += stride {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], math.Float64bits(rate(t)))
		h.Write(b[:])
	}
	return Schedule{text: name, length: n, rate: rate, sealed: hex.EncodeToString(h.Sum(nil))}
}

// Warmup puts a linear rise before s: for n steps the rate is s.Rate(0)·(t+1)/(n+1), then s begins. Goyal
// et al., Accurate, Large Minibatch SGD (2017), section 2.2.
func (s Schedule) Warmup(n int) Schedule {
	if n <= 0 || s.rate == nil {
		return s
	}
	rest := s.rate
	s.rate = func(t int) float64 {
		if t < n {
			return rest(0) * float64(t+1) / float64(n+1)
		}
		return rest(t - n)
	}
	s.text = fmt.Sprintf("warm-up in %d, then %s", n, s.text)
	s.length += n
	return s
}

// line goes from one value to another in n steps and stays there.
func line(from, to float64, t, n int) float64 {
	return from + (to-from)*float64(min(t, n))/float64(n)
}

// wave goes from one value to another in n steps along half a cosine and stays there.
func wave(from, to float64, t, n int) float64 {
	return to + (from-to)*(1+math.Cos(math.Pi*float64(min(t, n))/float64(n)))/2
}

// Chart draws the rates of the first n steps, or of the length of s if n is 0.
func (s Schedule) Chart(n int) *chart.Chart {
	if n <= 0 {
		n = s.length + s.length/20
	}
	const most = 4096 // points
	stride := max(1, n/most)
	var steps []int
	var rates []float64
	for t := 0; t < n; t += stride {
		steps, rates = append(steps, t), append(rates, s.Rate(t))
	}
	return chart.Line("Learning rate: "+s.String()).X("step").Y("rate").Size(640, 240).Series("rate", steps, rates)
}

// MIMEBundle shows s as a chart.
func (s Schedule) MIMEBundle() map[string]any { return s.Chart(0).MIMEBundle() }

package schedule

import (
	"math"
	"strings"
	"testing"
)

// TestClosedForms compares each schedule with its formula, written out here a second time, at every step.
func TestClosedForms(t *testing.T) {
	cos := func(hi, lo, p float64) float64 { return lo + 0.5*(hi-lo)*(1+math.Cos(p*math.Pi)) }
	cases := []struct {
		schedule Schedule
		want     func(t float64) float64
	}{
		{Constant(0.3), func(float64) float64 { return 0.3 }},
		{Steps(0.1, 0.5, 30), func(t float64) float64 { return 0.1 * math.Exp(math.Floor(t/30)*math.Log(0.5)) }},
		{Exponential(0.1, 0.9, 7), func(t float64) float64 { return 0.1 * math.Exp(t/7*math.Log(0.9)) }},
		{Linear(0.1, 0.01, 400), func(t float64) float64 { return 0.1*(1-min(t/400, 1)) + 0.01*min(t/400, 1) }},
		{Cosine(0.1, 0.002, 333), func(t float64) float64 { return cos(0.1, 0.002, min(t/333, 1)) }},
		{CosineRestarts(0.1, 0, 50, 1), func(t float64) float64 { return cos(0.1, 0, math.Mod(t, 50)/50) }},
		{CosineRestarts(0.1, 0.01, 40, 2), func(t float64) float64 {
			k := math.Floor(math.Log2(t/40 + 1)) // cycle k begins at 40·(2^k − 1)
			return cos(0.1, 0.01, (t-40*(math.Exp2(k)-1))/(40*math.Exp2(k)))
		}},
		{OneCycle(0.2, 500), func(t float64) float64 {
			if t < 150 {
				return cos(0.2/25, 0.2, t/150)
			}
			return cos(0.2, 0.2/250000, min((t-150)/350, 1))
		}},
		{WarmStableDecay(0.1, 20, 200, 100), func(t float64) float64 {
			return 0.1 * min((t+1)/21, 1, max(0, (320-t)/100))
		}},
		{InverseSquareRoot(0.1, 100), func(t float64) float64 { return 0.1 * 10 * min(1/math.Sqrt(t+1), (t+1)*math.Pow(100, -1.5)) }},
		{Cosine(0.1, 0, 100).Warmup(9), func(t float64) float64 {
			if t < 9 {
				return 0.1 * (t + 1) / 10
			}
			return cos(0.1, 0, min((t-9)/100, 1))
		}},
		{New("sawtooth", 10, func(t int) float64 { return float64(t % 10) }), func(t float64) float64 { return math.Mod(t, 10) }},
	}
	for _, c := range cases {
		for step := range 1000 {
			got, want := c.schedule.Rate(step), c.want(float64(step))
			if !(math.Abs(got-want) <= 1e-12) {
				t.Errorf("%s: rate %v at step %d, want %v", c.schedule, got, step, want)
				break
			}
			if course := c.schedule.Start(); course.Rate(step) != got {
				t.Errorf("%s: its course differs at step %d", c.schedule, step)
			}
		}
	}
}

// TestDigestsTellSchedulesApart changes each constant of each schedule.
func TestDigestsTellSchedulesApart(t *testing.T) {
	all := []Schedule{
		{}, Constant(1), Constant(0.1), Constant(math.Nextafter(0.1, 1)), Steps(1, 0.5, 3), Steps(1, 0.5, 4), Steps(1, 0.6, 3),
		Steps(2, 0.5, 3), Exponential(1, 0.5, 3), Exponential(1, 0.5, 4), Linear(1, 0, 3), Linear(1, 0.5, 3), Linear(1, 0, 4),
		Cosine(1, 0, 3), Cosine(1, 0.5, 3), Cosine(1, 0, 4), CosineRestarts(1, 0, 3, 1), CosineRestarts(1, 0, 3, 2),
		OneCycle(1, 10), OneCycle(1, 11), OneCycle(2, 10), WarmStableDecay(1, 2, 3, 4), WarmStableDecay(1, 3, 3, 4),
		WarmStableDecay(1, 2, 4, 4), WarmStableDecay(1, 2, 3, 5), InverseSquareRoot(1, 4), InverseSquareRoot(1, 5),
		Constant(1).Warmup(5), Constant(1).Warmup(6), Constant(1).Plateau(0.1, 3, 0), Constant(1).Plateau(0.2, 3, 0),
		Constant(1).Plateau(0.1, 4, 0), Constant(1).Plateau(0.1, 3, 0.1), New("f", 50, square), New("g", 50, square),
		New("f", 50, func(t int) float64 { return square(t) + float64(t/50) }),
	}
	seen := map[string]Schedule{}
	for _, s := range all {
		if other, ok := seen[s.Digest()]; ok {
			t.Errorf("%s and %s have one digest", s, other)
		}
		seen[s.Digest()] = s
	}
	if one, again := Cosine(1, 0, 3), Cosine(1, 0, 3); one.Digest() != again.Digest() {
		t.Error("a schedule made again has another digest")
	}
}

func square(t int) float64 { return float64(t * t) }

func TestPlateau(t *testing.T) {
	s := Constant(0.8).Warmup(3).Plateau(0.5, 2, 0.01)
	losses := []float64{1, 0.5, 0.499, 0.498, math.NaN(), 0.4, 0.4, 0.4, 0.4, 0.1}
	lowered := []bool{false, false, false, false, true, false, false, false, true, false}
	c := s.Start()
	for i, loss := range losses {
		// A course that is taken up anew at every observation goes the same way.
		again := s.Start()
		if err := again.Restore(c.State()); err != nil {
			t.Fatal(err)
		}
		got, also := c.Observe(loss), again.Observe(loss)
		if got != lowered[i] || also != got || again.Rate(10) != c.Rate(10) {
			t.Errorf("observation %d: lowered %v and after a restore %v, want %v", i, got, also, lowered[i])
		}
	}
	if c.Rate(10) != 0.2 || c.Rate(0) != 0.05 || s.Rate(10) != 0.8 {
		t.Errorf("rates %v and %v after two drops, %v before", c.Rate(10), c.Rate(0), s.Rate(10))
	}
	if err := c.Restore([]byte("junk")); err == nil {
		t.Error("junk is a state")
	}
	if err := c.Restore(nil); err != nil || c.Rate(10) != 0.8 {
		t.Errorf("begun anew: %v, %v", c.Rate(10), err)
	}
	if Constant(1).Start().State() != nil || Constant(1).Reacts() || !s.Reacts() {
		t.Error("a schedule that does not react has a state")
	}
}

func TestDrawn(t *testing.T) {
	s := OneCycle(0.1, 100)
	text, _ := s.MIMEBundle()["text/plain"].(string)
	if text != s.Chart(0).String() || !strings.Contains(text, "max 0.1 at 30") {
		t.Errorf("shown as\n%s", text)
	}
	if n := Linear(1, 0, 1_000_000).Chart(0).Err(); n != nil {
		t.Error(n)
	}
}

func TestOddArguments(t *testing.T) {
	for _, s := range []Schedule{
		Steps(1, 0.5, 0), Exponential(1, 0.5, -1), Linear(1, 0, 0), Cosine(1, 0, 0), CosineRestarts(1, 0, 0, 0.5),
		OneCycle(1, 0), WarmStableDecay(1, -1, -1, 0), InverseSquareRoot(1, 0), Constant(1).Warmup(-3),
	} {
		for _, step := range []int{-1, 0, 1, 1 << 40} {
			if r := s.Rate(step); math.IsNaN(r) || math.IsInf(r, 0) || r < 0 {
				t.Errorf("%s: rate %v at step %d", s, r, step)
			}
		}
	}
	var none Schedule
	if !none.IsZero() || !math.IsNaN(none.Rate(0)) || none.String() != "none" || !none.Warmup(3).IsZero() {
		t.Error("the zero schedule is something")
	}
}

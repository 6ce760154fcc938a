package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// labels returns n labels of three classes: 60, 30 and 10 percent.
func labels(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		switch {
		case i%10 >= 9:
			out[i] = 2
		case i%10 >= 6:
			out[i] = 1
		}
	}
	return out
}

// unlike reports whether counts differ from what is expected by more than chance allows: chi-square
// beyond five standard deviations above its mean.
func unlike(counts []int, expected []float64) (chi2 float64, bad bool) {
	df := -1.0
	for i, e := range expected {
		if e == 0 {
			if counts[i] > 0 {
				return math.Inf(1), true
			}
			continue
		}
		d := float64(counts[i]) - e
		chi2 += d * d / e
		df++
	}
	return chi2, chi2 > df+5*math.Sqrt(2*df)
}

func count(o Order, epochs, n int) []int {
	counts := make([]int, n)
	for e := range epochs {
		for _, p := range o.Places(e) {
			counts[p]++
		}
	}
	return counts
}

func TestEveryExampleOnce(t *testing.T) {
	const n = 103
	for _, o := range []Order{Sequential(n), Shuffle(n, 1), Stratified(labels(n), 1), NewHard(n, 0.5, 1), Curriculum(make([]float64, n), Pacing{Start: 1}, 1)} {
		for e := range 3 {
			places := o.Places(e)
			slices.Sort(places)
			if !slices.Equal(places, upTo(n)) {
				t.Errorf("%s: epoch %d has not every example once: %v", o, e, places)
			}
		}
		if o.Len() != n {
			t.Errorf("%s: Len is %d", o, o.Len())
		}
	}
}

func TestOrdersDependOnSeedAndEpochOnly(t *testing.T) {
	scores := make([]float64, 200)
	for i := range scores {
		scores[i] = float64(i % 17)
	}
	for name, make := range map[string]func(seed int64) Order{
		"shuffle":     func(s int64) Order { return Shuffle(200, s) },
		"replacement": func(s int64) Order { return Replacement(200, s) },
		"weighted":    func(s int64) Order { return Weighted(scores, s) },
		"stratified":  func(s int64) Order { return Stratified(labels(200), s) },
		"balanced":    func(s int64) Order { return Balanced(labels(200), s) },
		"mixture":     func(s int64) Order { return Mixture([]int{150, 40, 10}, 2, s) },
		"curriculum":  func(s int64) Order { return Curriculum(scores, Pacing{Start: 0.2, Epochs: 5}, s) },
		"hard":        func(s int64) Order { return NewHard(200, 0.3, s) },
	} {
		a, again, other := make(7), make(7), make(8)
		if a.Digest() != again.Digest() || a.Digest() == other.Digest() {
			t.Errorf("%s: the digest does not follow the seed", name)
		}
		third := a.Places(3)
		a.Places(1)
		if !slices.Equal(third, a.Places(3)) || !slices.Equal(third, again.Places(3)) {
			t.Errorf("%s: an epoch is not always the same", name)
		}
		if slices.Equal(third, other.Places(3)) || slices.Equal(third, a.Places(4)) {
			t.Errorf("%s: seeds or epochs are alike", name)
		}
	}
	if Weighted([]float64{1, 2}, 1).Digest() == Weighted([]float64{2, 1}, 1).Digest() {
		t.Error("the digest does not follow the weights")
	}
}

// The frequencies of draws are those that were asked for, by chi-square over fixed seeds.
func TestFrequencies(t *testing.T) {
	const n, epochs = 50, 400
	uniform := make([]float64, n)
	weights := make([]float64, n)
	total := 0.0
	for i := range weights {
		uniform[i] = epochs
		weights[i] = float64(i % 7) // with zeros
		total += weights[i]
	}
	byWeight := make([]float64, n)
	for i, w := range weights {
		byWeight[i] = w / total * n * epochs
	}
	for seed := range int64(5) {
		if chi2, bad := unlike(count(Replacement(n, seed), epochs, n), uniform); bad {
			t.Errorf("replacement with seed %d: chi-square %.1f", seed, chi2)
		}
		if chi2, bad := unlike(count(Weighted(weights, seed), epochs, n), byWeight); bad {
			t.Errorf("weighted with seed %d: chi-square %.1f", seed, chi2)
		}
		if chi2, bad := unlike(count(Weighted(weights, seed), epochs, n), uniform); !bad {
			t.Errorf("weighted draws pass for uniform ones: chi-square %.1f", chi2)
		}
	}
}

// What comes first is as likely to be any example, in every order that shuffles.
func TestPositionsAreUniform(t *testing.T) {
	const n, epochs = 20, 4000
	y := labels(n)
	expected := make([]float64, n)
	for i := range expected {
		expected[i] = epochs / n
	}
	for _, o := range []Order{Shuffle(n, 3), Stratified(y, 3), Mixture([]int{15, 5}, 1, 3), NewHard(n, 0.2, 3)} {
		for _, at := range []int{0, 7, n - 1} {
			counts := make([]int, n)
			for e := range epochs {
				counts[o.Places(e)[at]]++
			}
			if chi2, bad := unlike(counts, expected); bad {
				t.Errorf("%s: position %d has chi-square %.1f: %v", o, at, chi2, counts)
			}
		}
	}
}

func TestStratifiedBatchesHaveTheClassesOfTheWhole(t *testing.T) {
	const n = 1000
	y := labels(n)
	for _, size := range []int{8, 32, 100} {
		for e := range 5 {
			places := Stratified(y, 5).Places(e)
			for from := 0; from+size <= n; from += size {
				counts := [3]int{}
				for _, p := range places[from : from+size] {
					counts[y[p]]++
				}
				for class, share := range []float64{0.6, 0.3, 0.1} {
					if d := float64(counts[class]) - share*float64(size); math.Abs(d) > 2 {
						t.Fatalf("a batch of %d has %d of class %d", size, counts[class], class)
					}
				}
			}
		}
	}
}

func TestBalancedIsExact(t *testing.T) {
	y := labels(300) // 180, 90, 30
	o := Balanced(y, 2)
	classes := [3]int{}
	for _, p := range o.Places(0) {
		classes[y[p]]++
	}
	if classes != [3]int{100, 100, 100} {
		t.Errorf("an epoch has %v", classes)
	}
	// Nine epochs give each class 900 times: 5, 10 and 30 times each example.
	for i, c := range count(o, 9, 300) {
		if want := []int{5, 10, 30}[y[i]]; c != want {
			t.Errorf("example %d of class %d came %d times, want %d", i, y[i], c, want)
		}
	}
}

func TestMixtureFollowsTheTemperature(t *testing.T) {
	sizes := []int{900, 90, 10, 0}
	for _, c := range []struct {
		temperature float64
		want        []int
	}{
		{1, []int{900, 90, 10, 0}},
		{2, []int{703, 223, 74, 0}}, // square roots: 30, 9.49, 3.16 of 42.65
		{1e9, []int{334, 333, 333, 0}},
		{0.2, []int{998, 1, 1, 0}}, // the least one of each
	} {
		got := make([]int, 4)
		for _, p := range Mixture(sizes, c.temperature, 1).Places(0) {
			switch {
			case p < 900:
				got[0]++
			case p < 990:
				got[1]++
			default:
				got[2]++
			}
		}
		if d := got[0] - c.want[0]; !slices.Equal(got, c.want) && (d > 1 || d < -1) {
			t.Errorf("temperature %g: %v, want %v", c.temperature, got, c.want)
		}
	}
	counts := count(Mixture(sizes, 2, 1), 20, 1000) // 14060, 4460 and 1480 draws
	for _, part := range [][]int{counts[:900], counts[900:990], counts[990:]} {
		if slices.Max(part)-slices.Min(part) > 1 {
			t.Errorf("an example of a source came %d times, another %d", slices.Max(part), slices.Min(part))
		}
	}
}

func TestCurriculumGoesFromEasyToHard(t *testing.T) {
	scores := rand.New(rand.NewPCG(1, 2)).Perm(100)
	hard := make([]float64, 100)
	for i, s := range scores {
		hard[i] = float64(s)
	}
	o := Curriculum(hard, Pacing{Start: 0.1, Epochs: 9}, 4)
	for e, want := range []int{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 100} {
		counts := map[int]int{}
		for _, p := range o.Places(e) {
			counts[p]++
			if scores[p] >= want {
				t.Errorf("epoch %d has an example of score %d", e, scores[p])
			}
		}
		least, most := 100, 0
		for _, c := range counts {
			least, most = min(least, c), max(most, c)
		}
		if len(counts) != want || most-least > 1 {
			t.Errorf("epoch %d has %d examples, %d to %d times each", e, len(counts), least, most)
		}
	}
	if got := (Pacing{Start: 0.1, Epochs: 4, Power: 2}).Share(2); math.Abs(got-math.Sqrt(0.505)) > 1e-12 {
		t.Errorf("a square-root pacing is at %g", got)
	}
}

func TestHardExamplesComeMoreOften(t *testing.T) {
	const n = 100
	h := NewHard(n, 0.5, 9)
	losses := make([]float32, n)
	losses[3], losses[40], losses[41] = 1, 4, 0.01
	if err := h.Learn(upTo(n), losses); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(h.Known(), []int{40, 3}) {
		t.Fatalf("known: %v", h.Known())
	}
	if before := count(h, 1, n); slices.Max(before) != 1 {
		t.Error("what was learnt counts in the epoch that has begun")
	}
	h.Begin(1)
	const epochs = 200
	counts := make([]int, n)
	for e := range epochs {
		for _, p := range h.Places(e + 1) {
			counts[p]++
		}
	}
	expected := make([]float64, n)
	for i := range expected {
		expected[i] = 0.5 * epochs
	}
	expected[3] += 50 * epochs / 5.0
	expected[40] += 50 * epochs * 4 / 5.0
	if chi2, bad := unlike(counts, expected); bad {
		t.Errorf("chi-square %.1f: %v", chi2, counts)
	}
	if err := h.Learn([]int{3, 40}, []float32{0, 1}); err != nil || !slices.Equal(h.Known(), []int{40}) {
		t.Errorf("what became easy is still known: %v, %v", h.Known(), err)
	}
	for _, bad := range []struct {
		place int
		loss  float32
	}{{-1, 1}, {n, 1}, {1, float32(math.NaN())}} {
		if h.Learn([]int{bad.place}, []float32{bad.loss}) == nil {
			t.Errorf("%+v is learnt", bad)
		}
	}
}

// A state never takes more than 640 bytes, and what it restores goes on as the original does.
func TestHardStateIsSmallAndExact(t *testing.T) {
	for _, n := range []int{1, 2, 50, 299, 1257, 60_000, 1_000_000, math.MaxInt32} {
		for _, spread := range []string{"random", "first", "last", "even"} {
			h := NewHard(n, 0.3, 1)
			r := rand.New(rand.NewPCG(uint64(n), 1))
			most, _ := capacity(n)
			for round := range 2 {
				for i := range 2 * most {
					place := map[string]int{
						"random": r.IntN(n), "first": min(i, n-1), "last": max(0, n-1-i), "even": int(int64(n) * int64(i) / int64(2*most)),
					}[spread]
					if err := h.Learn([]int{place}, []float32{float32(r.ExpFloat64() * 20)}); err != nil {
						t.Fatal(err)
					}
				}
				h.Begin(math.MaxInt32 - 1 + round)
			}
			state := h.State()
			if len(state) > 640 {
				t.Errorf("%d examples, %s: a state of %d bytes", n, spread, len(state))
			}
			again := NewHard(n, 0.3, 1)
			if err := again.Restore(state); err != nil {
				t.Fatalf("%d examples, %s: %v", n, spread, err)
			}
			if fmt.Sprint(h.now, h.next, h.epoch) != fmt.Sprint(again.now, again.next, again.epoch) {
				t.Fatalf("%d examples, %s: another state is restored", n, spread)
			}
			if n <= 60_000 && !slices.Equal(h.Places(5), again.Places(5)) {
				t.Errorf("%d examples: the restored order is another", n)
			}
		}
	}
	for n, want := range map[int]int{1257: 284, 60_000: 165, 1_000_000: 130} {
		if most, _ := capacity(n); most < want-20 || most > want+20 {
			t.Errorf("%d of %d examples are remembered; the documentation says about %d", most, n, want)
		}
	}
}

func TestHardRefusesOtherBytes(t *testing.T) {
	h := NewHard(1000, 0.3, 1)
	if err := h.Learn(upTo(100), slices.Repeat([]float32{2}, 100)); err != nil {
		t.Fatal(err)
	}
	state := h.State()
	before := fmt.Sprint(h.Known())
	for cut := range len(state) {
		if NewHard(1000, 0.3, 1).Restore(state[:cut:cut]) == nil {
			t.Errorf("the first %d of %d bytes are restored", cut, len(state))
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 { // must end, and must not be taken for places beyond the data
		junk := make([]byte, r.IntN(700))
		for i := range junk {
			junk[i] = byte(r.Uint32())
		}
		other := NewHard(1000, 0.3, 1)
		if other.Restore(junk) == nil {
			other.Places(0)
		}
	}
	if err := h.Restore(nil); err != nil || len(h.Known()) != 0 || before == "[]" {
		t.Errorf("Restore(nil) leaves %v: %v", h.Known(), err)
	}
}

func TestBadParametersPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"a negative weight": func() { Weighted([]float64{1, -1}, 1) },
		"NaN weight":        func() { Weighted([]float64{math.NaN()}, 1) },
		"no weight":         func() { Weighted([]float64{0, 0}, 1) },
		"temperature":       func() { Mixture([]int{1}, 0, 1) },
		"pacing":            func() { Curriculum(nil, Pacing{}, 1) },
		"score":             func() { Curriculum([]float64{math.NaN()}, Pacing{Start: 1}, 1) },
		"share":             func() { NewHard(5, 2, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", name)
				}
			}()
			f()
		}()
	}
}

package sample

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Balanced returns every class equally often: an epoch has as many examples as there are labels, and
// classes with few of them repeat theirs, but none twice before all came once.
func Balanced(labels []int32, seed int64) Order {
	parts := byLabel(labels)
	shares := make([]float64, len(parts))
	for i := range shares {
		shares[i] = 1
	}
	m := mixture{"balanced", parts, apportion(shares, len(labels)), seed}
	return newFixed(len(labels), fmt.Sprintf("class-balanced with seed %d", seed), labels, m.places)
}

// Mixture returns the examples of several sources that lie one behind the other, the i-th of which has
// sizes[i] examples. A source is drawn in proportion to its size to the power of 1/temperature: as often
// as its size says at 1, and nearer to equally often the higher the temperature is (Arivazhagan and
// others, Massively Multilingual Neural Machine Translation in the Wild, 2019, section 4.2). An epoch has
// as many examples as all sources together. Within a source none comes twice before all came once, also
// from one epoch to the next, and a source that is not empty gives one in each epoch at least.
func Mixture(sizes []int, temperature float64, seed int64) Order {
	check(temperature > 0, "a mixture at temperature %g; it is greater than 0", temperature)
	total := 0
	parts := make([][]int, len(sizes))
	shares := make([]float64, len(sizes))
	for i, size := range sizes {
		check(size >= 0, "a source of %d examples", size)
		for range size {
			parts[i] = append(parts[i], total)
			total++
		}
		if size > 0 {
			shares[i] = math.Pow(float64(size), 1/temperature)
		}
	}
	m := mixture{"mixture", parts, apportion(shares, total), seed}
	text := fmt.Sprintf("mixture of %d sources at temperature %g, seed %d", len(sizes), temperature, seed)
	return newFixed(total, text, toInt64(sizes), m.places)
}

func toInt64(values []int) []int64 {
	out := make([]int64, len(values))
	for i, v := range values {
		out[i] = int64(v)
	}
	return out
}

// A mixture gives counts[i] examples of parts[i] in each epoch.
type mixture struct {
	purpose string
	parts   [][]int
	counts  []int
	seed    int64
}

func (m mixture) places(epoch int) []int {
	var places []int
	for i, part := range m.parts {
		from := epoch * m.counts[i]
		places = append(places, passes(part, from, from+m.counts[i], func(pass int) []int {
			return Rand(fmt.Sprintf("%s part %d", m.purpose, i), m.seed, pass).Perm(len(part))
		})...)
	}
	Rand(m.purpose, m.seed, epoch).Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	return places
}

// passes returns the draws from one number to another out of an endless row of passes over part, each of
// which is shuffled by order.
func passes(part []int, from, to int, order func(pass int) []int) []int {
	var out []int
	for at := from; at < to; {
		pass := at / len(part)
		perm := order(pass)
		for ; at < to && at/len(part) == pass; at++ {
			out = append(out, part[perm[at%len(part)]])
		}
	}
	return out
}

// apportion divides n in proportion to shares by the largest remainders, and gives each share that is
// not 0 one at least.
func apportion(shares []float64, n int) []int {
	total := 0.0
	for _, s := range shares {
		total += s
	}
	counts := make([]int, len(shares))
	rest := make([]float64, len(shares))
	left := n
	for i, s := range shares {
		if s == 0 {
			continue
		}
		exact := s / total * float64(n)
		counts[i] = max(1, int(exact))
		rest[i] = exact - float64(counts[i])
		left -= counts[i]
	}
	byRest := upTo(len(shares))
	slices.SortStableFunc(byRest, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for k := 0; left > 0; k = (k + 1) % len(byRest) {
		if shares[byRest[k]] > 0 {
			counts[byRest[k]]++
			left--
		}
	}
	for ; left < 0; left++ { // the shares that were raised to one are paid by the greatest
		most := 0
		for i := range counts {
			if counts[i] > counts[most] {
				most = i
			}
		}
		counts[most]--
	}
	return counts
}

// A Pacing says how much of the data a curriculum has reached. In epoch e it is the easiest
//
//	(Start^Power + (1 - Start^Power) · e/Epochs)^(1/Power)
//
// of it, and all of it from epoch Epochs on (Platanios and others, Competence-based Curriculum Learning for
// Neural Machine Translation, 2019, equations 6 to 8). Power 1 is a straight line; 2 brings hard
// examples sooner.
type Pacing struct {
	Start  float64 // more than 0, at most 1
	Epochs int
	Power  float64 // 1 if it is 0
}

// Share returns the share of the data, from 0 to 1, that epoch may use.
func (p Pacing) Share(epoch int) float64 {
	if epoch >= p.Epochs {
		return 1
	}
	power := p.Power
	if power == 0 {
		power = 1
	}
	start := math.Pow(p.Start, power)
	return min(1, math.Pow(start+(1-start)*float64(epoch)/float64(p.Epochs), 1/power))
}

// Curriculum returns the easiest examples first: scores say how hard each one is, and pacing how many of
// them an epoch may use. Each epoch has as many examples as there are scores, so early ones repeat the
// easy ones, none twice before all that may come came once. Among equal scores earlier examples are
// easier.
func Curriculum(scores []float64, pacing Pacing, seed int64) Order {
	check(pacing.Start > 0 && pacing.Start <= 1 && pacing.Epochs >= 0 && pacing.Power >= 0,
		"the pacing %+v: Start is more than 0 and at most 1, the others are not negative", pacing)
	n := len(scores)
	easiest := upTo(n)
	for i, s := range scores {
		check(!math.IsNaN(s), "score %d is NaN", i)
	}
	slices.SortStableFunc(easiest, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	text := fmt.Sprintf("curriculum from %g to 1 in %d epochs, power %g, seed %d", pacing.Start, pacing.Epochs, max(pacing.Power, 0), seed)
	return newFixed(n, text, scores, func(epoch int) []int {
		reached := int(math.Ceil(pacing.Share(epoch)*float64(n) - 1e-9)) // 0.3 of 100 is 30, not 31
		known := easiest[:min(n, max(1, reached))]
		r := Rand("curriculum", seed, epoch)
		return passes(known, 0, n, func(int) []int { return r.Perm(len(known)) })
	})
}

// Package sample says which examples of a data set come in which order: in sequence, shuffled, drawn
// again and again, balanced, weighted, from easy to hard, from several sources.
//
//	order := sample.Balanced(labels, 7)
//	order.Places(0)   // the places of the examples of the first epoch, in the order in which they come
//
// An order is a function of its parameters and the number of the epoch, so a position in it is two
// numbers. Hard is the one that learns: what it knows takes less than 640 bytes, whatever the size of the
// data. Places are the same on every machine and in every release.
//
// Parameters that make no sense, such as a negative weight, make the functions of this package panic.
package sample

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
)

// An Order says which examples the epochs of a training are made of.
type Order interface {
	// Len returns how many examples each epoch has.
	Len() int
	// Places returns the places of the examples of an epoch, counted from 0, as they come.
	Places(epoch int) []int
	// Digest identifies the order with all that it depends on but for what was learnt.
	Digest() string
	// String describes the order to people.
	String() string
}

// Stateful is an Order that changes with what it is told while it is used.
type Stateful interface {
	Order
	// Begin makes what was learnt until now count from this epoch on. It does nothing for the epoch
	// that has begun already.
	Begin(epoch int)
	// State returns what was learnt, in at most 640 bytes.
	State() []byte
	// Restore goes back to a state. Nil is the state of a new order.
	Restore(state []byte) error
}

// Rand returns the random numbers of a purpose. They differ between purposes, seeds and rounds, which are
// condensed, because a generator's streams from neighbouring seeds are alike.
func Rand(purpose string, seed int64, round int) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", purpose, seed, round))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
}

// fixed is an order that is known from the beginning.
type fixed struct {
	n      int
	text   string
	digest string
	places func(epoch int) []int
}

func (o fixed) Len() int               { return o.n }
func (o fixed) Places(epoch int) []int { return o.places(epoch) }
func (o fixed) Digest() string         { return o.digest }
func (o fixed) String() string         { return o.text }

// newFixed returns an order of n places. Its digest is that of text and of content.
func newFixed(n int, text string, content any, places func(epoch int) []int) Order {
	check(n >= 0, "an order of %d examples", n)
	return fixed{n, text, digest(n, text, content), places}
}

// digest condenses what an order depends on: n, its description, and numbers of any one type.
func digest(n int, text string, content any) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s\n", n, text)
	if content != nil {
		if err := binary.Write(h, binary.LittleEndian, content); err != nil {
			panic(err) // only for types without a fixed size, which this package does not use
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func check(ok bool, format string, args ...any) {
	if !ok {
		panic("sample: " + fmt.Sprintf(format, args...))
	}
}

// Sequential returns the n examples as they are, in every epoch.
func Sequential(n int) Order {
	return newFixed(n, "in order", nil, func(int) []int { return upTo(n) })
}

func upTo(n int) []int {
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	return places
}

// Shuffle returns each of the n examples once, in an order that differs from epoch to epoch.
func Shuffle(n int, seed int64) Order {
	return newFixed(n, fmt.Sprintf("shuffled with seed %d", seed), nil, func(epoch int) []int {
		return Rand("batches", seed, epoch).Perm(n)
	})
}

// Replacement returns n draws from n examples, each of which is as likely at each draw: an epoch has
// about 63 % of the examples, some of them more than once.
func Replacement(n int, seed int64) Order {
	return newFixed(n, fmt.Sprintf("drawn with replacement, seed %d", seed), nil, func(epoch int) []int {
		r := Rand("replacement", seed, epoch)
		places := make([]int, n)
		for i := range places {
			places[i] = r.IntN(n)
		}
		return places
	})
}

// Weighted returns as many draws as there are weights; at each, an example is as likely as its weight
// says. Weights are finite, not negative, and not all 0.
func Weighted(weights []float64, seed int64) Order {
	n := len(weights)
	sums := make([]float64, n)
	total := 0.0
	for i, w := range weights {
		check(w >= 0 && w <= 1e300, "weight %d is %g; weights are finite and not negative", i, w)
		total += w
		sums[i] = total
	}
	check(n == 0 || total > 0 && total <= 1e300, "the weights have the sum %g", total)
	return newFixed(n, fmt.Sprintf("drawn by weight, seed %d", seed), weights, func(epoch int) []int {
		r := Rand("weighted", seed, epoch)
		places := make([]int, n)
		for i := range places {
			// The first sum that is greater: an example of weight 0 has none of its own.
			at, _ := slices.BinarySearchFunc(sums, r.Float64()*total, func(sum, v float64) int {
				if sum <= v {
					return -1
				}
				return 1
			})
			places[i] = min(at, n-1)
		}
		return places
	})
}

// Stratified returns each example once, shuffled, so that every run of examples, and with it every batch,
// has the classes in about the proportions of the whole: for a class with the share p, a batch of b has
// between p·b-2 and p·b+2.
func Stratified(labels []int32, seed int64) Order {
	parts := byLabel(labels)
	n := len(labels)
	return newFixed(n, fmt.Sprintf("stratified with seed %d", seed), labels, func(epoch int) []int {
		r := Rand("stratified", seed, epoch)
		type slot struct {
			at    float64 // where in the epoch, from 0 to 1
			place int
		}
		slots := make([]slot, 0, n)
		for _, part := range parts {
			start := r.Float64() // or all classes would begin together
			for rank, k := range r.Perm(len(part)) {
				slots = append(slots, slot{(float64(rank) + start) / float64(len(part)), part[k]})
			}
		}
		slices.SortStableFunc(slots, func(a, b slot) int { return cmp.Compare(a.at, b.at) })
		places := make([]int, n)
		turn := 0 // large classes would come first more often than others
		if n > 0 {
			turn = r.IntN(n)
		}
		for i, s := range slots {
			places[(i+turn)%n] = s.place
		}
		return places
	})
}

// byLabel returns the places of each label that occurs, in the order of the labels.
func byLabel(labels []int32) [][]int {
	parts := map[int32][]int{}
	for i, y := range labels {
		parts[y] = append(parts[y], i)
	}
	keys := make([]int32, 0, len(parts))
	for y := range parts {
		keys = append(keys, y)
	}
	slices.Sort(keys)
	out := make([][]int, len(keys))
	for i, y := range keys {
		out[i] = parts[y]
	}
	return out
}

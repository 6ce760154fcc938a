package sample

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"sync"
)

// Hard is an order that shows hard examples more often. It is told losses, at any time and of any
// examples, and remembers the hardest of them, as many as fit into its state: 284 of 1,257 examples, 170 of
// 60,000, 134 of a million. A part of each epoch is drawn from them, each in proportion to its loss; the rest
// is a shuffle of all, so that no example is lost sight of. (The idea is that of Loshchilov and Hutter, Online
// Batch Selection for Faster Training of Neural Networks, 2016; the list in place of a rank for
// every example is what makes the state small.)
//
// Losses are kept in steps of a factor of √2, from 2^-4 to 2^3.5; examples below are not hard. What is
// learnt in an epoch counts from the next one on, so that batches can be prepared ahead, and an epoch that is
// resumed has the order that it began with. All methods may be called at the same time.
type Hard struct {
	n     int
	share float64
	seed  int64

	mu    sync.Mutex
	epoch int
	now   map[int]int // the level of each hard example, for this epoch
	next  map[int]int // the same as far as it is known
}

// NewHard returns an order of n examples, the given share of which, from 0 to 1, is drawn from the hard
// ones once some are known.
func NewHard(n int, share float64, seed int64) *Hard {
	check(n >= 0 && n <= math.MaxInt32, "an order of %d examples", n)
	check(share >= 0 && share <= 1, "a share of %g hard examples; it is from 0 to 1", share)
	return &Hard{n: n, share: share, seed: seed, now: map[int]int{}, next: map[int]int{}}
}

// Len returns how many examples each epoch has.
func (h *Hard) Len() int { return h.n }

// Digest identifies the parameters.
func (h *Hard) Digest() string { return digest(h.n, h.describe(), nil) }

func (h *Hard) describe() string {
	return fmt.Sprintf("%g %% from hard examples, seed %d", h.share*100, h.seed)
}

// String describes the order, with how many hard examples are known.
func (h *Hard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprintf("%s, %d known", h.describe(), len(h.next))
}

// Places returns the places of an epoch by what was known when the epoch that was begun last began.
func (h *Hard) Places(epoch int) []int {
	h.mu.Lock()
	now := maps.Clone(h.now)
	h.mu.Unlock()
	r := Rand("hard", h.seed, epoch)
	places := r.Perm(h.n)
	if len(now) == 0 {
		return places
	}
	hard := slices.Sorted(maps.Keys(now))
	sums := make([]float64, len(hard))
	total := 0.0
	for i, place := range hard {
		total += lossOf(now[place])
		sums[i] = total
	}
	for i := h.n - int(math.Round(h.share*float64(h.n))); i < h.n; i++ {
		at, _ := slices.BinarySearch(sums, r.Float64()*total)
		places[i] = hard[min(at, len(hard)-1)]
	}
	r.Shuffle(h.n, func(i, j int) { places[i], places[j] = places[j], places[i] })
	return places
}

// Begin makes what was learnt count from epoch on.
func (h *Hard) Begin(epoch int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if epoch != h.epoch {
		h.epoch, h.now = epoch, maps.Clone(h.next)
	}
}

// Learn tells the losses of the examples at the given places. What was known of them is forgotten.
func (h *Hard) Learn(places []int, losses []float32) error {
	if len(places) != len(losses) {
		return fmt.Errorf("sample: learn %d losses of %d examples", len(losses), len(places))
	}
	for i, place := range places {
		if place < 0 || place >= h.n || losses[i] != losses[i] {
			return fmt.Errorf("sample: learn the loss %g of example %d of %d", losses[i], place, h.n)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, place := range places {
		if level := levelOf(losses[i]); level > 0 {
			h.next[place] = level
		} else {
			delete(h.next, place)
		}
	}
	h.shorten()
	return nil
}

// Known returns the places of the examples that are known to be hard, the hardest first.
func (h *Hard) Known() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return hardest(h.next)
}

func hardest(levels map[int]int) []int {
	return slices.SortedFunc(maps.Keys(levels), func(a, b int) int {
		if levels[a] != levels[b] {
			return levels[b] - levels[a]
		}
		return a - b
	})
}

// shorten forgets the least hard ones of those that do not fit into the state.
func (h *Hard) shorten() {
	most, _ := capacity(h.n)
	if len(h.next) <= most {
		return
	}
	for _, place := range hardest(h.next)[most:] {
		delete(h.next, place)
	}
}

const maxLevel = 15

// levelOf returns the step of a loss; 0 is not hard.
func levelOf(loss float32) int {
	if loss <= 0 {
		return 0
	}
	return int(max(0, min(maxLevel, math.Round(2*math.Log2(float64(loss))+8))))
}

// lossOf is the inverse of levelOf.
func lossOf(level int) float64 { return math.Exp2(float64(level-8) / 2) }

// stateBits is how many bits the two lists of a state may have.
const stateBits = 620 * 8

// capacity returns how many examples a list may have, and the parameter of its Rice code. The distance from
// one place to the next is coded in k bits and, as so many ones and a zero, what is above; all
// that is above adds up to at most n>>k ones, so an example takes k+2 bits and 4 for its level.
func capacity(n int) (most, k int) {
	for most = 300; most > 1; most-- {
		k = max(0, bits.Len(uint(n/most))) // 2^k > n/most
		if 2*most*(k+2+4) <= stateBits {
			break
		}
	}
	return most, k
}

// State returns what was learnt: the epoch, the lengths of the two lists, and the lists.
func (h *Hard) State() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	state := binary.AppendUvarint(nil, uint64(h.epoch))
	state = binary.AppendUvarint(state, uint64(len(h.now)))
	state = binary.AppendUvarint(state, uint64(len(h.next)))
	_, k := capacity(h.n)
	w := bitWriter{out: state}
	for _, list := range []map[int]int{h.now, h.next} {
		last := -1
		for _, place := range slices.Sorted(maps.Keys(list)) {
			gap := place - last - 1
			for range gap >> k {
				w.write(1, 1)
			}
			w.write(0, 1)
			w.write(gap&(1<<k-1), k)
			w.write(list[place], 4)
			last = place
		}
	}
	return w.out
}

var errState = errors.New("sample: restore what an order of hard examples learnt: it is not such a state")

// Restore goes back to a state.
func (h *Hard) Restore(state []byte) error {
	var counts [3]uint64 // the epoch, and the lengths of the lists
	if state != nil {
		for i := range counts {
			v, n := binary.Uvarint(state)
			if n <= 0 || v > math.MaxInt32 {
				return errState
			}
			counts[i], state = v, state[n:]
		}
	}
	r := bitReader{in: state}
	var lists [2]map[int]int
	for i := range lists {
		list, err := h.readList(&r, int(counts[i+1]))
		if err != nil {
			return err
		}
		lists[i] = list
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch, h.now, h.next = int(counts[0]), lists[0], lists[1]
	return nil
}

// readList reads a list of count examples.
func (h *Hard) readList(r *bitReader, count int) (map[int]int, error) {
	most, k := capacity(h.n)
	if count > most {
		return nil, errState
	}
	list := map[int]int{}
	last := -1
	for range count {
		above := 0
		for r.read(1) == 1 {
			above++
		}
		place := last + 1 + above<<k + r.read(k)
		level := r.read(4)
		if r.ended || place >= h.n || level == 0 {
			return nil, errState
		}
		list[place], last = level, place
	}
	return list, nil
}

// A bitWriter appends numbers of a few bits, the highest bit first.
type bitWriter struct {
	out  []byte
	free int // bits of the last byte
}

func (w *bitWriter) write(v, width int) {
	for i := width - 1; i >= 0; i-- {
		if w.free == 0 {
			w.out = append(w.out, 0)
			w.free = 8
		}
		w.free--
		w.out[len(w.out)-1] |= byte(v>>i&1) << w.free
	}
}

// A bitReader reads what a bitWriter wrote. After the end it reads zeros.
type bitReader struct {
	in    []byte
	at    int
	ended bool
}

func (r *bitReader) read(width int) int {
	v := 0
	for range width {
		v <<= 1
		if r.at/8 >= len(r.in) {
			r.ended = true
		} else {
			v |= int(r.in[r.at/8]>>(7-r.at%8)) & 1
		}
		r.at++
	}
	return v
}

var _ Stateful = (*Hard)(nil)

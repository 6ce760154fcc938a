package dataset

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/lathe-go/lathe/pkg/dataset/sample"
)

// Split shuffles the examples with seed and divides them in three, in the proportions given, for
// training, validation and test: Split(1, 70, 15, 15). The same seed gives the same parts on every
// machine. The parts' names are the table's with /train, /valid and /test.
//
// Examples that belong together, such as several photographs of one patient, may come to lie on
// both sides; GroupSplit keeps them on one.
func (t Table) Split(seed int64, train, valid, test int) (Table, Table, Table) {
	p := t.proportions("Split", train, valid, test)
	order := sample.Rand("split", seed, 0).Perm(t.Len())
	a, b := p.cuts(t.Len())
	return t.parts(order[:a], order[a:b], order[b:])
}

// StratifiedSplit is Split within each class, so that all parts have the classes in the proportions of the
// table, up to one example of each class.
func (t Table) StratifiedSplit(seed int64, train, valid, test int) (Table, Table, Table) {
	p := t.proportions("StratifiedSplit", train, valid, test)
	order := sample.Stratified(t.classes("StratifiedSplit"), seed).Places(0)
	seen := make([]int, t.Classes)
	counts := t.Counts()
	var parts [3][]int
	for _, place := range order {
		y := t.Y[place]
		a, b := p.cuts(counts[y])
		part := 0
		switch k := seen[y]; {
		case k >= b:
			part = 2
		case k >= a:
			part = 1
		}
		seen[y]++
		parts[part] = append(parts[part], place)
	}
	return t.parts(parts[0], parts[1], parts[2])
}

// GroupSplit divides the examples so that those with one key, such as the patient or the author, are in
// one part: keys[i] is the key of example i. Each group, in shuffled order, goes to the part that is
// furthest from its share, so the proportions hold up to the size of a group.
func (t Table) GroupSplit(seed int64, keys []string, train, valid, test int) (Table, Table, Table) {
	p := t.proportions("GroupSplit", train, valid, test)
	groups := t.groups(keys)
	sample.Rand("group split", seed, 0).Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	slices.SortStableFunc(groups, func(a, b []int) int { return len(b) - len(a) }) // small ones last, to fill up
	var parts [3][]int
	for _, group := range groups {
		to := p.furthest(len(parts[0]), len(parts[1]), len(parts[2]))
		parts[to] = append(parts[to], group...)
	}
	return t.sortedParts(parts)
}

// groups returns the places of each key, in the order in which keys come first.
func (t Table) groups(keys []string) [][]int {
	if len(keys) != t.Len() {
		panic(fmt.Sprintf("dataset: %d keys for the %d examples of %s", len(keys), t.Len(), t.Name))
	}
	number := map[string]int{}
	var groups [][]int
	for i, key := range keys {
		g, ok := number[key]
		if !ok {
			g = len(groups)
			number[key] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// Duplicates returns a key for each example, which is the same for examples whose features are equal, to
// the bit. With it GroupSplit keeps duplicates in one part.
func (t Table) Duplicates() []string {
	keys := make([]string, t.Len())
	buf := make([]byte, 0, 4*t.Features())
	for i := range keys {
		buf = buf[:0]
		for _, v := range t.Row(i) {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		sum := sha256.Sum256(buf)
		keys[i] = string(sum[:])
	}
	return keys
}

// TimeSplit divides the examples by when they were made, the oldest for training: a model that is to
// foretell is tried on what came later. times[i] is when example i was made, in any unit; examples of one time
// are in one part, the earlier one if the cut falls among them.
func (t Table) TimeSplit(times []float64, train, valid, test int) (Table, Table, Table) {
	p := t.proportions("TimeSplit", train, valid, test)
	t.oneEach("times", times)
	order := sample.Sequential(t.Len()).Places(0)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(times[a], times[b]) })
	a, b := p.cuts(t.Len())
	a = pastTies(order, times, a)
	b = pastTies(order, times, max(a, b))
	return t.parts(order[:a], order[a:b], order[b:])
}

// pastTies moves a cut that falls among examples of one time behind them.
func pastTies(order []int, times []float64, cut int) int {
	for cut > 0 && cut < len(order) && times[order[cut]] == times[order[cut-1]] {
		cut++
	}
	return cut
}

// A Fold is one of several divisions of a table.
type Fold struct{ Train, Valid Table }

// Folds divides the examples in k parts and returns, for each, the others for training and the part for
// validation. If keys is not nil, examples with one key are in one part: see GroupSplit. Else, if the
// table has classes, each part has them in the proportions of the whole.
func (t Table) Folds(seed int64, k int, keys []string) []Fold {
	if k < 2 || k > t.Len() {
		panic(fmt.Sprintf("dataset: %d folds of the %d examples of %s", k, t.Len(), t.Name))
	}
	part := make([]int, t.Len()) // the fold of each example
	switch {
	case keys != nil:
		t.deal(part, seed, k, keys)
	case t.Classes > 0:
		seen := make([]int, t.Classes)
		for _, place := range sample.Stratified(t.Y, seed).Places(0) {
			y := t.Y[place]
			part[place] = (seen[y] + int(y)) % k // not the first fold for the rest of every class
			seen[y]++
		}
	default:
		for i, place := range sample.Shuffle(t.Len(), seed).Places(0) {
			part[place] = i % k
		}
	}
	folds := make([]Fold, k)
	for f := range folds {
		var train, valid []int
		for i, p := range part {
			if p == f {
				valid = append(valid, i)
			} else {
				train = append(train, i)
			}
		}
		folds[f].Train = t.part(train, Train, fmt.Sprintf("train%d", f))
		folds[f].Valid = t.part(valid, Valid, fmt.Sprintf("valid%d", f))
	}
	return folds
}

// deal gives each group to the smallest fold.
func (t Table) deal(part []int, seed int64, k int, keys []string) {
	groups := t.groups(keys)
	sample.Rand("folds", seed, 0).Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	slices.SortStableFunc(groups, func(a, b []int) int { return len(b) - len(a) })
	sizes := make([]int, k)
	for _, group := range groups {
		least := 0
		for f, size := range sizes {
			if size < sizes[least] {
				least = f
			}
		}
		sizes[least] += len(group)
		for _, place := range group {
			part[place] = least
		}
	}
}

// proportions are those of training, validation and test.
type proportions [3]int

func (t Table) proportions(what string, train, valid, test int) proportions {
	if train < 0 || valid < 0 || test < 0 || train+valid+test == 0 {
		panic(fmt.Sprintf("dataset: %s of %s in the proportions %d, %d, %d", what, t.Name, train, valid, test))
	}
	return proportions{train, valid, test}
}

// cuts returns where validation and test begin among n examples.
func (p proportions) cuts(n int) (valid, test int) {
	total := p[0] + p[1] + p[2]
	return n * p[0] / total, n * (p[0] + p[1]) / total
}

// furthest returns the part that has the least of what it should have.
func (p proportions) furthest(sizes ...int) int {
	best := -1
	for i, share := range p {
		if share > 0 && (best < 0 || sizes[i]*p[best] < sizes[best]*share) {
			best = i
		}
	}
	return best
}

func (t Table) sortedParts(parts [3][]int) (Table, Table, Table) {
	for _, p := range parts {
		slices.Sort(p)
	}
	return t.parts(parts[0], parts[1], parts[2])
}

func (t Table) parts(train, valid, test []int) (Table, Table, Table) {
	return t.part(train, Train, "train"), t.part(valid, Valid, "valid"), t.part(test, Test, "test")
}

// part returns the examples at some places as a part. What was for a test before stays for a test.
func (t Table) part(places []int, as Part, name string) Table {
	out := t.Pick(places).Named(t.Name + "/" + name)
	if t.Part != Test {
		out.Part = as
	}
	return out
}

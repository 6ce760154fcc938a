package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/dataset/augment"
	"github.com/lathe-go/lathe/pkg/dataset/sample"
)

// A Source makes batches of the examples at given places, which lie between 0 and Len. It is what to
// implement for data of another form, such as files that are read when they are wanted. If batches are
// prepared ahead, Batch is called on another goroutine than the rest, but by one at a time.
type Source interface {
	Len() int
	// Digest identifies the content.
	Digest() string
	// Batch returns new tensors, whose first axis is that of the examples.
	Batch(places []int) (train.Batch, error)
}

// Batches gives the examples of a source to GoMLX, batch by batch. Those of a table are features shaped
// [batch, shape of an example...] as float32, and labels shaped [batch, 1], as int32 if they are classes and
// as float32 otherwise. It is a train.Dataset. One iteration is one epoch.
//
// Its order depends on the number of the epoch only, and on what Learn was told, so a position is a few
// numbers: State returns it, and Restore goes there.
type Batches struct {
	name   string
	table  Table // if that is what the source is
	source Source
	order  sample.Order
	size   int
	short  bool
	ahead  int
	plan   *augment.Plan
	mixup  *augment.Mixup
	flat   bool

	// What Show reads tokens and labels by.
	vocab      []string
	spaced     bool // tokens are words
	classNames []string

	digest string // made once, by the first that asks

	mu       sync.Mutex
	epoch    int
	next     int   // the batch within the epoch that comes next
	last     []int // the places of the batch that was given last
	restored bool  // the next iteration goes on from here
}

// NewBatches returns batches of size examples of a source, in an order of its places. What is left at the
// end of an epoch, less than a batch, is left out, because another shape would make XLA compile the model
// a second time. KeepShort keeps it.
func NewBatches(name string, source Source, order sample.Order, size int) *Batches {
	if size < 1 || order.Len() == 0 || source.Len() == 0 {
		panic(fmt.Sprintf("dataset: batches of %d examples of %s, which has %d, %d in an epoch", size, name, source.Len(), order.Len()))
	}
	return &Batches{name: name, source: source, order: order, size: min(size, order.Len())}
}

// Batches returns shuffled batches of size examples, for training. Each epoch has another order. What is
// left at the end of an epoch, less than a batch, is left out; it is other examples in each epoch.
func (t Table) Batches(size int, seed int64) *Batches {
	return t.Sampled(size, sample.Shuffle(t.Len(), seed))
}

// Ordered returns batches of size examples in the table's order, for evaluation. The last one is shorter
// if size does not divide the number of examples, because every example counts.
func (t Table) Ordered(size int) *Batches {
	return t.Sampled(size, sample.Sequential(t.Len())).KeepShort()
}

// Sampled returns batches of size examples in any order of the table's places.
func (t Table) Sampled(size int, order sample.Order) *Batches {
	b := NewBatches(t.Name, newTableSource(t), order, size)
	b.table, b.classNames = t, t.ClassNames
	return b
}

// Replacement returns batches of examples each of which is drawn from all.
func (t Table) Replacement(size int, seed int64) *Batches {
	return t.Sampled(size, sample.Replacement(t.Len(), seed))
}

// Stratified returns shuffled batches each of which has the classes in about the proportions of the table.
func (t Table) Stratified(size int, seed int64) *Batches {
	return t.Sampled(size, sample.Stratified(t.classes("Stratified"), seed))
}

// Balanced returns batches in which all classes are equally frequent: see sample.Balanced.
func (t Table) Balanced(size int, seed int64) *Batches {
	return t.Sampled(size, sample.Balanced(t.classes("Balanced"), seed))
}

// Weighted returns batches of draws in which an example is as likely as its weight says.
func (t Table) Weighted(size int, weights []float64, seed int64) *Batches {
	return t.Sampled(size, sample.Weighted(t.oneEach("weights", weights), seed))
}

// Curriculum returns batches that begin with the examples of the lowest scores: see sample.Curriculum.
func (t Table) Curriculum(size int, scores []float64, pacing sample.Pacing, seed int64) *Batches {
	return t.Sampled(size, sample.Curriculum(t.oneEach("scores", scores), pacing, seed))
}

// Hard returns batches in which a share of the examples is drawn from those of which Learn was told the
// greatest losses: see sample.Hard.
func (t Table) Hard(size int, share float64, seed int64) *Batches {
	return t.Sampled(size, sample.NewHard(t.Len(), share, seed))
}

// Mix returns batches of examples of several tables, drawn by their sizes to the power of 1/temperature:
// see sample.Mixture. The tables have examples of one shape. Table returns all of them in one.
func Mix(size int, temperature float64, seed int64, tables ...Table) (*Batches, error) {
	all, err := Join(tables...)
	if err != nil {
		return nil, err
	}
	sizes := make([]int, len(tables))
	for i, t := range tables {
		sizes[i] = t.Len()
	}
	return all.Sampled(size, sample.Mixture(sizes, temperature, seed)), nil
}

// classes returns the labels, which have to be there.
func (t Table) classes(what string) []int32 {
	if t.Classes == 0 {
		panic(fmt.Sprintf("dataset: %s of %s, which has no classes", what, t.Name))
	}
	return t.Y
}

// oneEach checks that there is a value for each example.
func (t Table) oneEach(what string, values []float64) []float64 {
	if len(values) != t.Len() {
		panic(fmt.Sprintf("dataset: %d %s for the %d examples of %s", len(values), what, t.Len(), t.Name))
	}
	return values
}

// KeepShort makes the last batch of an epoch stay though it is shorter, and returns b.
func (b *Batches) KeepShort() *Batches {
	b.short, b.digest = true, ""
	return b
}

// Flat makes the features of a table be shaped [batch, features], whatever the shape of an example, and
// returns b.
func (b *Batches) Flat() *Batches {
	if _, ok := b.source.(*tableSource); !ok {
		panic("dataset: Flat of " + b.name + ", which is no table")
	}
	b.flat, b.digest = true, ""
	return b
}

// Augment changes the examples on their way to the network, and returns b. They are float32 images shaped
// [height, width, channels]. What becomes of an example depends on the plan, the epoch and where in
// it the example comes only, so that a resumed training sees the same.
func (b *Batches) Augment(plan *augment.Plan) *Batches {
	b.plan, b.digest = plan, ""
	return b
}

// Mixup mixes the examples of each batch of a table with classes, and returns b. The labels are then shaped
// [batch, classes], as float32: probabilities, for a loss that takes those.
func (b *Batches) Mixup(alpha float64, seed int64) *Batches {
	b.table.classes("Mixup")
	b.mixup, b.digest = &augment.Mixup{Alpha: alpha, Seed: seed}, ""
	return b
}

// Prefetch makes up to n batches be prepared while one is being used, and returns b. State is still the
// position after the batch that was given last, whatever is prepared.
func (b *Batches) Prefetch(n int) *Batches {
	b.ahead = max(0, n)
	return b
}

// Table returns the table that the batches are made of, if they are made of one.
func (b *Batches) Table() Table { return b.table }

// Plain reports whether the batches are the examples of the table as they are, so that a program that has
// the table on its device can gather them by Places.
func (b *Batches) Plain() bool {
	_, table := b.source.(*tableSource)
	return table && b.plan == nil && b.mixup == nil
}

// ExampleShape returns the shape of the features of one example of a table, as the network gets them.
func (b *Batches) ExampleShape() []int {
	if b.flat {
		return []int{b.table.Features()}
	}
	return b.table.Shape
}

// Order returns the order of the examples.
func (b *Batches) Order() sample.Order { return b.order }

// Size returns the number of examples of a batch.
func (b *Batches) Size() int { return b.size }

// Len returns the number of batches in an epoch.
func (b *Batches) Len() int {
	n := b.order.Len() / b.size
	if b.short && b.order.Len()%b.size > 0 {
		n++
	}
	return n
}

// Places returns the places of all examples that an epoch gives, in their order: batch i has those from
// i·Size on. With an order that learns it is right for the epoch that goes on.
func (b *Batches) Places(epoch int) []int {
	places := b.order.Places(epoch)
	return places[:min(len(places), b.Len()*b.size)]
}

// Last returns the places of the examples of the batch that was given last.
func (b *Batches) Last() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// Learn tells the losses of the examples of the batch that was given last, for an order that learns from
// them; LearnAt tells those of others.
func (b *Batches) Learn(losses []float32) error { return b.LearnAt(b.Last(), losses) }

// LearnAt tells the losses of the examples at some places.
func (b *Batches) LearnAt(places []int, losses []float32) error {
	learner, ok := b.order.(interface {
		Learn(places []int, losses []float32) error
	})
	if !ok {
		return fmt.Errorf("dataset: %s, %s, learns nothing from losses; Table.Hard makes batches that do", b.name, b.order)
	}
	return learner.Learn(places, losses)
}

// Name returns the name of the data. GoMLX cuts names at three letters without looking, so shorter
// ones are made longer.
func (b *Batches) Name() string {
	name := b.name
	if len(name) < 3 {
		name += " data"
	}
	return name
}

// ShortName returns the name for the columns of a table of metrics.
func (b *Batches) ShortName() string { return b.Name()[:3] }

// String says what the batches are and where the next one is.
func (b *Batches) String() string {
	text := b.order.String()
	text += b.changes()
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%s: %d batches of %d, %s; epoch %d, %d given", b.name, b.Len(), b.size, text, b.epoch, b.next)
}

// changes names what is done to the examples.
func (b *Batches) changes() string {
	text := ""
	if b.plan != nil {
		text += ", augmented by " + b.plan.String()
	}
	if b.mixup != nil {
		text += ", " + b.mixup.String()
	}
	return text
}

// Digest identifies the content and the order of the batches.
func (b *Batches) Digest() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.identity()
}

// identity is Digest for those who hold the lock.
func (b *Batches) identity() string {
	if b.digest == "" {
		h := sha256.New()
		fmt.Fprintln(h, b.source.Digest(), b.order.Digest(), b.size, b.short, b.flat)
		fmt.Fprintln(h, b.changes())
		b.digest = hex.EncodeToString(h.Sum(nil))[:16]
	}
	return b.digest
}

// Iter returns an iterator over the batches of the next epoch, or over the rest of one after Restore.
// An iteration that was broken off is not gone on with. Only one iteration may go on at a time.
func (b *Batches) Iter() iter.Seq2[train.Batch, error] {
	return func(yield func(train.Batch, error) bool) {
		epoch, from := b.begin()
		for p := range b.prepared(epoch, from) {
			if p.err != nil {
				yield(train.Batch{}, fmt.Errorf("dataset: batch %d of epoch %d of %s: %w", p.index, epoch, b.name, p.err))
				return
			}
			b.mu.Lock()
			b.epoch, b.next, b.last = epoch, p.index+1, p.places
			b.mu.Unlock()
			if !yield(p.batch, nil) {
				return
			}
		}
	}
}

// begin returns where an iteration begins.
func (b *Batches) begin() (epoch, from int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.restored && b.next > 0 {
		b.epoch, b.next = b.epoch+1, 0
	}
	b.restored = false
	if s, ok := b.order.(sample.Stateful); ok {
		s.Begin(b.epoch)
	}
	return b.epoch, b.next
}

// position is what State returns, as JSON.
type position struct {
	Digest string `json:"digest"` // of the batches, so that a position is not taken for another's
	Epoch  int    `json:"epoch"`
	Next   int    `json:"next"`
	Learnt []byte `json:"learnt,omitempty"`
}

// State returns the position after the batch that was given last, in less than 1,000 bytes; in less than
// 100 if the order learns nothing.
func (b *Batches) State() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := position{Digest: b.identity(), Epoch: b.epoch, Next: b.next}
	if s, ok := b.order.(sample.Stateful); ok {
		p.Learnt = s.State()
	}
	return json.Marshal(p)
}

// Restore makes the next iteration give what is left of the epoch at a position, which may be nothing,
// and the one after it the following epoch. Nil is the beginning.
func (b *Batches) Restore(state []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := position{Digest: b.identity()}
	if state != nil {
		p = position{}
		if err := json.Unmarshal(state, &p); err != nil {
			return fmt.Errorf("dataset: restore the position in %s: %w", b.name, err)
		}
	}
	if p.Digest != b.identity() {
		return fmt.Errorf("dataset: restore the position in %s: it was taken in other data, or with another batch size, order or seed", b.name)
	}
	if p.Epoch < 0 || p.Next < 0 || p.Next > b.Len() {
		return errors.New("dataset: restore the position in " + b.name + ": it is not a position")
	}
	if s, ok := b.order.(sample.Stateful); ok {
		if err := s.Restore(p.Learnt); err != nil {
			return fmt.Errorf("dataset: restore the position in %s: %w", b.name, err)
		}
	}
	b.epoch, b.next, b.last, b.restored = p.Epoch, p.Next, nil, true
	return nil
}

var _ interface {
	train.Dataset
	train.HasShortName
} = (*Batches)(nil)

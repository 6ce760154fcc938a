package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
)

// Batches gives the examples of a table to GoMLX, batch by batch: features shaped [batch, shape of an
// example...] as float32, and labels shaped [batch, 1] as int32. It is a train.Dataset. One iteration
// is one pass over the table, an epoch.
//
// Its order depends on the seed and the number of the epoch only, so a position is a few numbers: State
// returns it, and Restore goes there.
type Batches struct {
	table   Table
	content func() string // the digest of table, made once
	size    int
	seed    int64
	shuffle bool
	short   bool
	flat    bool

	mu       sync.Mutex
	epoch    int
	next     int  // the batch within the epoch that comes next
	restored bool // the next iteration goes on from here
}

// Batches returns shuffled batches of size examples, for training. Each epoch has another order. What is
// left at the end of an epoch, less than a batch, is left out, because another shape would make XLA
// compile the model a second time; it is other examples in each epoch. KeepShort keeps it.
func (t Table) Batches(size int, seed int64) *Batches {
	return &Batches{table: t, content: sync.OnceValue(t.Digest), size: t.batchSize(size), seed: seed, shuffle: true}
}

// Ordered returns batches of size examples in the table's order, for evaluation. The last one is shorter
// if size does not divide the number of examples, because every example counts.
func (t Table) Ordered(size int) *Batches {
	return &Batches{table: t, content: sync.OnceValue(t.Digest), size: t.batchSize(size), short: true}
}

// batchSize checks a size, and shortens one that is longer than the table.
func (t Table) batchSize(size int) int {
	if size < 1 || t.Len() == 0 {
		panic(fmt.Sprintf("dataset: batches of %d examples of %s, which has %d", size, t.Name, t.Len()))
	}
	return min(size, t.Len())
}

// KeepShort makes the last batch of an epoch stay though it is shorter, and returns b.
func (b *Batches) KeepShort() *Batches {
	b.short = true
	return b
}

// Flat makes features be shaped [batch, features], whatever the shape of an example, and returns b.
func (b *Batches) Flat() *Batches {
	b.flat = true
	return b
}

// Table returns the table that the batches are made of.
func (b *Batches) Table() Table { return b.table }

// Len returns the number of batches in an epoch.
func (b *Batches) Len() int {
	n := b.table.Len() / b.size
	if b.short && b.table.Len()%b.size > 0 {
		n++
	}
	return n
}

// Name returns the name of the table. GoMLX cuts names at three letters without looking, so shorter
// ones are made longer.
func (b *Batches) Name() string {
	name := b.table.Name
	if len(name) < 3 {
		name += " data"
	}
	return name
}

// ShortName returns the name for the columns of a table of metrics.
func (b *Batches) ShortName() string { return b.Name()[:3] }

// String says what the batches are and where the next one is.
func (b *Batches) String() string {
	order := "in order"
	if b.shuffle {
		order = fmt.Sprintf("shuffled with seed %d", b.seed)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%s: %d batches of %d, %s; epoch %d, %d given", b.table.Name, b.Len(), b.size, order, b.epoch, b.next)
}

// Digest identifies the content and the order of the batches.
func (b *Batches) Digest() string {
	h := sha256.New()
	fmt.Fprintln(h, b.content(), b.size, b.seed, b.shuffle, b.short, b.flat)
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Iter returns an iterator over the batches of the next epoch, or over the rest of one after Restore.
// An iteration that was broken off is not gone on with. Only one iteration may go on at a time.
func (b *Batches) Iter() iter.Seq2[train.Batch, error] {
	return func(yield func(train.Batch, error) bool) {
		epoch, from := b.begin()
		order := b.order(epoch)
		for i := from; i < b.Len(); i++ {
			b.mu.Lock()
			b.epoch, b.next = epoch, i+1
			b.mu.Unlock()
			if !yield(b.batch(order[i*b.size:min((i+1)*b.size, len(order))]), nil) {
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
	return b.epoch, b.next
}

// order returns the places of the examples in an epoch.
func (b *Batches) order(epoch int) []int {
	if b.shuffle {
		return random("batches", b.seed, epoch).Perm(b.table.Len())
	}
	order := make([]int, b.table.Len())
	for i := range order {
		order[i] = i
	}
	return order
}

// batch makes the tensors of the examples at the given places.
func (b *Batches) batch(places []int) train.Batch {
	part := b.table.Pick(places)
	dims := append([]int{len(places)}, b.table.Shape...)
	if b.flat {
		dims = []int{len(places), b.table.Features()}
	}
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(part.X, dims...)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(part.Y, len(places), 1)},
	}
}

// position is what State returns, as JSON.
type position struct {
	Digest string `json:"digest"` // of the batches, so that a position is not taken for another's
	Epoch  int    `json:"epoch"`
	Next   int    `json:"next"`
}

// State returns the position after the batch that was given last, in less than 200 bytes.
func (b *Batches) State() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return json.Marshal(position{b.Digest(), b.epoch, b.next})
}

// Restore makes the next iteration give what is left of the epoch at a position, which may be nothing,
// and the one after it the following epoch. Nil is the beginning.
func (b *Batches) Restore(state []byte) error {
	p := position{Digest: b.Digest()}
	if state != nil {
		p = position{}
		if err := json.Unmarshal(state, &p); err != nil {
			return fmt.Errorf("dataset: restore the position in %s: %w", b.table.Name, err)
		}
	}
	if p.Digest != b.Digest() {
		return fmt.Errorf("dataset: restore the position in %s: it was taken in other data, or with another batch size or seed", b.table.Name)
	}
	if p.Epoch < 0 || p.Next < 0 || p.Next > b.Len() {
		return errors.New("dataset: restore the position in " + b.table.Name + ": it is not a position")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch, b.next, b.restored = p.Epoch, p.Next, true
	return nil
}

var _ interface {
	train.Dataset
	train.HasShortName
} = (*Batches)(nil)

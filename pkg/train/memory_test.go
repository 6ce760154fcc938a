// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
)

// blobs is a data set of points around three centres in the plane, shuffled anew in each epoch. Its
// position can be saved.
type blobs struct {
	name    string
	x       [][2]float32
	y       []int32
	batch   int
	epoch   uint64
	next    int // examples of this epoch handed out
	shuffle bool
	seen    []int // indices handed out, in order
}

func newBlobs(name string, n, batch int) *blobs {
	b := &blobs{name: name, batch: batch, shuffle: true}
	r := rand.New(rand.NewPCG(7, uint64(n)))
	centres := [3][2]float64{{-1, 0}, {1, 0}, {0, 1.5}}
	for i := range n {
		c := centres[i%3]
		b.x = append(b.x, [2]float32{float32(c[0] + 0.4*r.NormFloat64()), float32(c[1] + 0.4*r.NormFloat64())})
		b.y = append(b.y, int32(i%3))
	}
	return b
}

// newValid returns 150 points in a fixed order.
func newValid(batch int) *blobs {
	b := newBlobs("valid", 150, batch)
	b.shuffle = false
	return b
}

func (b *blobs) Name() string { return b.name }
func (b *blobs) Len() int     { return (len(b.x) + b.batch - 1) / b.batch }

func (b *blobs) order() []int {
	if !b.shuffle {
		order := make([]int, len(b.x))
		for i := range order {
			order[i] = i
		}
		return order
	}
	return rand.New(rand.NewPCG(b.epoch, 1)).Perm(len(b.x))
}

func (b *blobs) Iter() iter.Seq2[gomlx.Batch, error] {
	return func(yield func(gomlx.Batch, error) bool) {
		order := b.order()
		for b.next < len(order) {
			part := order[b.next:min(b.next+b.batch, len(order))]
			b.next += len(part)
			var x []float32
			var y []int32
			for _, i := range part {
				b.seen = append(b.seen, i)
				x = append(x, b.x[i][0], b.x[i][1])
				y = append(y, b.y[i])
			}
			batch := gomlx.Batch{
				Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, len(part), 2)},
				Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, len(part), 1)},
			}
			if !yield(batch, nil) {
				return
			}
		}
		b.epoch++
		b.next = 0
	}
}

func (b *blobs) State() ([]byte, error) {
	return binary.AppendUvarint(binary.AppendUvarint(nil, b.epoch), uint64(b.next)), nil
}

func (b *blobs) Restore(state []byte) error {
	b.epoch, b.next = 0, 0
	if state == nil {
		return nil
	}
	epoch, n := binary.Uvarint(state)
	next, m := binary.Uvarint(state[n:])
	if n <= 0 || m <= 0 {
		return fmt.Errorf("bad state %x", state)
	}
	b.epoch, b.next = epoch, int(next)
	return nil
}

// noPosition hides that a data set can save its position.
type noPosition struct{ data *blobs }

func (n noPosition) Name() string { return n.data.Name() }

func (n noPosition) Iter() iter.Seq2[gomlx.Batch, error] {
	n.data.Restore(nil)
	return n.data.Iter()
}

// classifier is a small network with dropout, so that the random state matters.
func classifier(width int) Model {
	return Model{
		Name: "blobs", LearningRate: 0.01, Epochs: 4, Seed: 3,
		Graph: func(scope *model.Scope, x *graph.Node) *graph.Node {
			x = activation.Relu(layers.Dense(scope.In("hidden"), x, true, width))
			x = layers.DropoutStatic(scope, x, 0.1)
			return layers.Dense(scope.In("out"), x, true, 3)
		},
	}
}

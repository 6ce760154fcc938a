package dataset

import (
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
)

// A tableSource makes batches of a table.
type tableSource struct {
	table  Table
	digest func() string // made once
}

func newTableSource(t Table) *tableSource { return &tableSource{t, sync.OnceValue(t.Digest)} }

func (s *tableSource) Len() int       { return s.table.Len() }
func (s *tableSource) Digest() string { return s.digest() }

// Batch makes the tensors of the examples at the given places.
func (s *tableSource) Batch(places []int) (train.Batch, error) {
	return s.batch(places, s.table.Shape, func([]float32) error { return nil })
}

// batch makes tensors, the features of an example in a shape, after change has seen the features.
func (s *tableSource) batch(places []int, shape []int, change func(x []float32) error) (train.Batch, error) {
	x := tensors.FromShape(shapes.Make(dtypes.Float32, append([]int{len(places)}, shape...)...))
	err := tensors.MutableFlatData(x, func(flat []float32) {
		n := s.table.Features()
		for i, place := range places {
			copy(flat[i*n:(i+1)*n], s.table.Row(place))
		}
	})
	if err != nil {
		return train.Batch{}, err
	}
	var failed error
	if err := tensors.MutableFlatData(x, func(flat []float32) { failed = change(flat) }); err != nil {
		return train.Batch{}, err
	}
	return train.Batch{Inputs: []*tensors.Tensor{x}, Labels: []*tensors.Tensor{s.labels(places)}}, failed
}

// labels makes the tensor of the labels, [batch, 1].
func (s *tableSource) labels(places []int) *tensors.Tensor {
	if s.table.Target != nil {
		return tensors.FromFlatDataAndDimensions(at(s.table.Target, places), len(places), 1)
	}
	return tensors.FromFlatDataAndDimensions(at(s.table.Y, places), len(places), 1)
}

// at returns the values at places.
func at[T any](values []T, places []int) []T {
	out := make([]T, len(places))
	for i, place := range places {
		out[i] = values[place]
	}
	return out
}

// prepared is a batch before it is given.
type prepared struct {
	index  int
	places []int
	batch  train.Batch
	err    error
}

// prepared makes the batches of an epoch, some of them ahead of time if that is wanted.
func (b *Batches) prepared(epoch, from int) iter.Seq[prepared] {
	if b.ahead == 0 {
		return b.inTurn(epoch, from)
	}
	return func(yield func(prepared) bool) {
		ready := make(chan prepared, b.ahead-1) // one more is held while it waits for room
		stop := make(chan struct{})
		go b.prepare(epoch, from, ready, stop)
		defer func() { // the goroutine ends with the iteration, however that ends
			close(stop)
			for p := range ready {
				discard(p)
			}
		}()
		for p := range ready {
			if !yield(p) {
				return
			}
		}
	}
}

// prepare sends the batches of an epoch until there are no more or stop is closed. A panic, which would
// end the process here, is sent as an error.
func (b *Batches) prepare(epoch, from int, ready chan<- prepared, stop <-chan struct{}) {
	defer close(ready)
	send := func(p prepared) bool {
		select {
		case <-stop: // or the draws of a select would prepare some more
			discard(p)
			return false
		default:
		}
		select {
		case ready <- p:
			from = p.index + 1
			return true
		case <-stop:
			discard(p)
			return false
		}
	}
	defer func() {
		if r := recover(); r != nil {
			send(prepared{index: from, err: fmt.Errorf("panic: %v\n%s", r, debug.Stack())})
		}
	}()
	b.inTurn(epoch, from)(send)
}

// discard frees a batch that nobody gets.
func discard(p prepared) {
	_ = p.batch.Finalize() // nothing depends on memory that is given back later
}

// inTurn makes the batches of an epoch one after the other, up to the first that fails.
func (b *Batches) inTurn(epoch, from int) iter.Seq[prepared] {
	return func(yield func(prepared) bool) {
		order := b.Places(epoch)
		for i := from; i < b.Len(); i++ {
			p := prepared{index: i, places: order[i*b.size : min((i+1)*b.size, len(order))]}
			p.batch, p.err = b.batch(p.places, epoch, i*b.size)
			if !yield(p) || p.err != nil {
				return
			}
		}
	}
}

// batch makes the batch of some places, the first of which is number first of the epoch.
func (b *Batches) batch(places []int, epoch, first int) (train.Batch, error) {
	table, ok := b.source.(*tableSource)
	if !ok {
		return b.changed(places, epoch, first)
	}
	var soft []float32
	batch, err := table.batch(places, b.ExampleShape(), func(x []float32) error {
		if err := b.augment(x, b.table.Shape, epoch, first); err != nil || b.mixup == nil {
			return err
		}
		soft = b.mixup.Apply(x, at(b.table.Y, places), b.table.Classes, epoch, first/b.size)
		return nil
	})
	if soft != nil {
		batch.Labels[0] = tensors.FromFlatDataAndDimensions(soft, len(places), b.table.Classes)
	}
	return batch, err
}

// changed makes a batch of a source that is no table.
func (b *Batches) changed(places []int, epoch, first int) (train.Batch, error) {
	batch, err := b.source.Batch(places)
	if err != nil || b.plan == nil {
		return batch, err
	}
	x := batch.Inputs[0]
	var failed error
	err = tensors.MutableFlatData(x, func(flat []float32) {
		failed = b.augment(flat, x.Shape().Dimensions[1:], epoch, first)
	})
	return batch, errors.Join(err, failed)
}

// augment applies the plan, if there is one, to examples of a shape.
func (b *Batches) augment(x []float32, shape []int, epoch, first int) error {
	if b.plan == nil {
		return nil
	}
	if len(shape) != 3 {
		return fmt.Errorf("augment examples of shape %v: they are no images [height, width, channels]", shape)
	}
	n := shape[0] * shape[1] * shape[2]
	for i := range len(x) / n {
		b.plan.Apply(x[i*n:(i+1)*n], shape, epoch, first+i)
	}
	return nil
}

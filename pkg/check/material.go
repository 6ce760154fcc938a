package check

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/train"
)

// A column is one tensor of many examples in host memory, one row of bytes for each.
type column struct {
	shape shapes.Shape // of one example
	width int          // bytes of one example
	data  []byte
}

// rows are examples taken out of batches. All methods leave them as they are.
type rows struct {
	n      int
	cols   []column // inputs, then labels
	inputs int
	spec   any
}

// errNoAxis says that batches cannot be taken apart.
var errNoAxis = errors.New("its tensors do not share a first axis, along which the examples of a batch lie")

// collect copies up to limit examples out of data, and puts data back where it was. Size is the number
// of examples in the first batch. Note says what could not be put back.
func collect(ctx context.Context, data gomlx.Dataset, limit int) (r rows, size int, note string, err error) {
	p, positioned := data.(train.Positioned)
	if positioned {
		state, err := p.State()
		if err != nil {
			return r, 0, "", fmt.Errorf("save the position of data %q: %w", data.Name(), err)
		}
		defer func() {
			if e := p.Restore(state); err == nil && e != nil {
				err = fmt.Errorf("restore the position of data %q: %w", data.Name(), e)
			}
		}()
		if err := p.Restore(nil); err != nil {
			return r, 0, "", fmt.Errorf("rewind data %q: %w", data.Name(), err)
		}
	} else {
		note = fmt.Sprintf("data %q cannot save its position: one pass over it was begun", data.Name())
	}
	for batch, err := range data.Iter() {
		if err != nil {
			return r, 0, note, fmt.Errorf("read data %q: %w", data.Name(), err)
		}
		err := r.add(batch)
		if e := batch.Finalize(); err == nil {
			err = e
		}
		if err != nil {
			return r, 0, note, fmt.Errorf("data %q: %w", data.Name(), err)
		}
		if size == 0 {
			size = r.n
		}
		if r.n >= limit || ctx.Err() != nil {
			break
		}
	}
	if r.n == 0 {
		return r, 0, note, fmt.Errorf("data %q: no batches in it", data.Name())
	}
	return r.slice(0, min(r.n, max(limit, size))), size, note, context.Cause(ctx)
}

// add appends the examples of a batch, whose shapes must be those of the batches before.
func (r *rows) add(batch gomlx.Batch) error {
	all := slices.Concat(batch.Inputs, batch.Labels)
	n := 0
	for i, t := range all {
		s := t.Shape()
		if s.Rank() == 0 || i > 0 && s.Dimensions[0] != n || s.Dimensions[0] == 0 {
			return errNoAxis
		}
		n = s.Dimensions[0]
	}
	if r.n == 0 {
		r.inputs, r.spec, r.cols = len(batch.Inputs), batch.Spec, make([]column, len(all))
	}
	for i, t := range all {
		s := t.Shape()
		one := shapes.Make(s.DType, s.Dimensions[1:]...)
		c := &r.cols[i]
		switch {
		case r.n == 0:
			c.shape, c.width = one, int(one.ByteSize())
		case len(all) != len(r.cols) || !one.Equal(c.shape):
			return fmt.Errorf("a batch has examples of shape %s after some of %s", one, c.shape)
		}
		if err := t.ConstBytes(func(b []byte) { c.data = append(c.data, b...) }); err != nil {
			return err
		}
	}
	r.n += n
	return nil
}

// pick returns the examples at the given places.
func (r rows) pick(places []int) rows {
	return r.pickEach(func(int) []int { return places }, len(places))
}

// pickEach returns n examples whose column i comes from the places that of(i) gives.
func (r rows) pickEach(of func(i int) []int, n int) rows {
	out := rows{n: n, inputs: r.inputs, spec: r.spec}
	for i, c := range r.cols {
		picked := column{shape: c.shape, width: c.width, data: make([]byte, 0, n*c.width)}
		for _, p := range of(i) {
			picked.data = append(picked.data, c.row(p)...)
		}
		out.cols = append(out.cols, picked)
	}
	return out
}

func (c column) row(i int) []byte { return c.data[i*c.width : (i+1)*c.width] }

// slice returns the examples from one place to another.
func (r rows) slice(from, to int) rows {
	out := rows{n: to - from, inputs: r.inputs, spec: r.spec}
	for _, c := range r.cols {
		c.data = c.data[from*c.width : to*c.width : to*c.width]
		out.cols = append(out.cols, c)
	}
	return out
}

// blind returns the examples with nothing but zeros for inputs.
func (r rows) blind() rows {
	r.cols = slices.Clone(r.cols)
	for i := range r.inputs {
		r.cols[i].data = make([]byte, len(r.cols[i].data))
	}
	return r
}

// relabel returns the inputs of r with the labels of from at the places given for each example.
func (r rows) relabel(from rows, places []int) rows {
	labels := from.pick(places)
	r.cols = slices.Concat(r.cols[:r.inputs], labels.cols[labels.inputs:])
	return r
}

// batch makes the tensors of the examples from one place to another.
func (r rows) batch(from, to int) (gomlx.Batch, error) {
	b := gomlx.Batch{Spec: r.spec}
	for i, c := range r.cols {
		shape := shapes.Make(c.shape.DType, append([]int{to - from}, c.shape.Dimensions...)...)
		t, err := tensors.FromRaw(nil, 0, shape, c.data[from*c.width:to*c.width])
		if err != nil {
			return b, fmt.Errorf("make a batch of shape %s: %w", shape, err)
		}
		if i < r.inputs {
			b.Inputs = append(b.Inputs, t)
		} else {
			b.Labels = append(b.Labels, t)
		}
	}
	return b, nil
}

// A feed is a data set of rows. Each of its epochs has another order, unless it has no seed.
type feed struct {
	name  string
	rows  rows
	size  int
	seed  uint64 // 0: in order, and the last batch may be short
	epoch int
}

func (f *feed) Name() string { return f.name }

// State and Restore make a feed begin anew for each training.
func (f *feed) State() ([]byte, error) { return nil, nil }

func (f *feed) Restore([]byte) error {
	f.epoch = 0
	return nil
}

func (f *feed) Iter() iter.Seq2[gomlx.Batch, error] {
	return func(yield func(gomlx.Batch, error) bool) {
		r := f.rows
		if f.seed != 0 {
			r = r.pick(rand.New(rand.NewPCG(f.seed, uint64(f.epoch))).Perm(r.n))
		}
		f.epoch++
		for from := 0; from < r.n; from += f.size {
			to := min(from+f.size, r.n)
			if f.seed != 0 && to-from < f.size && from > 0 {
				return
			}
			if !yield(r.batch(from, to)) {
				return
			}
		}
	}
}

var _ interface {
	gomlx.Dataset
	train.Positioned
} = (*feed)(nil)

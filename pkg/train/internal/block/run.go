package block

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Run makes a step for each of the batches, one to Most, whose tensors have the same shapes. The batches
// are its own from then on. It returns, still on the device, a tensor for each result of a step: a vector
// with room for Most steps, or a scalar if Most is 1. See Values.
func (r *Runner) Run(batches [][]*tensors.Tensor) ([]*tensors.Tensor, error) {
	if r.most == 1 {
		return r.runOne(batches[0])
	}
	stage, err := r.stage(batches[0])
	if err != nil {
		return nil, err
	}
	for i, batch := range batches {
		for j, t := range batch {
			err = errors.Join(err, place(stage[j], i, t), t.FinalizeAll())
		}
	}
	if err != nil {
		return nil, err
	}
	r.args = append(r.args[:0], r.counts[len(batches)])
	for _, s := range stage {
		d, err := graph.DonateTensorBuffer(s, r.backend, 0) // a copy, made by now: the stage is free again
		if err != nil {
			return nil, err
		}
		r.args = append(r.args, d)
	}
	return r.exec.Call(r.args...)
}

// stage returns the tensors in which batches like the given one are laid side by side.
func (r *Runner) stage(batch []*tensors.Tensor) ([]*tensors.Tensor, error) {
	var key strings.Builder
	for _, t := range batch {
		fmt.Fprint(&key, t.Shape())
	}
	stage := r.stages[key.String()]
	if stage == nil {
		for _, t := range batch {
			if !t.Ok() {
				return nil, errors.New("a tensor of the batch has no value any more")
			}
			stage = append(stage, tensors.FromShape(r.stacked(t.Shape())))
		}
		r.stages[key.String()] = stage
	}
	return stage, nil
}

// place copies t to the i-th place of stage.
func place(stage *tensors.Tensor, i int, t *tensors.Tensor) error {
	var err error
	e := t.ConstBytes(func(from []byte) {
		err = stage.MutableBytes(func(to []byte) { copy(to[i*len(from):], from) })
	})
	return errors.Join(e, err)
}

// runOne makes one step on a batch, whose tensors it consumes.
func (r *Runner) runOne(batch []*tensors.Tensor) ([]*tensors.Tensor, error) {
	r.args = r.args[:0]
	var keep []*tensors.Tensor
	for _, t := range batch {
		arg, kept := r.donate(t)
		r.args = append(r.args, arg)
		if kept {
			keep = append(keep, t)
		}
	}
	out, err := r.exec.Call(r.args...)
	for _, t := range keep {
		err = errors.Join(err, t.FinalizeAll())
	}
	return out, err
}

// donate gives the device's copy of t to the computation, which then needs no copy of its own. Where
// that cannot be done t itself is the argument, to be finalized afterwards.
func (r *Runner) donate(t *tensors.Tensor) (arg any, kept bool) {
	if t.IsShared() {
		return t, true
	}
	d, err := graph.DonateTensorBuffer(t, r.backend, 0)
	if err != nil {
		return t, true
	}
	return d, false
}

// Values waits for the results of a call of n steps, one tensor of those that Run returned, and gives
// them and the tensor's memory back.
func Values(t *tensors.Tensor, n int) (values []float64, err error) {
	values = make([]float64, n)
	err = t.ConstFlatData(func(flat any) {
		if flat, ok := flat.([]float32); ok { // nearly always
			for i, v := range flat[:n] {
				values[i] = float64(v)
			}
			return
		}
		for i := range values {
			values[i] = shapes.ConvertTo[float64](reflect.ValueOf(flat).Index(i).Interface())
		}
	})
	return values, errors.Join(err, t.FinalizeAll())
}

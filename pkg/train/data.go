package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	gomlx "github.com/gomlx/gomlx/ml/train"
)

// Positioned is a data set that can say where in its order of batches it stands. Fit saves that in
// checkpoints, and a resumed training sees exactly the batches it would have seen.
//
// State, called while a batch of Iter is being consumed, describes the position after that batch.
// Restore makes the next Iter give the rest of that epoch, which may be empty; the Iter after it
// begins the next epoch. Restoring nil goes to the beginning of the first epoch.
type Positioned interface {
	State() ([]byte, error)
	Restore(state []byte) error
}

// Digester is a data set that can identify its content and settings. The digest is part of a recipe:
// when it changes, training starts anew. Data sets without it are identified by their name.
type Digester interface {
	Digest() string
}

// identify returns what stands for data in a recipe.
func identify(data gomlx.Dataset) string {
	if d, ok := data.(Digester); ok {
		return d.Digest()
	}
	return data.Name()
}

// peek returns the first batch of data, which is then no longer at its beginning: see rewind.
func peek(data gomlx.Dataset) (gomlx.Batch, error) {
	if p, ok := data.(Positioned); ok {
		if err := p.Restore(nil); err != nil {
			return gomlx.Batch{}, fmt.Errorf("rewind data %q: %w", data.Name(), err)
		}
	}
	return firstBatch(data)
}

// firstBatch takes one batch from a new iteration of data.
func firstBatch(data gomlx.Dataset) (gomlx.Batch, error) {
	for batch, err := range data.Iter() {
		if err != nil {
			return gomlx.Batch{}, fmt.Errorf("read data %q: %w", data.Name(), err)
		}
		if len(batch.Inputs) == 0 {
			return gomlx.Batch{}, fmt.Errorf("data %q gives batches without inputs", data.Name())
		}
		return batch, nil
	}
	return gomlx.Batch{}, fmt.Errorf("data %q: %w", data.Name(), errNoBatches)
}

// errNoBatches says that a data set is empty.
var errNoBatches = errors.New("no batches in it")

// shapesOf lists the shapes of a batch: inputs, then labels.
func shapesOf(batch gomlx.Batch) []shapes.Shape {
	var list []shapes.Shape
	for _, t := range slices.Concat(batch.Inputs, batch.Labels) {
		list = append(list, t.Shape())
	}
	return list
}

// sameShapes reports whether two batches have the same shapes.
func sameShapes(a, b gomlx.Batch) bool {
	same := func(a, b []*tensors.Tensor) bool {
		return slices.EqualFunc(a, b, func(a, b *tensors.Tensor) bool { return a.Shape().Equal(b.Shape()) })
	}
	return same(a.Inputs, b.Inputs) && same(a.Labels, b.Labels)
}

// shapesText writes the shapes of a batch for an error message.
func (e *engine) shapesText(batch []shapes.Shape) string {
	text := func(list []shapes.Shape) string {
		parts := make([]string, len(list))
		for i, s := range list {
			parts[i] = s.String()
		}
		return strings.Join(parts, ", ")
	}
	inputs := min(e.inputs, len(batch))
	return fmt.Sprintf("inputs %s, labels %s", text(batch[:inputs]), text(batch[inputs:]))
}

// size is the number of examples in a batch.
func size(batch gomlx.Batch) int {
	if s := batch.Inputs[0].Shape(); s.Rank() > 0 {
		return s.Dimensions[0]
	}
	return 1
}

package train

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
)

// ErrNotIdentical is wrapped by VerifyResume's error if a stop changes what training computes.
var ErrNotIdentical = errors.New("a resumed training is not that of a training without a stop")

// VerifyResume tests on the model and data at hand that stopping costs nothing: it trains m for 2k steps,
// and again for k steps, from whose checkpoint another store goes on for k more. It returns nil if every
// variable is the same in both, bit for bit, else an error that wraps ErrNotIdentical and names the first
// one that is not. A usual cause is data that cannot save its position, or a model that draws random
// numbers outside the graph. Nothing is shown or kept.
func VerifyResume(m Model, data gomlx.Dataset, k int, opts ...Option) (err error) {
	dir, err := os.MkdirTemp("", "lathe-verify-*")
	if err != nil {
		return fmt.Errorf("train: verify resume: %w", err)
	}
	defer func() { err = firstError(err, os.RemoveAll(dir)) }()
	var vars [2][]checkpoint.Variable
	for i, parts := range [2][]int{{2 * k}, {k, 2 * k}} {
		for _, steps := range parts {
			if vars[i], err = trainPart(m, data, steps, append(opts, Quiet(), Checkpoints(fmt.Sprintf("%s/%d", dir, i)))); err != nil {
				return fmt.Errorf("train: verify resume: %w", err)
			}
		}
	}
	return compareVariables(vars[0], vars[1])
}

// trainPart trains m up to a number of steps and returns its variables.
func trainPart(m Model, data gomlx.Dataset, steps int, opts []Option) ([]checkpoint.Variable, error) {
	m.Steps, m.Epochs = steps, 0
	fit, err := Fit(nil, m, data, nil, opts...)
	if err != nil {
		return nil, err
	}
	defer fit.Close()
	if fit.Interrupted || fit.Diverged {
		return nil, fmt.Errorf("it ended at step %d of %d", fit.Step, steps)
	}
	return checkpoint.Variables(fit.Store)
}

// compareVariables names the first variable that is not the same in both lists.
func compareVariables(whole, resumed []checkpoint.Variable) error {
	if len(whole) != len(resumed) {
		return fmt.Errorf("train: %w: %d variables, not %d", ErrNotIdentical, len(resumed), len(whole))
	}
	for i, w := range whole {
		r := resumed[i]
		if w.Path != r.Path || w.DType != r.DType || !bytes.Equal(w.Data, r.Data) {
			return fmt.Errorf("train: %w: variable %s differs", ErrNotIdentical, w.Path)
		}
	}
	return nil
}

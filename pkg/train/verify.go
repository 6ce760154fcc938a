package train

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"sync"

	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
)

// ErrNotIdentical is wrapped by VerifyResume's error if a stop changes what training computes.
var ErrNotIdentical = errors.New("a resumed training is not that of a training without a stop")

// A Verification says what [VerifyResume] has compared and found equal, bit for bit.
type Verification struct {
	Name       string
	Steps      int    // made in one go, and in two halves
	Variables  int    // compared: weights, optimizer state and random state
	Digest     string // of all of them, see [Digest]
	NewProcess bool   // the second half was made by another process than the first
	again      bool   // another process can go on from the first half
}

// VerifyResume tests on the model and data at hand that stopping costs nothing: it trains m for 2k steps,
// and again for k steps, from whose checkpoint another store goes on for k more. If a variable is not the
// same in both, bit for bit, the error wraps ErrNotIdentical and names the first one. A usual cause is data
// that cannot save its position, or a model that draws random numbers outside the graph.
//
// The first call makes all steps in this process and keeps the first half. A call in another process — the
// same cell after a restart of the kernel, the same program run again — makes its second half from there
// and compares it with what the first process had computed: that is the proof for a new process. What was
// kept is then removed. With NoCheckpoints nothing is kept.
func VerifyResume(m Model, data gomlx.Dataset, k int, opts ...Option) (*Verification, error) {
	v, err := verify(m, data, k, opts)
	if err != nil {
		return nil, fmt.Errorf("train: verify resume: %w", err)
	}
	return v, nil
}

func verify(m Model, data gomlx.Dataset, k int, opts []Option) (v *Verification, err error) {
	if k < 1 {
		return nil, fmt.Errorf("%d steps; a half must have at least one", k)
	}
	if m.Schedule.Reacts() {
		return nil, errors.New("a schedule with a plateau follows validations, for which there is no data here; verify the model with the schedule without its Plateau")
	}
	root := gather(opts).checkpoint
	switch root {
	case noCheckpoints:
		if root, err = os.MkdirTemp("", "lathe-verify-*"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	case "":
		if root, err = checkpoint.Root(); err != nil {
			return nil, err
		}
	}
	p := proof{model: m, data: data, half: k, dir: filepath.Join(root, fmt.Sprintf("verify-%s-%d", checkpoint.Clean(m.Name), k))}
	p.options = append(append(p.options, opts...), Quiet(), func(o *options) {
		o.fresh, o.averaged, o.best, o.patience = false, false, "", 0 // there are no validations
	})
	return p.verify()
}

// proof is one call of VerifyResume. Its folder holds the checkpoints of the training in one go, of the
// first half, and the name of the process that made both.
type proof struct {
	model   Model
	data    gomlx.Dataset
	half    int
	dir     string
	options []Option
}

// process names this process, among all.
var process = sync.OnceValue(rand.Text)

func (p proof) path(name string) string { return filepath.Join(p.dir, name) }

// verify goes on from another process if one has left a first half of this recipe, else it makes both.
func (p proof) verify() (*Verification, error) {
	maker, err := os.ReadFile(p.path("process"))
	if err == nil && string(maker) != process() {
		v, err := p.compare(p.path("half"))
		if v != nil || errors.Is(err, ErrNotIdentical) {
			return v, errors.Join(err, os.RemoveAll(p.dir))
		}
	}
	if err := os.RemoveAll(p.dir); err != nil {
		return nil, err
	}
	if _, err := p.train(p.half, p.path("half")); err != nil {
		return nil, err
	}
	if err := os.CopyFS(p.path("here"), os.DirFS(p.path("half"))); err != nil {
		return nil, err
	}
	v, err := p.compare(p.path("here"))
	if err == nil {
		err = errors.Join(os.RemoveAll(p.path("here")), os.WriteFile(p.path("process"), []byte(process()), 0o644))
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	v.NewProcess, v.again = false, gather(p.options).checkpoint != noCheckpoints
	return v, nil
}

// compare trains the second half from the first one in a folder and compares it with the training in one
// go, which it makes or finds. If the folder holds no first half of this recipe, it returns nothing.
func (p proof) compare(half string) (*Verification, error) {
	resumed, err := p.train(2*p.half, half)
	if err != nil {
		return nil, err
	}
	defer resumed.Close()
	if resumed.Resumed != p.half {
		return nil, errors.New("no first half was kept")
	}
	whole, err := p.train(2*p.half, p.path("whole"))
	if err != nil {
		return nil, err
	}
	defer whole.Close()
	vars := [2][]checkpoint.Variable{}
	for i, f := range []*Fitted{whole, resumed} {
		if vars[i], err = checkpoint.Variables(f.Store); err != nil {
			return nil, err
		}
	}
	if err := compareVariables(vars[0], vars[1]); err != nil {
		return nil, err
	}
	digest, err := Digest(whole.Store)
	return &Verification{
		Name: whole.Model.Name, Steps: 2 * p.half, Variables: len(vars[0]), Digest: digest, NewProcess: whole.Already,
	}, err
}

// train trains the model up to a number of steps, or as far as it is trained in a folder.
func (p proof) train(steps int, dir string) (*Fitted, error) {
	m := p.model
	m.Steps, m.Epochs = steps, 0
	fit, err := Fit(nil, m, p.data, nil, append(p.options, Checkpoints(dir))...)
	if err != nil {
		return nil, err
	}
	if fit.Step != steps {
		fit.Close()
		return nil, fmt.Errorf("it ended at step %d of %d", fit.Step, steps)
	}
	return fit, nil
}

// compareVariables names the first variable that is not the same in both lists.
func compareVariables(whole, resumed []checkpoint.Variable) error {
	if len(whole) != len(resumed) {
		return fmt.Errorf("%w: %d variables, not %d", ErrNotIdentical, len(resumed), len(whole))
	}
	for i, w := range whole {
		r := resumed[i]
		if w.Path != r.Path || w.DType != r.DType || !bytes.Equal(w.Data, r.Data) {
			return fmt.Errorf("%w: variable %s differs", ErrNotIdentical, w.Path)
		}
	}
	return nil
}

// String says what was proved, and what is left to prove.
func (v *Verification) String() string {
	where := "by a fresh store in this process"
	if v.NewProcess {
		where = "by a new process"
	}
	text := fmt.Sprintf("%s: %d steps in one go and %d + %d, resumed %s, give the same %d variables bit for bit (SHA-256 %.12s)",
		v.Name, v.Steps, v.Steps/2, v.Steps-v.Steps/2, where, v.Variables, v.Digest)
	if v.again {
		text += "; run this again after a restart to prove it for a new process"
	}
	return text
}

// HTML says the same.
func (v *Verification) HTML() string { return "<p>" + html.EscapeString(v.String()) + "</p>" }

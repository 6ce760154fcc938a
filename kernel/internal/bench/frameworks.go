package bench

import (
	"context"
	"crypto/sha256"
	_ "embed" // for the program and what it needs
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

//go:embed frameworks.py
var frameworksProgram []byte

//go:embed frameworks.txt
var frameworksNeeds []byte

// speedPackage is the program that trains the same models as frameworks.py in Lathe.
const speedPackage = "./kernel/internal/bench/speed"

// A contender trains the models in one way.
type contender struct {
	name  string
	side  string // what to ask its program for
	model string // in place of the one that the others train
	*plainProcess
}

// train has the contender train a model for some seconds and returns its steps per second.
func (c contender) train(model string, seconds float64) (float64, error) {
	if c.model != "" {
		model = c.model
	}
	return c.ask(fmt.Sprint(model, " ", c.side, " ", seconds))
}

// frameworks measures the steps per second of four models in Lathe, JAX and PyTorch, in turns.
func (b *bench) frameworks(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.dir, "frameworks-")
	if err != nil {
		return err
	}
	ours, err := b.startGo(ctx, dir, speedPackage)
	if err != nil {
		return err
	}
	defer ours.stop()
	list := []contender{{"train.Fit", "fit", "", ours}, {"bare executable of GoMLX", "bare", "", ours}}
	for _, kind := range []struct{ name, module string }{{"JAX", "jax"}, {"PyTorch", "torch"}} {
		p, err := b.startRival(ctx, dir, kind.module)
		if err != nil {
			b.report.leaveOut(kind.name, err)
			continue
		}
		defer p.stop()
		list = append(list, contender{kind.name, "jit", "", p})
	}
	for _, model := range []struct{ name, title string }{
		{"mlp", "MLP 784-256-256-10, batch 128"},
		{"cnn", "CNN 28x28, 32 and 64 channels, batch 128"},
		{"gpt", "char GPT 4 layers x 128, context 64, batch 12"},
		{"logreg", "logistic regression, 64 features, batch 32"},
	} {
		contenders := list
		if model.name == "cnn" {
			contenders = append(slices.Clone(list), contender{"train.Fit with layer.MaxPool", "fit", "cnn2", ours})
		}
		if err := b.race(model.name, model.title, contenders); err != nil {
			return err
		}
	}
	return nil
}

// How long each contender trains before it is the next one's turn, and how often each has its turn at most.
const (
	windowSeconds = 1.0
	mostWindows   = 5
)

// race measures one model in turns.
func (b *bench) race(model, title string, list []contender) error {
	part := "training: " + title
	samples := make([]*Sample, len(list))
	ratios := make([]*Sample, len(list))
	for i, c := range list {
		samples[i] = b.report.sample(part, c.name, "steps/s")
	}
	for i, c := range list[1:] {
		aims := []Aim{least(50, 1)}
		switch {
		case c.side == "bare":
			aims = []Aim{least(50, 0.98)}
		case c.model != "":
			aims = nil
		}
		ratios[i+1] = b.report.sample(part, list[0].name+" / "+c.name, "times", aims...)
	}
	for _, c := range list { // what compiles, and the first steps
		if _, err := c.train(model, windowSeconds/4); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for range min(b.Effort.Windows, mostWindows) {
		for i, c := range list {
			rate, err := c.train(model, windowSeconds)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			samples[i].Values = append(samples[i].Values, rate)
			if i > 0 {
				ratios[i].Values = append(ratios[i].Values, samples[0].Values[len(samples[0].Values)-1]/rate)
			}
		}
	}
	return nil
}

// startRival starts frameworks.py with a module, jax or torch.
func (b *bench) startRival(ctx context.Context, dir, module string) (*plainProcess, error) {
	python := b.Rivals
	if python == "" {
		if module != "jax" {
			return nil, errors.New("it is 3 GB to install; let LATHE_RIVALS name a Python that has torch and jax")
		}
		var err error
		if python, err = b.venv(ctx, "frameworks", frameworksNeeds); err != nil {
			return nil, err
		}
	}
	if out, err := exec.CommandContext(ctx, python, "-c", "import "+module).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("import %s in %s: %w: %s", module, python, err, lastLines(string(out)))
	}
	file := filepath.Join(dir, "frameworks.py")
	if err := os.WriteFile(file, frameworksProgram, 0o600); err != nil {
		return nil, err
	}
	return startProcess(exec.CommandContext(ctx, python, file, module))
}

// venv returns the python of a virtual environment with the given requirements, which it makes in the cache
// unless it is there.
func (b *bench) venv(ctx context.Context, name string, needs []byte) (string, error) {
	sum := sha256.Sum256(needs)
	dir := filepath.Join(b.Cache, name+"-"+hex.EncodeToString(sum[:6]))
	python := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(python); err == nil {
		return python, nil
	}
	fmt.Fprintln(b.Log, "  installing what is compared with:", name)
	making := dir + ".new"
	file := making + ".txt"
	if err := errors.Join(os.MkdirAll(b.Cache, 0o755), os.RemoveAll(making), os.WriteFile(file, needs, 0o644)); err != nil {
		return "", err
	}
	defer os.Remove(file)
	for _, args := range [][]string{
		{"python3", "-m", "venv", making},
		{filepath.Join(making, "bin", "python"), "-m", "pip", "install", "--quiet", "--no-deps", "-r", file},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", args[0], err, lastLines(string(out)))
		}
	}
	return python, os.Rename(making, dir)
}

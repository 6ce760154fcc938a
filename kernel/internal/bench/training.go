package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/pjrt"
)

// trainImports and trainCode are the program whose speed is measured, in a cell and by itself: it trains
// the first network of notebooks/01-digits.ipynb for some steps and returns how many it made per second,
// after the first one, which compiles.
const (
	trainImports = `import (
	"context"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/lathe-go/lathe/pkg/dataset"
	"github.com/lathe-go/lathe/pkg/train"
`
	trainCode = `
func convnet(scope *model.Scope, x *Node) *Node {
	x = activation.Relu(layers.Convolution(scope.In("conv1"), x).Channels(16).KernelSize(3).PadSame().Done())
	x = activation.Relu(layers.Convolution(scope.In("conv2"), x).Channels(32).KernelSize(3).PadSame().Done())
	x = MaxPool(x).Window(2).Done()
	x = Reshape(x, x.Shape().Dimensions[0], -1)
	x = layers.DropoutStatic(scope.In("drop1"), x, 0.2)
	x = activation.Relu(layers.Dense(scope.In("hidden"), x, true, 64))
	x = layers.DropoutStatic(scope.In("drop2"), x, 0.2)
	return layers.Dense(scope.In("out"), x, true, 10)
}

func window(steps int) float64 {
	digits, err := dataset.LoadDigits(context.Background())
	if err != nil {
		panic(err)
	}
	half := digits.Scale(1.0 / 16).First(898)
	m := train.Model{Name: "digits", Graph: convnet, LearningRate: 2e-3, Seed: 1, Steps: steps}
	fit, err := train.Fit(nil, m, half.Batches(64, 1), nil, train.NoCheckpoints(), train.Quiet())
	if err != nil {
		panic(err)
	}
	return fit.Rate
}
`
	plainMain = `
// main trains once for each line of its input, which holds the number of steps.
func main() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		steps, err := strconv.Atoi(in.Text())
		if err != nil {
			panic(err)
		}
		fmt.Println("rate", window(steps))
	}
}
`
	plainProgram = "package main\n\n" + trainImports + "\n\t\"bufio\"\n\t\"os\"\n\t\"strconv\"\n)\n" + trainCode + plainMain
	trainCell    = trainImports + ")\n" + trainCode
)

// training measures the steps per second of the same program in a cell and by itself, in turns.
func (b *bench) training(ctx context.Context) error {
	plain, err := b.startPlain(ctx)
	if err != nil {
		return err
	}
	defer plain.stop()
	k, err := b.start(ctx, b.lathe())
	if err != nil {
		return err
	}
	defer k.stop()
	if _, _, err := k.execute(ctx, trainCell, ""); err != nil {
		return err
	}
	inCell := func(steps int) (float64, error) {
		_, text, err := k.execute(ctx, fmt.Sprintf("fmt.Println(\"rate\", window(%d))", steps), "rate")
		if err != nil {
			return 0, err
		}
		return readRate(text)
	}
	for _, warm := range []func(int) (float64, error){inCell, plain.window} {
		if _, err := warm(b.Effort.Steps / 5); err != nil {
			return err
		}
	}
	const part = "training: the first network of 01-digits"
	cell := b.report.sample(part, "in a cell", "steps/s")
	alone := b.report.sample(part, "in a plain Go program", "steps/s")
	ratio := b.report.sample(part, "cell / plain program, by pairs", "times", least(50, 0.97))
	for i := range b.Effort.Windows {
		order := []int{0, 1}
		if i%2 == 1 { // whoever is second may find the machine warmer
			order = []int{1, 0}
		}
		var rates [2]float64
		for _, side := range order {
			run := []func(int) (float64, error){inCell, plain.window}[side]
			if rates[side], err = run(b.Effort.Steps); err != nil {
				return err
			}
		}
		cell.Values = append(cell.Values, rates[0])
		alone.Values = append(alone.Values, rates[1])
		ratio.Values = append(ratio.Values, rates[0]/rates[1])
	}
	return nil
}

// readRate reads what the program prints after a window.
func readRate(text string) (float64, error) {
	_, after, ok := strings.Cut(text, "rate ")
	fields := strings.Fields(after)
	if !ok || len(fields) == 0 {
		return 0, fmt.Errorf("the training said %.200q instead of its rate", text)
	}
	return strconv.ParseFloat(fields[0], 64)
}

// A plainProcess is the program by itself.
type plainProcess struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors bytes.Buffer
}

// startPlain builds the program in Lathe's own module and starts it.
func (b *bench) startPlain(ctx context.Context) (*plainProcess, error) {
	dir, err := os.MkdirTemp(b.dir, "plain-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte(plainProgram), 0o600); err != nil {
		return nil, err
	}
	return b.startGo(ctx, dir, file)
}

// startGo builds a program of Lathe's own module, a file or a package, in dir and starts it there.
func (b *bench) startGo(ctx context.Context, dir, program string) (*plainProcess, error) {
	src, err := build.SourceDir()
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, "plain")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, program)
	cmd.Dir = src
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w: %.1000s", filepath.Base(program), err, out)
	}
	plugin, err := pjrt.Find(ctx)
	if err != nil {
		return nil, err
	}
	run := exec.CommandContext(ctx, binary)
	run.Dir = dir
	run.Env = append(os.Environ(), plugin.Env()...)
	return startProcess(run)
}

// startProcess starts a program that answers each line of its input with a rate.
func startProcess(cmd *exec.Cmd) (*plainProcess, error) {
	p := &plainProcess{cmd: cmd}
	p.cmd.Stderr = &p.errors
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return p, p.cmd.Start()
}

// window trains for some steps and returns their rate.
func (p *plainProcess) window(steps int) (float64, error) { return p.ask(strconv.Itoa(steps)) }

// ask sends a line and returns the rate that answers it.
func (p *plainProcess) ask(line string) (float64, error) {
	text, err := p.answer(line)
	if err != nil {
		return 0, err
	}
	return readRate(text)
}

// answer sends a line and returns the one that answers it, which begins with "rate".
func (p *plainProcess) answer(line string) (string, error) {
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		return "", p.ended(err)
	}
	for {
		line, err := p.out.ReadString('\n')
		if err != nil {
			return "", p.ended(err)
		}
		if strings.HasPrefix(line, "rate ") {
			return line, nil
		}
	}
}

// ended says why the program is gone.
func (p *plainProcess) ended(err error) error {
	p.stop()
	return errors.Join(fmt.Errorf("the program ended: %w", err), errors.New(lastLines(p.errors.String())))
}

// stop ends the program.
func (p *plainProcess) stop() {
	p.in.Close()
	late := time.AfterFunc(5*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_ = p.cmd.Wait() // how it ended was seen by window
}

// lastLines returns the end of a text.
func lastLines(text string) string {
	const most = 800
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return strings.TrimSpace(text)
}

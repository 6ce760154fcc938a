package bench

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// The texts of cells. Each holds a number that no other cell of the run has, so that nothing made for an
// earlier cell fits.
const (
	trivialCell = "x := %d"
	printCell   = "fmt.Println(\"trivial %d\")"

	modelImports = `import (
	"fmt"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	_ "github.com/gomlx/gomlx/backends/default"
)

`
	modelDecl = `func network(scope *model.Scope, x *graph.Node) *graph.Node {
	x = graph.MulScalar(graph.Sin(x), %d)
	return layers.Dense(scope.In("out"), x, true, 10)
}

`
	modelLast = "fmt.Printf(\"model %d %%T %%T\\n\", network, train.NewLoop)"

	modelCell = modelImports + modelDecl + modelLast
)

// serial gives numbers that occur once.
type serial int

func (s *serial) next() int {
	*s++
	return 10_000 + int(*s)
}

// A turn is a kind of cell that is run again and again.
type turn struct {
	kernel *kernel
	code   func(n int) (code, want string)
	sample *Sample
	pause  time.Duration                                       // before the cell
	after  func(ctx context.Context, took time.Duration) error // may be nil
}

// each runs every turn once, for n rounds; another turn begins each round.
func each(ctx context.Context, n int, turns []turn) error {
	var s serial
	for round := range n {
		for i := range turns {
			t := turns[(round+i)%len(turns)]
			time.Sleep(t.pause)
			code, want := t.code(s.next())
			took, _, err := t.kernel.execute(ctx, code, want)
			if err != nil {
				return err
			}
			t.sample.add(took)
			if t.after != nil {
				if err := t.after(ctx, took); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// settled is how long a kernel has after its first cells: it then prepares charts in the background.
const settled = 3 * time.Second

// warmUp runs each turn once, uncounted: the first cell of a kind reads files that later ones find read.
func warmUp(ctx context.Context, turns []turn) error {
	for _, t := range turns {
		code, want := t.code(1)
		if _, _, err := t.kernel.execute(ctx, code, want); err != nil {
			return err
		}
	}
	select {
	case <-time.After(settled):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// constant makes a cell whose text never changes.
func constant(code, want string) func(int) (string, string) {
	return func(int) (string, string) { return code, want }
}

// numbered makes a cell of a format with one number.
func numbered(code, want string) func(int) (string, string) {
	return func(n int) (string, string) {
		if want == "" {
			return fmt.Sprintf(code, n), ""
		}
		return fmt.Sprintf(code, n), fmt.Sprintf(want, n)
	}
}

// modelled makes a cell of GoMLX; its format has the number twice.
func modelled(code string) func(int) (string, string) {
	return func(n int) (string, string) { return fmt.Sprintf(code, n, n), fmt.Sprintf("model %d func(", n) }
}

// cells measures the cells of one session with no other kernel running, then workers that crash.
func (b *bench) cells(ctx context.Context) error {
	k, err := b.start(ctx, b.lathe())
	if err != nil {
		return err
	}
	defer k.stop()
	const part = "cell, from request to idle"
	trivial := b.report.sample(part, "new trivial cell: x := 17", "ms", most(50, 70), most(95, 120))
	model := b.report.sample(part, "new GoMLX cell: four imports, a graph function", "ms", most(50, 190))
	again := b.report.sample(part, "unchanged cell", "ms", most(50, 10))
	empty := b.report.sample(part, "empty cell", "ms")
	turns := []turn{
		{kernel: k, code: numbered(trivialCell, ""), sample: trivial, after: b.stages(k, "of a trivial cell")},
		{kernel: k, code: modelled(modelCell), sample: model, after: b.stages(k, "of a GoMLX cell")},
		{kernel: k, code: constant("same := 17\nsame", "17"), sample: again},
		{kernel: k, code: constant("", ""), sample: empty},
	}
	for _, t := range turns { // the first cell of a kind reads what later ones find read
		code, want := t.code(1)
		if _, _, err := k.execute(ctx, code, want); err != nil {
			return err
		}
	}
	if err := each(ctx, b.Effort.Cells, turns); err != nil {
		return err
	}
	return b.crashes(ctx, k)
}

// stageText is one stage as the directive %timings tells it.
var stageText = regexp.MustCompile(`([a-z]+) ([0-9.]+) ms`)

// stages returns a function that asks the kernel where the time of the cell went that has just run.
func (b *bench) stages(k *kernel, whose string) func(context.Context, time.Duration) error {
	part := "where the time " + whose + " goes"
	samples := map[string]*Sample{}
	return func(ctx context.Context, took time.Duration) error {
		_, text, err := k.execute(ctx, "%timings", "run")
		if err != nil {
			return err
		}
		rest := float64(took) / float64(time.Millisecond)
		put := func(name string, v float64) {
			if samples[name] == nil {
				samples[name] = b.report.sample(part, name, "ms")
			}
			samples[name].Values = append(samples[name].Values, v)
		}
		for _, m := range stageText.FindAllStringSubmatch(text, -1) {
			v, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				return fmt.Errorf("read the timings %q: %w", text, err)
			}
			put(m[1], v)
			rest -= v
		}
		put("messages and the rest", rest)
		return nil
	}
}

// crashes measures from the sending of a cell that kills the worker to the result of the next.
func (b *bench) crashes(ctx context.Context, k *kernel) error {
	s := b.report.sample("kernel and worker", "worker replaced: killing cell to next result", "ms", most(50, 1000))
	for i := range b.Effort.Starts {
		kill := fmt.Sprintf("syscall.Kill(os.Getpid(), syscall.SIGKILL) // %d\ntime.Sleep(time.Minute)", i)
		first, a, err := k.try(ctx, kill)
		if err != nil {
			return err
		}
		if a.failed == "" {
			return fmt.Errorf("the worker outlived its kill: %s", a.text)
		}
		second, _, err := k.execute(ctx, fmt.Sprintf("%d + 1", 2000+i), strconv.Itoa(2001+i))
		if err != nil {
			return err
		}
		s.add(first + second)
	}
	return nil
}

// starts measures from the start of a kernel's process to the result of its first cell.
func (b *bench) starts(ctx context.Context) error {
	s := b.report.sample("kernel and worker", "kernel start to first result: 1 + 1", "ms", most(50, 300))
	for range b.Effort.Starts {
		if err := b.startOnce(ctx, s, b.lathe(), "1 + 1"); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) startOnce(ctx context.Context, s *Sample, p program, code string) error {
	k, err := b.start(ctx, p)
	if err != nil {
		return err
	}
	defer k.stop()
	_, a, err := k.try(ctx, code)
	if err != nil {
		return err
	}
	if a.failed != "" {
		return fmt.Errorf("%s: %s", p.name, a.failed)
	}
	s.add(a.ended.Sub(k.began))
	return nil
}

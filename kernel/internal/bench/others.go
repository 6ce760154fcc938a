package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/build"
)

// gonbVersion is the release of GoNB that is compared with. It starts two tools of others.
const (
	gonbModule       = "github.com/janpfeifer/gonb"
	gonbVersion      = "v0.11.5"
	goimportsPackage = "golang.org/x/tools/cmd/goimports@v0.42.0"
	goplsPackage     = "golang.org/x/tools/gopls@v0.21.1"
)

// settle is how long is waited before each cell in the comparison: a kernel's helpers go on working for a
// moment after its cell, which must not be charged to the next kernel.
const settle = 400 * time.Millisecond

// others measures the same cells in Lathe and in other kernels, in turns.
func (b *bench) others(ctx context.Context) error {
	gonb, err := b.gonb(ctx)
	if err != nil {
		b.report.leaveOut("GoNB", err)
		return b.python(ctx)
	}
	if err := b.besideGoNB(ctx, gonb); err != nil {
		b.report.leaveOut("GoNB", err)
	}
	return b.python(ctx)
}

// gonb installs GoNB and its helpers unless they are there.
func (b *bench) gonb(ctx context.Context) (program, error) {
	bin := filepath.Join(b.Cache, "gonb-"+gonbVersion)
	p := program{name: "GoNB", path: filepath.Join(bin, "gonb"), args: []string{"--kernel"},
		env: []string{"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH")}}
	for _, tool := range []string{goimportsPackage, goplsPackage} {
		name, _, _ := strings.Cut(filepath.Base(tool), "@")
		if _, err := os.Stat(filepath.Join(bin, name)); err == nil {
			continue
		}
		cmd := exec.CommandContext(ctx, "go", "install", tool)
		cmd.Env = append(os.Environ(), "GOBIN="+bin)
		if out, err := cmd.CombinedOutput(); err != nil {
			return p, fmt.Errorf("install %s: %w: %s", tool, err, lastLines(string(out)))
		}
	}
	if _, err := os.Stat(p.path); err == nil {
		return p, nil
	}
	return p, b.buildGoNB(ctx, p.path)
}

// buildGoNB builds GoNB in a module of its own. `go install` would do the same, but asks for the list
// of all releases, which not every proxy of modules gives.
func (b *bench) buildGoNB(ctx context.Context, path string) error {
	dir, err := b.folder()
	if err != nil {
		return err
	}
	mod := "module gonbtool\n\ngo 1.25\n\nrequire " + gonbModule + " " + gonbVersion + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-o", path, gonbModule)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build GoNB: %w: %s", err, lastLines(string(out)))
	}
	return nil
}

// The cells in GoNB's dialect: statements follow a line of its own and are the whole of main.
const (
	gonbPrintCell = "import \"fmt\"\n%%%%\n" + printCell
	gonbModelCell = modelImports + modelDecl + "%%%%\n" + modelLast
)

// A comparison is one kind of cell in the dialects of both.
type comparison struct {
	name         string
	ours, theirs func(int) (code, want string)
	setUp        func(context.Context, *kernel) error // of GoNB; may be nil
	aims         []Aim                                // of GoNB's time divided by ours
}

// besideGoNB compares with GoNB. Each kind of cell has kernels of its own: GoNB compiles everything that
// was declared before together with each cell.
func (b *bench) besideGoNB(ctx context.Context, p program) error {
	const part = "in turns with GoNB " + gonbVersion
	for _, c := range []comparison{
		{name: "printing cell", ours: numbered(printCell, "trivial %d"), theirs: numbered(gonbPrintCell, "trivial %d")},
		{name: "GoMLX cell", ours: modelled(modelCell), theirs: modelled(gonbModelCell), setUp: fetchModules, aims: []Aim{least(50, 10)}},
	} {
		if err := b.compare(ctx, part, c, p); err != nil {
			return err
		}
	}
	return b.startsBeside(ctx, part, p)
}

// compare runs one kind of cell in Lathe and in GoNB.
func (b *bench) compare(ctx context.Context, part string, c comparison, p program) error {
	theirs, err := b.start(ctx, p)
	if err != nil {
		return err
	}
	defer theirs.stop()
	ours, err := b.start(ctx, b.lathe())
	if err != nil {
		return err
	}
	defer ours.stop()
	if c.setUp != nil {
		if err := c.setUp(ctx, theirs); err != nil {
			return err
		}
	}
	turns := []turn{
		{kernel: ours, code: c.ours, sample: b.report.sample(part, c.name+", Lathe", "ms"), pause: settle},
		{kernel: theirs, code: c.theirs, sample: b.report.sample(part, c.name+", GoNB", "ms"), pause: settle},
	}
	if err := warmUp(ctx, turns); err != nil {
		return err
	}
	if err := each(ctx, b.Effort.Cells, turns); err != nil {
		return err
	}
	quotient := turns[1].sample.Percentile(50) / turns[0].sample.Percentile(50)
	b.report.sample(part, c.name+": GoNB / Lathe, by p50", "times", c.aims...).Values = []float64{quotient}
	return nil
}

// startsBeside compares how long kernels take from start to the first result.
func (b *bench) startsBeside(ctx context.Context, part string, p program) error {
	ours := b.report.sample(part, "kernel start to first result, Lathe", "ms")
	theirs := b.report.sample(part, "kernel start to first result, GoNB", "ms")
	for range b.Effort.Starts {
		time.Sleep(settle)
		if err := b.startOnce(ctx, ours, b.lathe(), "fmt.Println(1 + 1)"); err != nil {
			return err
		}
		time.Sleep(settle)
		if err := b.startOnce(ctx, theirs, p, "import \"fmt\"\n%%\nfmt.Println(1 + 1)"); err != nil {
			return err
		}
	}
	return nil
}

// requirement is a line of a go.mod that asks for a module.
var requirement = regexp.MustCompile(`(?m)^(?:require )?\s*(\S+\.\S+/\S+) (v\S+)`)

// fetchModules gives GoNB's own module the requirements of Lathe's, so that both compile the same GoMLX.
func fetchModules(ctx context.Context, k *kernel) error {
	src, err := build.SourceDir()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(src, "go.mod"))
	if err != nil {
		return err
	}
	edit := "go mod edit"
	for _, m := range requirement.FindAllStringSubmatch(string(text), -1) {
		edit += " -require=" + m[1] + "@" + m[2]
	}
	const done = "modules are here"
	_, _, err = k.execute(ctx, fmt.Sprintf("!*%s && cp '%s' go.sum && echo %s", edit, filepath.Join(src, "go.sum"), done), done)
	return err
}

// ipykernel is what Python's users have.
func (b *bench) ipykernel() program {
	return program{name: "ipykernel", path: b.Python, args: []string{"-m", "ipykernel_launcher", "-f"}}
}

// python measures ipykernel, which compiles nothing, as the floor of what the protocol allows.
func (b *bench) python(ctx context.Context) error {
	if b.Python == "" {
		b.report.leaveOut("ipykernel", errors.New("LATHE_PYTHON does not name a Python that has it"))
		return nil
	}
	k, err := b.start(ctx, b.ipykernel())
	if err != nil {
		b.report.leaveOut("ipykernel", err)
		return nil
	}
	defer k.stop()
	s := b.report.sample("ipykernel, which compiles nothing", "trivial cell", "ms")
	return each(ctx, b.Effort.Cells, []turn{{kernel: k, code: numbered("x = %d", ""), sample: s}})
}

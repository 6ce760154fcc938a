package bench

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// session watches a session as it grows: by how much memory, and whether cells become slower.
func (b *bench) session(ctx context.Context) error {
	k, err := b.start(ctx, b.lathe())
	if err != nil {
		return err
	}
	defer k.stop()
	n := b.Effort.Session
	edge := n / 10
	part := fmt.Sprintf("a session of %d cells, each with a variable of its own", n)
	first := b.report.sample(part, fmt.Sprintf("the first %d cells", edge), "ms")
	last := b.report.sample(part, fmt.Sprintf("the last %d cells", edge), "ms")
	if err := warmUp(ctx, []turn{{kernel: k, code: numbered(printCell, "trivial %d")}}); err != nil {
		return err
	}
	var before memory
	for i := range n + 1 {
		took, _, err := k.execute(ctx, fmt.Sprintf("v%d := %d", i, i), "")
		if err != nil {
			return err
		}
		switch {
		case i == 0: // warms up
		case i <= edge:
			first.add(took)
		case i > n-edge:
			last.add(took)
		}
		if i == edge {
			if before, err = readMemory(ctx, k); err != nil {
				return err
			}
		}
	}
	after, err := readMemory(ctx, k)
	if err != nil {
		return err
	}
	ratio := b.report.sample(part, "last cells / first cells", "times", most(50, 1.5))
	ratio.Values = []float64{last.Percentile(50) / first.Percentile(50)}
	cells := float64(n - edge)
	b.report.sample(part, "worker's memory per cell", "KB", most(50, 150)).Values = []float64{(after.worker - before.worker) / cells}
	b.report.sample(part, "kernel's memory per cell", "KB").Values = []float64{(after.kernel - before.kernel) / cells}
	libraries, err := librarySizes(k.dir)
	b.report.sample(part, "size of a cell's library", "KB").Values = libraries
	return err
}

// memory is what the two processes hold, in KB.
type memory struct{ kernel, worker float64 }

// readMemory has the worker collect its garbage first.
func readMemory(ctx context.Context, k *kernel) (memory, error) {
	if _, _, err := k.execute(ctx, "debug.FreeOSMemory()", ""); err != nil {
		return memory{}, err
	}
	worker, err := childNamed(k.cmd.Process.Pid, "worker")
	if err != nil {
		return memory{}, err
	}
	var m memory
	if m.worker, err = resident(worker); err != nil {
		return memory{}, err
	}
	m.kernel, err = resident(k.cmd.Process.Pid)
	return m, err
}

// librarySizes returns the sizes, in KB, of the libraries of cells below dir.
func librarySizes(dir string) ([]float64, error) {
	var sizes []float64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "libu") || filepath.Ext(path) != ".so" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sizes = append(sizes, float64(info.Size())/1024)
		return nil
	})
	return sizes, err
}

// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/train/schedule"
)

// kills is how often TestKilledAndResumed kills a training.
const kills = 200

// crashModel has state of every kind: random numbers, accumulated gradients, averages, a schedule.
func crashModel(steps int) Model {
	m := classifier(4)
	m.Epochs, m.Steps = 0, steps
	m.Accumulate, m.Average, m.Schedule = 2, 0.9, schedule.CosineRestarts(0.02, 0.001, 50, 1)
	return m
}

// TestKilledAndResumed kills a training process 200 times, each time a few random milliseconds after its
// first step, while it trains and saves a checkpoint after every call of the device. Each process goes on
// from the last one's checkpoint, never from before it, and the end is that of a training without a stop.
func TestKilledAndResumed(t *testing.T) {
	if dir := os.Getenv("TRAIN_TEST_CRASH"); dir != "" {
		crash(t, dir)
		return
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	reached := 0
	for i := range kills {
		resumed := killed(t, dir, time.Duration(random.Float64()*25*float64(time.Millisecond)))
		if resumed < reached {
			t.Fatalf("process %d resumed at step %d, but the one before at %d", i, resumed, reached)
		}
		reached = resumed
	}
	end := reached + 25
	fit := func(opts ...Option) *Fitted {
		t.Helper()
		f, err := Fit(nil, crashModel(end), newBlobs("blobs", 304, 16), nil, append(opts, Quiet(), pureGo(t))...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	last, whole := fit(Checkpoints(dir)), fit(NoCheckpoints())
	if last.Resumed < reached || len(last.Notes) > 0 || digest(t, last) != digest(t, whole) {
		t.Errorf("after %d kills: resumed at %d, notes %q, same as without: %v", kills, last.Resumed, last.Notes, digest(t, last) == digest(t, whole))
	}
	sameHistory(t, last.History, whole.History)
	t.Logf("%d kills over %d steps", kills, reached)
}

// killed starts a process that trains, kills it so long after its first step, and returns at which step it
// had taken over.
func killed(t *testing.T, dir string, after time.Duration) (resumed int) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledAndResumed$")
	cmd.Env = append(os.Environ(), "TRAIN_TEST_CRASH="+dir)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	resumed = -1
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), "resumed="); ok {
			resumed, _ = strconv.Atoi(n)
			break
		}
	}
	time.Sleep(after)
	err = cmd.Process.Kill()
	cmd.Wait() // says that it was killed
	if err != nil || resumed < 0 || said.Len() > 0 {
		t.Fatalf("resumed at %d, kill: %v, said %s", resumed, err, &said)
	}
	return resumed
}

// crash trains until it is killed.
func crash(t *testing.T, dir string) {
	told := false
	_, err := Fit(nil, crashModel(1<<40), newBlobs("blobs", 304, 16), nil, Checkpoints(dir), CheckpointEvery(time.Nanosecond), Quiet(), pureGo(t),
		Before(1, func(m *Moment) error {
			if !told {
				told = true
				fmt.Printf("resumed=%d\n", m.Fitted.Resumed)
			}
			return nil
		}))
	t.Fatal("it ended by itself: ", err)
}

// cuts returns 20 random steps out of n.
func cuts(n int) []int {
	list := rand.New(rand.NewPCG(3, 4)).Perm(n - 1)[:20]
	for i := range list {
		list[i]++
	}
	slices.Sort(list)
	return list
}

// TestTwentyCuts cuts one training at 20 random steps, one after the other. Every part is a call of Fit.
func TestTwentyCuts(t *testing.T) {
	m := classifier(8)
	m.Epochs, m.Steps = 0, 200
	dir := t.TempDir()
	part := func(opts ...Option) *Fitted {
		t.Helper()
		fit, err := Fit(nil, m, newBlobs("blobs", 608, 32), nil, append(opts, Quiet(), pureGo(t))...)
		if err != nil {
			t.Fatal(err)
		}
		return fit
	}
	for _, cut := range cuts(200) {
		ctx, cancel := context.WithCancelCause(context.Background())
		fit := part(Context(ctx), Checkpoints(dir), Every(cut, func(*Moment) error {
			cancel(errors.New("test stop"))
			return nil
		}))
		if fit.Step != cut {
			t.Fatalf("stopped at step %d, not %d", fit.Step, cut)
		}
	}
	last, whole := part(Checkpoints(dir)), part(NoCheckpoints())
	if digest(t, last) != digest(t, whole) {
		t.Error("variables differ from those of a training without a cut")
	}
	sameHistory(t, last.History, whole.History)
}

// TestTwentyCutsOnTheDefaultDevice resumes from the checkpoints of 20 random steps, each to the end. XLA
// takes a second to compile a training, so all go on in one compiled program; TestResumeInNewProcess
// compiles anew.
func TestTwentyCutsOnTheDefaultDevice(t *testing.T) {
	m := classifier(8)
	m.Epochs, m.Steps = 0, 200
	m.Schedule, m.ClipNorm, m.Average = schedule.Cosine(0.02, 0, 200).Warmup(10), 1, 0.95
	dir, kept := t.TempDir(), t.TempDir()
	steps := cuts(200)
	keep := Every(1, func(now *Moment) error {
		// The step before has been saved by now.
		if slices.Contains(steps, now.Step-1) {
			return os.CopyFS(filepath.Join(kept, strconv.Itoa(now.Step-1)), os.DirFS(now.Fitted.Checkpoints))
		}
		return nil
	})
	whole, err := Fit(nil, m, newBlobs("blobs", 608, 32), nil, Checkpoints(dir), CheckpointEvery(time.Nanosecond), Quiet(), keep)
	if err != nil {
		t.Fatal(err)
	}
	want, history := digest(t, whole), whole.History
	for _, cut := range steps {
		f := &fitting{
			options: gather([]Option{Quiet(), CheckpointEvery(time.Hour)}), engine: whole.engine, course: m.Schedule.Start(),
			data: newBlobs("blobs", 608, 32),
			fit: &Fitted{
				Store: whole.Store, Model: whole.Model, Device: whole.Device, History: new(History),
				Recipe: whole.Recipe, Checkpoints: filepath.Join(kept, strconv.Itoa(cut)), engine: whole.engine,
			},
		}
		if err := f.takeOver(); err != nil {
			t.Fatal(err)
		}
		if err := f.guarded(); err != nil {
			t.Fatal(err)
		}
		if f.fit.Resumed != cut || f.fit.Step != 200 || digest(t, f.fit) != want {
			t.Errorf("resumed at %d of %d, ended at %d with other variables", f.fit.Resumed, cut, f.fit.Step)
		}
		sameHistory(t, f.fit.History, history)
	}
}

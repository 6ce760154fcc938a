package worklog

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// seeded returns a source of chance and tells its seed, which WORKLOG_TEST_SEED may set to see the same again.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("WORKLOG_TEST_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("WORKLOG_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// The values of a victim's metrics, by step.
func lossAt(step int) float64 { return 1 / float64(step+1) }

func accAt(step int) float64 {
	if step%7 == 0 {
		return math.NaN()
	}
	return float64(step)
}

// victim logs until it is killed. After each flush it tells on standard output how many steps it logged, and after
// each note how many notes.
func victim() {
	run := Start(os.Getenv("WORKLOG_TEST_NAME"), config{Width: 1}, In(Open(os.Getenv("WORKLOG_TEST_FOLDER"))))
	for step, notes := 0, 0; ; step++ {
		run.Log(step, "loss", lossAt(step))
		run.Log(step, "acc", accAt(step))
		switch step % 100 {
		case 49:
			run.Note(fmt.Sprint(notes))
			notes++
			fmt.Println("notes", notes)
		case 99:
			run.Flush()
			fmt.Println("steps", step+1)
		}
	}
}

// A murder is one victim and its end.
type murder struct {
	name         string
	early        bool          // the delay counts from the start of the process, not from its first word
	delay        time.Duration // to the kill
	steps, notes int           // that the victim told
}

// commit runs a victim and kills it.
func (m *murder) commit(dir string) error {
	cmd := helper("victim", "WORKLOG_TEST_FOLDER="+dir, "WORKLOG_TEST_NAME="+m.name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	kill := func() { time.AfterFunc(m.delay, func() { cmd.Process.Kill() }) }
	if m.early {
		kill()
	}
	lines := bufio.NewScanner(out)
	for first := true; lines.Scan(); first = false {
		if first && !m.early {
			kill()
		}
		what, count, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(count)
		switch {
		case err != nil: // the pipe ends in the middle of a word
		case what == "steps":
			m.steps = n
		case what == "notes":
			m.notes = n
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		return fmt.Errorf("the victim ended by itself: %v", err)
	}
	return nil
}

// check compares what the log holds with what the victim told.
func (m *murder) check(run *Run) error {
	if run == nil {
		if m.steps+m.notes > 0 {
			return fmt.Errorf("%d steps and %d notes were acknowledged, and there is no run", m.steps, m.notes)
		}
		return nil
	}
	s := run.Summary()
	if s.State != Lost {
		return fmt.Errorf("the run of a killed process is %s", s.State)
	}
	if len(s.Notes) < m.notes {
		return fmt.Errorf("%d notes of %d acknowledged ones", len(s.Notes), m.notes)
	}
	for i, n := range s.Notes {
		if n.Text != fmt.Sprint(i) {
			return fmt.Errorf("note %d is %q", i, n.Text)
		}
	}
	points, err := run.Points("")
	if err != nil || len(points) < 2*m.steps {
		return fmt.Errorf("%d points of %d acknowledged ones, error %v", len(points), 2*m.steps, err)
	}
	for i, p := range points {
		name, value := "loss", lossAt(i/2)
		if i%2 == 1 {
			name, value = "acc", accAt(i/2)
		}
		if p.Name != name || p.Step != i/2 || math.Float64bits(p.Value) != math.Float64bits(value) {
			return fmt.Errorf("point %d is %+v", i, p)
		}
	}
	return nil
}

// murders plans n of them.
func murders(rng *rand.Rand, n int) []*murder {
	var out []*murder
	for i := range n {
		m := &murder{name: fmt.Sprint("victim-", i), early: rng.IntN(4) == 0}
		m.delay = time.Duration(rng.IntN(120_000)) * time.Microsecond
		if m.early {
			m.delay /= 8 // some of these fall into Start
		}
		out = append(out, m)
	}
	return out
}

// TestKilledAtAnyMoment kills processes while eight log into one folder, of which somebody reads meanwhile.
func TestKilledAtAnyMoment(t *testing.T) {
	kills, atOnce := 200, 8
	if testing.Short() {
		kills = 16
	}
	dir := t.TempDir()
	all := murders(seeded(t), kills)
	todo := make(chan *murder)
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for m := range todo {
				if err := m.commit(dir); err != nil {
					t.Errorf("%s: %v", m.name, err)
				}
			}
		})
	}
	for i, m := range all {
		todo <- m
		if i%10 == 0 {
			if _, err := Open(dir).Runs(); err != nil {
				t.Errorf("reading meanwhile: %v", err)
			}
		}
	}
	close(todo)
	group.Wait()
	runs, err := Open(dir).Runs()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*Run{}
	for _, r := range runs {
		found[r.Name()] = r
	}
	words, steps := 0, 0
	for _, m := range all {
		if err := m.check(found[m.name]); err != nil {
			t.Errorf("%s, killed after %v (early %v): %v", m.name, m.delay, m.early, err)
		}
		words += min(m.steps, 1)
		steps += m.steps
	}
	t.Logf("%d kills, %d of them after a flush, %d steps acknowledged", kills, words, steps)
	if words < kills/4 || len(found) != len(runs) {
		t.Errorf("only %d of %d processes flushed before their end; %d runs of %d names", words, kills, len(runs), len(found))
	}
}

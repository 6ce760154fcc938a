package worklog

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// kernel is a process that does with a worklog what the lines of its input say. It answers each with one line.
func kernel() {
	folder := Open(os.Getenv("WORKLOG_TEST_FOLDER"))
	quiet := OnLoss(func(error) {})
	var run *Run
	notes := 0
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		verb, rest, _ := strings.Cut(in.Text(), " ")
		n, _ := strconv.Atoi(rest)
		var answer any
		switch verb {
		case "start":
			run = Start(rest, nil, In(folder), quiet)
			answer = run.ID()
		case "open":
			var err error
			if run, err = folder.Run(rest); err == nil {
				run.report = func(error) {}
			}
			answer = err
		case "resume":
			run.Resume(n)
			answer = run.Err()
		case "log": // the next n points
			run.Flush()
			from := run.Summary().Points
			for step := from; step < from+n; step++ {
				run.Log(step, "loss", lossAt(step))
			}
			run.Flush()
			answer = run.Err()
		case "note":
			for range n {
				run.Note(fmt.Sprint(os.Getpid(), " ", notes))
				notes++
			}
			answer = run.Err()
		case "end":
			run.End(nil)
			answer = run.Err()
		case "list":
			runs, err := folder.Runs()
			answer = fmt.Sprint(len(runs), " ", err)
			for _, r := range runs {
				answer = fmt.Sprint(answer, " ", r.ID())
			}
		}
		fmt.Println(answer)
	}
}

// A process is a kernel that runs.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startProcess(t *testing.T, folder *Folder) *process {
	t.Helper()
	p := &process{t: t, cmd: helper("kernel", "WORKLOG_TEST_FOLDER="+folder.Path())}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewReader(out)
	t.Cleanup(p.kill)
	return p
}

// ask returns the answer to a line.
func (p *process) ask(line string) string {
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		p.t.Errorf("%s: %v", line, err)
	}
	answer, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Errorf("%s: %v", line, err)
	}
	return strings.TrimSpace(answer)
}

// must asks what must succeed.
func (p *process) must(line string) {
	p.t.Helper()
	if got := p.ask(line); got != "<nil>" {
		p.t.Errorf("%s: %s", line, got)
	}
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// together has several processes answer a line at once.
func together(line string, all ...*process) []string {
	answers := make([]string, len(all))
	var group sync.WaitGroup
	for i, p := range all {
		group.Go(func() { answers[i] = p.ask(line) })
	}
	group.Wait()
	return answers
}

// wantCurve checks that a run has the points of the steps below n, each once and in order.
func wantCurve(t *testing.T, run *Run, n int) {
	t.Helper()
	points, err := run.Points("loss")
	if err != nil || len(points) != n {
		t.Fatalf("%d points, error %v, want %d", len(points), err, n)
	}
	for step, p := range points {
		if p.Step != step || math.Float64bits(p.Value) != math.Float64bits(lossAt(step)) {
			t.Fatalf("point %d is %+v", step, p)
		}
	}
}

// wantNotes checks that each process's notes are there, each once and in order.
func wantNotes(t *testing.T, run *Run, n int, all ...*process) {
	t.Helper()
	next := map[string]int{}
	s := run.Summary()
	for _, note := range s.Notes {
		who, number, _ := strings.Cut(note.Text, " ")
		if number != fmt.Sprint(next[who]) {
			t.Fatalf("note %q comes after %d of its process", note.Text, next[who])
		}
		next[who]++
	}
	for _, p := range all {
		if got := next[fmt.Sprint(p.cmd.Process.Pid)]; got != n {
			t.Errorf("%d notes of a process, want %d; %d bytes are damaged", got, n, s.Damage)
		}
	}
}

func TestTheSecondWriterOfARunIsRefused(t *testing.T) {
	folder := Open(t.TempDir())
	a, b := startProcess(t, folder), startProcess(t, folder)
	id := a.ask("start x")
	a.must("log 10")
	b.must("open " + id)
	refusal := b.ask("resume 5")
	for _, want := range []string{id, errBusy.Error(), fmt.Sprint("process ", a.cmd.Process.Pid)} {
		if !strings.Contains(refusal, want) {
			t.Errorf("the second writer is told %q, which lacks %q", refusal, want)
		}
	}
	b.ask("log 10")
	b.ask("end")
	a.must("log 10")
	if s := only(t, folder).Summary(); s.State != Running || s.Lives != 1 {
		t.Errorf("%s, %d lives", s.State, s.Lives)
	}
	wantCurve(t, only(t, folder), 20)
	a.kill()
	if s := only(t, folder).Summary(); s.State != Lost {
		t.Errorf("the run of a killed process is %s", s.State)
	}
	c := startProcess(t, folder)
	c.must("open " + id)
	c.must("resume 15")
	c.must("log 10")
	c.must("end")
	if s := only(t, folder).Summary(); s.State != Finished || s.Lives != 2 || s.Damage != 0 {
		t.Errorf("%s, %d lives, %d bytes damaged", s.State, s.Lives, s.Damage)
	}
	wantCurve(t, only(t, folder), 25)
}

func TestNotesOfOtherProcessesGoBetween(t *testing.T) {
	folder := Open(t.TempDir())
	a, b, c := startProcess(t, folder), startProcess(t, folder), startProcess(t, folder)
	id := a.ask("start x")
	b.must("open " + id)
	c.must("open " + id)
	for range 5 {
		var group sync.WaitGroup
		group.Go(func() { a.must("log 20000") })
		group.Go(func() { together("note 40", b, c) })
		group.Wait()
		b.must("open " + id) // a run that failed says so once; see each time
		c.must("open " + id)
	}
	a.must("end")
	run := only(t, folder)
	wantCurve(t, run, 100_000)
	wantNotes(t, run, 200, b, c)
	if s := run.Summary(); s.Damage != 0 || s.State != Finished {
		t.Errorf("%d bytes damaged, %s", s.Damage, s.State)
	}
}

// TestNotesOnATornLog has processes that find the end of a log torn, by a writer that was killed, write at once: one
// of them cuts it off, and must not cut off what another wrote.
func TestNotesOnATornLog(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	run.Log(0, "loss", lossAt(0))
	run.End(nil)
	all := []*process{startProcess(t, folder), startProcess(t, folder), startProcess(t, folder)}
	for _, p := range all {
		p.must("open " + string(run.ID()))
	}
	torn := appendEvent(nil, event{Note: strings.Repeat("never acknowledged ", 20_000)})
	const rounds = 20
	for range rounds {
		file, err := os.OpenFile(run.Path(), os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = file.Write(torn[:len(torn)-1])
			file.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, answer := range together("note 1", all...) {
			if answer != "<nil>" {
				t.Error(answer)
			}
		}
	}
	wantNotes(t, only(t, folder), rounds, all...)
	wantCurve(t, only(t, folder), 1)
}

// TestResumingWhileOthersAddNotes resumes a run whose log is held, for a moment, by whoever adds a note to it.
func TestResumingWhileOthersAddNotes(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	run.End(nil)
	a, b, c := startProcess(t, folder), startProcess(t, folder), startProcess(t, folder)
	for _, p := range []*process{a, b, c} {
		p.must("open " + string(run.ID()))
	}
	const rounds = 20
	for round := range rounds {
		var group sync.WaitGroup
		group.Go(func() { together("note 10", b, c) })
		group.Go(func() {
			a.must(fmt.Sprint("resume ", round*10))
			a.must("log 10")
			a.must("end")
		})
		group.Wait()
	}
	wantCurve(t, only(t, folder), rounds*10)
	wantNotes(t, only(t, folder), rounds*10, b, c)
}

func TestTwoProcessesMakeTheIndexAtOnce(t *testing.T) {
	folder := Open(t.TempDir())
	for range 100 {
		run := begin(t, folder, "x", config{Width: 1})
		run.Log(0, "loss", 1)
		run.End(nil)
	}
	a, b := startProcess(t, folder), startProcess(t, folder)
	index := filepath.Join(folder.Path(), indexName)
	want := a.ask("list")
	if !strings.HasPrefix(want, "100 <nil> ") {
		t.Fatalf("the list is %.100q", want)
	}
	for round := range 10 {
		var err error
		switch round % 3 {
		case 0:
			err = os.Remove(index)
		case 1:
			err = os.Truncate(index, 1000) // in the middle of an entry
		case 2:
			err = os.WriteFile(index, []byte(strings.Repeat("no index ", 100)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range together("list", a, b) {
			if got != want {
				t.Errorf("round %d: the list is %.100q", round, got)
			}
		}
		if known := openIndex(index); len(known.cards) != 100 || !known.whole {
			t.Errorf("round %d: the index knows %d runs afterwards, all of it valid: %v", round, len(known.cards), known.whole)
		}
	}
	if rest, _ := filepath.Glob(index + ".*"); len(rest) > 0 {
		t.Errorf("%d files are left over: %v", len(rest), rest)
	}
}

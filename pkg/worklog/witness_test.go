package worklog

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/worklog/internal/framed"
)

// A notebook is the session that a run is in.
type notebook struct {
	mu     sync.Mutex
	cells  []frame.Cell
	echoes map[int]func(frame.Frame)
}

// inNotebook makes this process that of a notebook.
func inNotebook(t *testing.T) *notebook {
	n := &notebook{echoes: map[int]func(frame.Frame){}}
	frame.Attach(n)
	t.Cleanup(func() { frame.Attach(nil) })
	return n
}

func (n *notebook) Send(frame.Frame) error { return nil }

func (n *notebook) Cells(from int) []frame.Cell {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.cells[from:])
}

func (n *notebook) Echo(f func(frame.Frame)) func() {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := len(n.echoes)
	n.echoes[id] = f
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.echoes, id)
	}
}

// run executes cells.
func (n *notebook) run(texts ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, text := range texts {
		number := uint64(len(n.cells) + 1)
		n.cells = append(n.cells, frame.Cell{Number: number, Name: fmt.Sprintf("In[%d]", number), Text: text, Time: time.Unix(int64(number), 0)})
	}
}

// print prints text.
func (n *notebook) print(kind frame.Kind, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range n.echoes {
		f(frame.Frame{Kind: kind, Payload: []byte(text)})
	}
}

// sources returns the cells of a run on a line.
func sources(t *testing.T, r *Run) string {
	t.Helper()
	cells, err := r.Cells()
	if err != nil {
		t.Error(err)
	}
	var out []string
	for _, c := range cells {
		out = append(out, c.Name+" "+c.Text+c.LeftOut)
	}
	return strings.Join(out, "; ")
}

// again reads a run as another process does.
func again(t *testing.T, r *Run) *Run {
	t.Helper()
	other, err := r.folder.Load(r.id)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

func TestCellsOfTheSession(t *testing.T) {
	n := inNotebook(t)
	folder := Open(t.TempDir())
	n.run("a := 1", "b := 2")
	r := Start("x", nil, In(folder))
	n.run("a := 1", "key := \"AKIA"+"ABCDEFGHIJKLMNOP\"")
	want := "In[1] a := 1; In[2] b := 2; In[3] a := 1; In[4] it seems to hold an AWS key"
	if got := sources(t, r); got != want {
		t.Errorf("while it is open: %s", got)
	}
	if got := sources(t, again(t, r)); got != want {
		t.Errorf("to another process: %s", got)
	}
	n.run("last")
	r.End(nil)
	n.run("after it")
	if got := sources(t, again(t, r)); got != want+"; In[5] last" {
		t.Errorf("at the end: %s", got)
	}
	log, err := os.ReadFile(r.Path())
	if err != nil || strings.Count(string(log), "a := 1") != 1 || strings.Contains(string(log), "ABCDEFGH") {
		t.Errorf("a text stands twice, or a secret at all: error %v, %q", err, log)
	}
	r.Resume(3)
	r.End(nil)
	if got := sources(t, r); got != want+"; In[5] last; In[6] after it" {
		t.Errorf("resumed: %s", got)
	}
	frame.Attach(nil)
	other := again(t, r)
	other.Resume(4)
	other.End(nil)
	if got := sources(t, other); got != "" {
		t.Errorf("resumed by a program: %s", got)
	}
}

func TestManyLongCells(t *testing.T) {
	n := inNotebook(t)
	long := strings.Repeat("x", maxSource)
	for i := range 20 {
		n.run(fmt.Sprint(i)+long[20:], "short") // together more than a record holds
	}
	n.run(long + "x")
	r := Start("x", nil, In(Open(t.TempDir())))
	r.End(nil)
	cells, err := again(t, r).Cells()
	if err != nil || len(cells) != 41 || cells[40].LeftOut == "" || r.Err() != nil {
		t.Fatalf("%d cells, error %v, %v", len(cells), err, r.Err())
	}
	for i, c := range cells[:40] {
		if c.Text != n.cells[i].Text {
			t.Errorf("cell %d has %d bytes, want %d", i, len(c.Text), len(n.cells[i].Text))
		}
	}
}

func TestOutput(t *testing.T) {
	n := inNotebook(t)
	folder := Open(t.TempDir())
	n.print(frame.Stdout, "before")
	r := Start("x", nil, In(folder))
	silent := Start("y", nil, In(folder), NoOutput())
	n.print(frame.Stdout, "epoch 1\n10 %\r100 %\n")
	n.print(frame.Stderr, "\x1b[31mcareful <b>\x1b[0m\n")
	n.print(frame.Stdout, "no end")
	out, err := r.Output()
	if err != nil || len(out) != 2 || out[0] != (Printed{"stdout", 0, "epoch 1\n100 %\n"}) || out[1].Stream != "stderr" {
		t.Errorf("while it is open: %q, error %v", out, err)
	}
	r.End(nil)
	silent.End(nil)
	n.print(frame.Stdout, "after")
	out, err = again(t, r).Output()
	if err != nil || out.String() != "epoch 1\n100 %\n\x1b[31mcareful <b>\x1b[0m\nno end" {
		t.Errorf("at the end: %q, error %v", out, err)
	}
	if page := out.HTML(); !strings.Contains(page, ">careful &lt;b&gt;\n</span>no end") {
		t.Errorf("page: %s", page)
	}
	if out, err := silent.Output(); err != nil || len(out) > 0 {
		t.Errorf("without output: %q, error %v", out, err)
	}
	if len(n.echoes) != 0 {
		t.Errorf("%d runs still listen", len(n.echoes))
	}
}

func TestOutputOfAProgram(t *testing.T) {
	var screen strings.Builder
	r := Start("x", nil, In(Open(t.TempDir())))
	fmt.Fprintln(r.Tee(&screen), "hello")
	stderr, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func(old *os.File) { os.Stderr = old }(os.Stderr)
	os.Stderr = stderr
	fmt.Fprintln(r.Tee(os.Stderr), "oh")
	r.End(nil)
	r.Resume(0)
	fmt.Fprintln(r.Tee(&screen), "and on")
	r.End(nil)
	out, err := r.Output()
	want := Output{{"stdout", 0, "hello\n"}, {"stderr", 0, "oh\n"}, {"stdout", 0, "and on\n"}}
	if err != nil || !slices.Equal(out, want) || screen.String() != "hello\nand on\n" {
		t.Errorf("%q on the screen, %q, error %v", screen.String(), out, err)
	}
	if n, err := (*Run)(nil).Tee(&screen).Write([]byte("x")); n != 1 || err != nil {
		t.Errorf("without a run: %d, %v", n, err)
	}
}

func TestUseOfTheMachine(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here: ", err)
	}
	dir := t.TempDir()
	smi := "#!/bin/sh\necho '0, 35, 1024, 45, 60.12'\n: > " + dir + "/told\nexec sleep 20\n"
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte(smi), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	folder := Open(t.TempDir())
	run := func() *Run {
		os.Remove(dir + "/told")
		r := Start("x", nil, In(folder))
		r.Log(7, "loss", 1)
		x := r.w.Load().witness.Load()
		x.look(time.Now().Add(firstUsage))
		for _, err := os.Stat(dir + "/told"); err != nil; _, err = os.Stat(dir + "/told") {
			time.Sleep(time.Millisecond)
		}
		for now := time.Now(); ; time.Sleep(time.Millisecond) {
			now = now.Add(2 * usageEvery)
			x.look(now)
			if _, ok := r.Summary().Metric("system/gpu/0/use"); ok {
				break
			}
		}
		r.End(nil)
		return again(t, r)
	}
	r := run()
	s := r.Summary()
	if len(s.Metrics) != 1 || s.Points != 1 || len(s.System) < 6 {
		t.Errorf("%d metrics, %d points, system %v", len(s.Metrics), s.Points, s.System)
	}
	if m, _ := s.Metric("system/gpu/0/memory"); m.Last.Value != 1<<30 || m.Last.Step != 7 {
		t.Errorf("GPU memory %v", m.Last)
	}
	if text := r.String(); !strings.Contains(text, "system/gpu/0/power") {
		t.Errorf("the page of the run lacks it:\n%s", text)
	}
	runs, err := folder.Runs("system/gpu/0/use>30")
	if err != nil || len(runs) != 1 || strings.Contains(runs.String(), "system/") {
		t.Errorf("the table: error %v\n%s", err, runs)
	}
	if o, _ := json.Marshal(runs.Curves("system/memory").Option()); !strings.Contains(string(o), `"system/memory"`) {
		t.Errorf("the chart: %s", o)
	}
	for _, c := range Diff(r, run()).List {
		if strings.HasPrefix(c.Path, "system/") {
			t.Errorf("use of the machine is a difference: %v", c)
		}
	}
}

func TestChangedDataWarns(t *testing.T) {
	folder := Open(t.TempDir())
	file := filepath.Join(t.TempDir(), "data.csv")
	put(t, file, "1")
	use := func(name, digest string) []Remark {
		t.Helper()
		r := Start(name, nil, In(folder))
		for _, d := range strings.Fields(digest) { // several, as where parts of a table have its name
			r.Data("train", d)
		}
		r.File(file)
		put(t, file+".out", digest) // what a run makes may differ
		r.File(file + ".out")
		r.End(nil)
		return again(t, r).Summary().Notes
	}
	quiet := os.Stderr
	os.Stderr, _ = os.Open(os.DevNull) // the warnings are meant
	defer func() { os.Stderr = quiet }()
	for _, c := range []struct {
		name, digest, content string
		want                  []string
	}{
		{"a", "1", "1", nil},
		{"a", "1", "1", nil},
		{"a", "2", "1", []string{"data train"}},
		{"a", "2", "1", nil},
		{"b", "3", "1", nil},
		{"b", "3", "x", []string{"file " + file}},
		{"a", "1", "x", []string{"data train"}},
		{"c", "4 5", "x", nil},
		{"c", "4 5", "x", nil},
		{"c", "5", "x", nil},
		{"c", "5 6", "x", []string{"data train"}},
	} {
		put(t, file, c.content)
		time.Sleep(10 * time.Millisecond) // the file is older than the run
		notes := use(c.name, c.digest)
		if len(notes) != len(c.want) {
			t.Errorf("%v: notes %v", c, notes)
			continue
		}
		for i, n := range notes {
			if !strings.HasPrefix(n.Text, "warning: "+c.want[i]+" is not what it was in run ") {
				t.Errorf("%v: note %s", c, n.Text)
			}
		}
	}
}

func TestDiffOfCells(t *testing.T) {
	folder := Open(t.TempDir())
	session := func(texts ...string) *Run {
		n := inNotebook(t)
		n.run(texts...)
		r := Start("x", nil, In(folder))
		r.End(nil)
		return r
	}
	const fit = "lr := 0.1\nmodel := mlp(64)\nfit(model, lr)\nplot(model)\n"
	edited := strings.Replace(fit, "0.1", "0.01", 1)
	for _, c := range []struct {
		what string
		a, b []string
		want []Change
	}{
		{"the same", []string{"a", fit}, []string{"a", fit}, nil},
		{"an edited cell", []string{"a", fit}, []string{"a", edited}, []Change{{"cell", "In[2]", "lr := 0.1", "lr := 0.01"}}},
		{"edited in the same session", []string{"a", fit}, []string{"a", fit, edited}, []Change{{"cell", "In[3], was In[2]", "lr := 0.1", "lr := 0.01"}}},
		{"an edited line", []string{"lr := 0.1"}, []string{"lr := 0.2"}, []Change{{"cell", "In[1]", "lr := 0.1", "lr := 0.2"}}},
		{"other cells", []string{"a", fit}, []string{"b", fit}, []Change{{"cell", "In[1]", "", "b"}, {"cell", "In[1]", "a", ""}}},
		{"another order", []string{"a", "b"}, []string{"b", "a"}, []Change{{"cell", "order", "In[1] In[2]", "In[2] In[1]"}}},
		{"run twice", []string{"a", "b"}, []string{"a", "b", "b"}, []Change{{"cell", "order", "In[1] In[2]", "In[1] In[2] In[2]"}}},
		{"no notebook", []string{"a"}, nil, nil},
	} {
		d := Diff(session(c.a...), session(c.b...))
		if !slices.Equal(d.List, c.want) {
			t.Errorf("%s: %q, want %q", c.what, d.List, c.want)
		}
		if c.what == "an edited cell" {
			if text := d.String(); !strings.Contains(text, "\nIn[2]\n- lr := 0.1\n+ lr := 0.01\n  model := mlp(64)\n") {
				t.Errorf("text:\n%s", text)
			}
			if page := d.HTML(); !strings.Contains(page, ">+ lr := 0.01</span>") {
				t.Errorf("page:\n%s", page)
			}
		}
	}
}

func TestQuestionAndHypothesis(t *testing.T) {
	r := Start("x", nil, In(Open(t.TempDir())), Question("does width help?"), Hypothesis("by 1 %"), Why("a note"))
	r.End(nil)
	s := again(t, r).Summary()
	if s.Question != "does width help?" || s.Hypothesis != "by 1 %" || len(s.Notes) != 1 {
		t.Errorf("%q, %q, notes %v", s.Question, s.Hypothesis, s.Notes)
	}
	if text := r.String(); !strings.Contains(text, "does width help?") || !strings.Contains(text, "by 1 %") {
		t.Errorf("text:\n%s", text)
	}
}

func TestARunShowsItsCellsAndOutput(t *testing.T) {
	n := inNotebook(t)
	n.run("a < b")
	r := Start("x", nil, In(Open(t.TempDir())))
	n.print(frame.Stdout, "hello\n")
	r.End(nil)
	if page := r.HTML(); !strings.Contains(page, "<pre>a &lt; b</pre>") || !strings.Contains(page, "hello\n</pre>") {
		t.Errorf("page:\n%s", page)
	}
	if text := r.String(); !strings.Contains(text, "1, the last is In[1]") || !strings.Contains(text, "output  6 B") {
		t.Errorf("text:\n%s", text)
	}
}

func TestARunThatOnlyPrintsIsAlive(t *testing.T) {
	r := Start("x", nil, In(Open(t.TempDir())))
	w := r.w.Load()
	r.awaitCode()
	w.flush(false)
	before := r.Summary().Ended
	w.io.Lock()
	w.signed = time.Now().Add(-heartbeat)
	w.io.Unlock()
	time.Sleep(time.Millisecond)
	fmt.Fprintln(r.Tee(io.Discard), "hello")
	w.gather()
	w.flush(false)
	w.beat()
	if after := r.Summary().Ended; !after.After(before) {
		t.Errorf("last seen at %v, and %v before it printed", after, before)
	}
	r.End(nil)
}

func TestRecordsOfALaterVersionAreSkipped(t *testing.T) {
	r := Start("x", nil, In(Open(t.TempDir())))
	r.Log(1, "loss", 1)
	r.End(nil)
	file, err := os.OpenFile(r.Path(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	file.Write(framed.Append(nil, 99, []byte("who knows")))
	file.Write(framed.Append(nil, kindCells, []byte(`{"another":"form"}`)))
	file.Write(framed.Append(nil, kindPrinted, []byte(`7`)))
	file.Write(appendEvent(nil, event{Verdict: "read", Aside: true}))
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	other := again(t, r)
	if s := other.Summary(); s.Verdict != "read" || s.Damage != 0 || s.State != Finished || s.Points != 1 {
		t.Errorf("%+v", s)
	}
	if cells, err := other.Cells(); err != nil || len(cells) != 0 {
		t.Errorf("cells %v, error %v", cells, err)
	}
	if out, err := other.Output(); err != nil || len(out) != 0 {
		t.Errorf("output %v, error %v", out, err)
	}
}

package kerneltest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
	"golang.org/x/tools/txtar"
)

// update makes RunScripts write what the cells show into the files.
var update = flag.Bool("update", false, "rewrite the expectations of the scenarios that differ")

// RunScripts runs every scenario dir/*.txtar, each against a handler of its own. A scenario is an
// archive in the form of package txtar. What precedes its first section is a comment. Its sections
// are cells and what they show:
//
//	-- cell 1 --
//	fmt.Println("hello")
//	1 + 1
//	-- out 1 --
//	stdout: hello
//	result: 2
//
// Cells run in order. An out section has one line for each line of output, led by what it is:
//
//	stdout: TEXT              stderr: TEXT
//	result: TEXT              the text/plain of the value; of a longer text, further lines are indented
//	display: [MIME …] TEXT    update: [MIME …] TEXT
//	clear                     clear wait
//	error: NAME: VALUE        followed by the indented lines of the traceback that mention In[
//	page: TEXT
//	input: PROMPT             before all others, as prompts come on a channel of their own
//	status: STATUS            of the reply, if it is not the usual one
//
// Within an expected line, … stands for any text; alone on a line, for any lines. A cell without an
// out section shows nothing. With the flag -update the out sections that do not match are rewritten.
//
// Words after a cell's number change how it is run:
//
//	-- cell 2 interrupt=300ms --    interrupt it so long after it was sent, or later on a slow machine
//	-- cell 2 answer=TEXT --        answer a prompt; once for each
//	-- cell 2 wait=100ms --         show as well what it writes so long after its end
//	-- cell 2 together --           send it with the cell before, not after that has ended
//	-- cell 2 silent --             run it silently
//	-- cell 2 nohistory --          run it without counting it
func RunScripts(t *testing.T, dir string, newHandler func(t testing.TB) server.Handler) {
	t.Helper()
	RunScriptsSlowly(t, dir, 1, newHandler)
}

// RunScriptsSlowly is RunScripts for a handler that takes so many times longer than usual to begin to run
// a cell: interrupts come that much later.
func RunScriptsSlowly(t *testing.T, dir string, factor int, newHandler func(t testing.TB) server.Handler) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios in %s (%v)", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			s, err := readScript(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range s.cells {
				c.interrupt *= time.Duration(factor)
			}
			s.run(t, Start(t, newHandler(t)))
			if err := s.finish(t, file); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// cellPatience is how long a cell of a scenario may take: its packages may have to be compiled first.
const cellPatience = 3 * time.Minute

// A script is one scenario.
type script struct {
	comment []byte
	cells   []*scriptCell
}

// A scriptCell is a cell of a scenario.
type scriptCell struct {
	header    string // the name of its section
	number    string
	code      string
	want      string
	got       string
	silent    bool
	nohistory bool
	together  bool
	interrupt time.Duration
	wait      time.Duration
	answers   []string
}

// readScript reads a scenario.
func readScript(file string) (*script, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s, err := parseScript(txtar.Parse(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// parseScript makes a scenario of an archive.
func parseScript(a *txtar.Archive) (*script, error) {
	s := &script{comment: a.Comment}
	for _, section := range a.Files {
		words := strings.Fields(section.Name)
		switch {
		case len(words) >= 2 && words[0] == "cell":
			c := &scriptCell{header: section.Name, number: words[1], code: strings.TrimSuffix(string(section.Data), "\n")}
			for _, word := range words[2:] {
				if err := c.directive(word); err != nil {
					return nil, fmt.Errorf("section %q: %w", section.Name, err)
				}
			}
			s.cells = append(s.cells, c)
		case len(words) == 2 && words[0] == "out":
			c := s.cell(words[1])
			if c == nil {
				return nil, fmt.Errorf("section %q: there is no cell %s before it", section.Name, words[1])
			}
			c.want = string(section.Data)
		default:
			return nil, fmt.Errorf("section %q is neither a cell nor an out", section.Name)
		}
	}
	return s, nil
}

// cell returns the cell of the given number, or nil.
func (s *script) cell(number string) *scriptCell {
	for _, c := range s.cells {
		if c.number == number {
			return c
		}
	}
	return nil
}

// directive reads a word after a cell's number.
func (c *scriptCell) directive(word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "silent":
		c.silent = true
	case "nohistory":
		c.nohistory = true
	case "together":
		c.together = true
	case "interrupt":
		c.interrupt, err = time.ParseDuration(value)
	case "wait":
		c.wait, err = time.ParseDuration(value)
	case "answer":
		c.answers = append(c.answers, value)
	default:
		err = fmt.Errorf("%q is no directive", word)
	}
	return err
}

// run runs the cells and notes what they show.
func (s *script) run(t *testing.T, f *Frontend) {
	t.Helper()
	var took []time.Duration
	for i := 0; i < len(s.cells); {
		var requests []*Request
		first := i
		for ; i < len(s.cells) && (i == first || s.cells[i].together); i++ {
			requests = append(requests, s.cells[i].send(f))
		}
		for k, r := range requests {
			c := s.cells[first+k]
			c.slacken(took)
			start := time.Now()
			c.got = c.collect(r)
			if c.interrupt == 0 {
				took = append(took, time.Since(start))
			}
			if !matchLines(c.want, c.got) && !*update {
				t.Errorf("cell %s shows\n%swant\n%s", c.number, indent(c.got), indent(c.want))
			}
		}
	}
}

// latest bounds how late a busy machine makes what a scenario does at some time.
const latest = 5 * time.Second

// slacken makes the times of a cell some times what cells have taken here so far, if they are less, so that a
// busy machine has begun to run a cell when its interrupt comes.
func (c *scriptCell) slacken(took []time.Duration) {
	if len(took) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(took))
	least := min(3*sorted[len(sorted)/2], latest)
	if c.interrupt > 0 {
		c.interrupt = max(c.interrupt, least)
	}
	if c.wait > 0 {
		c.wait = max(c.wait, least)
	}
}

// indent sets text apart in a failure.
func indent(text string) string {
	return "\t" + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n\t") + "\n"
}

// send sends the cell.
func (c *scriptCell) send(f *Frontend) *Request {
	f.t.Helper()
	content := Cell(c.code)
	content["silent"], content["store_history"] = c.silent, !c.silent && !c.nohistory
	return f.Request(Shell, wire.ExecuteRequestType, content, map[string]any{"cellId": "cell-" + c.number})
}

// collect takes all that the cell shows, to its end, as text.
func (c *scriptCell) collect(r *Request) string {
	r.f.t.Helper()
	var interrupt <-chan time.Time
	if c.interrupt > 0 {
		interrupt = time.After(c.interrupt)
	}
	view := &view{}
	answers := c.answers
	end := time.After(cellPatience)
	for ended := false; !ended; {
		select {
		case <-r.outputs.ready:
			for m, ok := r.outputs.take(); ok && !ended; m, ok = r.outputs.take() {
				r.note(m)
				ended = view.add(m)
			}
		case <-interrupt:
			r.f.Request(Control, wire.InterruptRequestType, struct{}{}, nil).ignored = true
		case m := <-r.f.prompts:
			view.addPrompt(m)
			line := ""
			if len(answers) > 0 {
				line, answers = answers[0], answers[1:]
			}
			r.f.Reply(m, line)
		case <-end:
			r.f.t.Fatalf("cell %s did not end; it shows\n%s", c.number, indent(view.String()))
		}
	}
	view.addReply(r.next(r.replies, wire.ExecuteReplyType))
	time.Sleep(c.wait)
	for m, ok := r.outputs.take(); ok && c.wait > 0; m, ok = r.outputs.take() {
		view.add(m)
	}
	return view.String()
}

// finish writes the scenario back if that is asked for and something differs.
func (s *script) finish(t *testing.T, file string) error {
	if !*update || t.Failed() {
		return nil
	}
	changed := false
	a := &txtar.Archive{Comment: s.comment}
	for _, c := range s.cells {
		if !matchLines(c.want, c.got) {
			c.want, changed = c.got, true
		}
		a.Files = append(a.Files, txtar.File{Name: c.header, Data: []byte(c.code + "\n")})
		if c.want != "" {
			a.Files = append(a.Files, txtar.File{Name: "out " + c.number, Data: []byte(c.want)})
		}
	}
	if !changed {
		return nil
	}
	t.Logf("%s is rewritten", file)
	return os.WriteFile(file, txtar.Format(a), 0o644)
}

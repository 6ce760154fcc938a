package worklog

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/worklog/internal/framed"
	"github.com/lathe-go/lathe/pkg/worklog/internal/printed"
	"github.com/lathe-go/lathe/pkg/worklog/internal/source"
	"github.com/lathe-go/lathe/pkg/worklog/internal/usage"
)

// Env is the machine and the software that a run ran on. It holds nothing of the process's environment
// variables or arguments, which may be secret.
type Env struct {
	Go      string            `json:"go"`               // the toolchain, for instance "go1.26.8"
	OS      string            `json:"os"`               // for instance "linux/amd64"
	Host    string            `json:"host"`             // the machine's name
	CPU     string            `json:"cpu,omitempty"`    // the processor's model, where the system tells
	CPUs    int               `json:"cpus"`             // processors that the process may use
	Memory  int64             `json:"memory,omitempty"` // of the machine, in bytes; 0 if unknown
	Modules map[string]string `json:"modules,omitempty"`
	// Facts are what the program told with Run.Fact, the name of the backend for instance.
	Facts map[string]string `json:"facts,omitempty"`
}

// machine describes where this process runs.
func machine() Env {
	host, _ := os.Hostname() // the name only labels; a machine without one is still described
	env := Env{Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, Host: host, CPUs: runtime.GOMAXPROCS(0)}
	env.CPU = procField("/proc/cpuinfo", "model name")
	if kb, ok := strings.CutSuffix(procField("/proc/meminfo", "MemTotal"), " kB"); ok {
		n, _ := strconv.ParseInt(strings.TrimSpace(kb), 10, 64)
		env.Memory = n << 10
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if strings.HasPrefix(m.Path, "github.com/gomlx/") {
				if env.Modules == nil {
					env.Modules = map[string]string{}
				}
				env.Modules[m.Path] = m.Version
			}
		}
	}
	return env
}

// procField returns the first value of a field in one of Linux's "name : value" files, or "".
func procField(file, field string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == field {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// A State says how far a run got.
type State string

// The states of a run.
const (
	Running     State = "running"     // its process is alive and has not ended it
	Finished    State = "finished"    // it ended
	Failed      State = "failed"      // it ended with an error
	Interrupted State = "interrupted" // its user stopped it
	Lost        State = "lost"        // its process is gone, and nothing says how it went
)

const (
	heartbeat = 10 * time.Second // a run that is silent that long writes a sign of life
	silence   = 45 * time.Second // and one whose signs stop that long is lost
)

// An owner is the process that writes a run. The boot and the birth make its number unique.
type owner struct {
	Host string `json:"host"`
	Boot string `json:"boot,omitempty"` // of the machine; empty where the system does not tell
	PID  int    `json:"pid"`
	Born string `json:"born,omitempty"` // when the process began, as the system counts it
}

// self describes this process.
func self() owner {
	host, _ := os.Hostname() // an owner without a name is judged by its signs of life
	pid := os.Getpid()
	return owner{Host: host, Boot: bootID(), PID: pid, Born: born(pid)}
}

func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// born returns when the process pid began, in the ticks of Linux's /proc, or "" if there is none.
func born(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The second field, the command in parentheses, may hold anything; count from its end.
	rest := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "" // a zombie writes nothing any more
	}
	return fields[19]
}

// alive reports whether o still runs, given when it last wrote. On the machine and boot that it names
// the system knows; elsewhere only its signs of life tell.
func (o owner) alive(here owner, last, now time.Time) bool {
	if o.Boot != "" && o.Boot == here.Boot && o.Host == here.Host && o.Born != "" {
		return born(o.PID) == o.Born
	}
	return now.Sub(last) < silence
}

const (
	firstUsage = 2 * time.Second // a run that is shorter does not measure its use of the machine
	usageEvery = 5 * time.Second
	maxCells   = 10_000  // of a session that a run records, the last ones
	maxSource  = 1 << 20 // of a longer cell the text is not kept
)

// A witness records, while a run is open, what goes on around it without its doing: the cells that the session
// executes, what they print, and what the process uses of the machine. The writer's goroutine calls look.
type witness struct {
	w      *writer
	output *printed.Recorder // nil if the run keeps no output
	deaf   func()            // ends what output hears from the notebook

	mu    sync.Mutex
	cells int             // so many of the session are recorded
	known map[string]bool // digests of cells whose text is in the log
	usage *usage.Sampler
	next  time.Time // when to measure
	over  bool
}

// newWitness begins to watch for a run that w writes.
func newWitness(w *writer, began time.Time, silent bool) *witness {
	x := &witness{w: w, known: map[string]bool{}, usage: usage.New(usageEvery), next: began.Add(firstUsage), deaf: func() {}}
	if silent {
		return x
	}
	x.output = printed.New(began, source.Secret)
	x.deaf = frame.Echo(func(f frame.Frame) {
		stream := printed.Stdout
		if f.Kind == frame.Stderr {
			stream = printed.Stderr
		}
		x.output.Write(stream, f.Payload)
	})
	return x
}

// gather records the cells and the output that are new.
func (x *witness) gather(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over {
		x.takeCells()
		x.takeOutput(now, false)
	}
}

// look gathers, and measures when it is time to.
func (x *witness) look(now time.Time) {
	x.gather(now)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over || now.Before(x.next) {
		return
	}
	x.next = now.Add(usageEvery)
	for _, v := range x.usage.Sample(context.Background()) { // Close ends what it starts
		x.w.logAside(v.Name, v.Value)
	}
}

// again records the cells from the first on: a new life of the run begins.
func (x *witness) again() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cells = 0
}

// end records what is left and ends what was started.
func (x *witness) end(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return
	}
	x.over = true
	x.deaf()
	x.takeCells()
	x.takeOutput(now, true)
	x.usage.Close()
}

func (x *witness) takeCells() {
	news := frame.Cells(x.cells)
	x.cells += len(news)
	news = news[max(0, len(news)-maxCells):]
	if len(news) == 0 {
		return
	}
	cells := make([]Cell, len(news))
	for i, c := range news {
		cells[i] = newCell(c)
		if digest := cells[i].Digest; x.known[digest] {
			cells[i].Text, cells[i].LeftOut = "", ""
		} else {
			x.known[digest] = true
		}
	}
	for _, batch := range batches(cells) {
		x.w.record(kindCells, batch)
	}
}

// batches splits cells so that each batch fits into a record.
func batches(cells []Cell) [][]Cell {
	var out [][]Cell
	first, size := 0, 0
	for i, c := range cells {
		if size += len(c.Text) + 256; size > framed.MaxPayload/8 && i > first { // a byte takes up to six in JSON
			out = append(out, cells[first:i])
			first, size = i, len(c.Text)+256
		}
	}
	return append(out, cells[first:])
}

func (x *witness) takeOutput(now time.Time, last bool) {
	if x.output == nil {
		return
	}
	for _, p := range x.output.Take(now, last) {
		x.w.record(kindPrinted, p)
	}
}

// A Cell is a cell of a notebook that the session of a run executed, before the run or during it. A cell that ran
// several times is there several times.
type Cell struct {
	Name    string    `json:"name"` // with the execution count, as In[3]
	Time    time.Time `json:"time"` // when it began to run
	Digest  string    `json:"digest"`
	Text    string    `json:"text,omitempty"`    // the source, exactly
	LeftOut string    `json:"leftOut,omitempty"` // why there is no text, for instance because it seems to hold a secret
}

// source returns the text of the cell, or why there is none.
func (c Cell) source() string {
	if c.LeftOut != "" {
		return "not recorded: " + c.LeftOut
	}
	return c.Text
}

func newCell(c frame.Cell) Cell {
	sum := sha256.Sum256([]byte(c.Text))
	out := Cell{Name: c.Name, Time: c.Time, Digest: hex.EncodeToString(sum[:16]), Text: c.Text}
	if what := source.Secret(c.Text); what != "" {
		out.LeftOut = "it seems to hold " + what
	} else if len(c.Text) > maxSource {
		out.LeftOut = "it is longer than 1 MiB"
	}
	if out.LeftOut != "" {
		out.Text = ""
	}
	return out
}

// An Output is what was printed while a run was open, in order. The first and the last 64 KiB are whole; of what
// lies between, a glimpse is kept now and then. Lines that a carriage return has overwritten are not in it.
type Output []Printed

// Printed is a part of an Output.
type Printed struct {
	Stream  string `json:"stream"`            // "stdout" or "stderr"
	Skipped int64  `json:"skipped,omitempty"` // so many bytes before it are not kept
	Text    string `json:"text"`
}

// escapes are what terminals obey and pages would show: colours, and where the cursor goes.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]")

// gap says what is missing before a part.
func (p Printed) gap() string {
	if p.Skipped == 0 {
		return ""
	}
	return "… " + bytesText(p.Skipped) + " not kept …\n"
}

// String returns the output as it was printed, with a line where something is missing.
func (o Output) String() string {
	var b strings.Builder
	for _, p := range o {
		b.WriteString(p.gap() + p.Text)
	}
	return b.String()
}

// HTML returns the output for a page, with standard error on a ground of its own.
func (o Output) HTML() string {
	var b strings.Builder
	b.WriteString(`<pre style="overflow:auto;max-height:40em;white-space:pre-wrap">`)
	for _, p := range o {
		b.WriteString(strings.ReplaceAll(`<i>`+p.gap()+`</i>`, `<i></i>`, ``))
		text := html.EscapeString(escapes.ReplaceAllString(p.Text, ""))
		if p.Stream == printed.Stderr {
			text = `<span style="background:rgba(220,60,60,.15)">` + text + `</span>`
		}
		b.WriteString(text)
	}
	b.WriteString(`</pre>`)
	return b.String()
}

// Cells returns the cells that the session had executed when the run ended or was last seen, in the order of their
// starts: those of the last life, as in Summary.Code. A program that is no notebook has none.
func (r *Run) Cells() ([]Cell, error) {
	c, err := r.scan()
	return c.cells, err
}

// Output returns what was printed while the run was open: by the cells of a notebook, or through Tee.
func (r *Run) Output() (Output, error) {
	c, err := r.scan()
	return c.output(), err
}

// Tee returns a writer that writes to w and keeps in the run what is written, as that of standard error if w is
// os.Stderr and else as that of standard output. It is for programs that are no notebook, whose standard streams
// a run does not touch:
//
//	log.SetOutput(run.Tee(os.Stderr))
func (r *Run) Tee(w io.Writer) io.Writer {
	stream := printed.Stdout
	if w == os.Stderr {
		stream = printed.Stderr
	}
	return tee{r, w, stream}
}

type tee struct {
	run    *Run
	w      io.Writer
	stream string
}

// Write writes b.
func (t tee) Write(b []byte) (int, error) {
	if w := t.run.writer(); w != nil {
		if x := w.witness.Load(); x != nil && x.output != nil {
			x.output.Write(t.stream, b)
		}
	}
	return t.w.Write(b)
}

// A scanned log is what a Summary leaves out, but for the points.
type scanned struct {
	cells  []Cell
	texts  map[string]Cell // by digest
	pieces [][]printed.Piece
}

// scan reads the cells and the output of r.
func (r *Run) scan() (scanned, error) {
	c := scanned{texts: map[string]Cell{}}
	err := r.eachRecord(func(kind byte, payload []byte) error {
		switch kind {
		case kindEvent:
			var e struct{ Life *struct{} }
			if strings.Contains(string(payload), `"life":`) && json.Unmarshal(payload, &e) == nil && e.Life != nil {
				c.cells = nil
			}
		case kindCells:
			var cells []Cell
			if json.Unmarshal(payload, &cells) == nil { // else a later version wrote it
				c.addCells(cells)
			}
		case kindPrinted:
			var p printed.Piece
			if json.Unmarshal(payload, &p) == nil {
				c.addPiece(p)
			}
		}
		return nil
	})
	return c, err
}

func (c *scanned) addCells(cells []Cell) {
	for _, cell := range cells {
		if cell.Text != "" || cell.LeftOut != "" {
			c.texts[cell.Digest] = cell
		} else {
			cell.Text, cell.LeftOut = c.texts[cell.Digest].Text, c.texts[cell.Digest].LeftOut
		}
		c.cells = append(c.cells, cell)
	}
}

func (c *scanned) addPiece(p printed.Piece) {
	if n := len(c.pieces) - 1; n >= 0 && c.pieces[n][0].Of == p.Of {
		c.pieces[n] = append(c.pieces[n], p)
		return
	}
	c.pieces = append(c.pieces, []printed.Piece{p})
}

func (c *scanned) output() Output {
	var out Output
	for _, pieces := range c.pieces {
		for _, p := range printed.Join(pieces) {
			out = append(out, Printed{p.Stream, p.Skipped, p.Text})
		}
	}
	return out
}

// content returns the records of cells and output for the log of a run that is over.
func content(buf []byte, c Content, of time.Time) []byte {
	if len(c.Cells) > 0 {
		known := map[string]bool{}
		cells := make([]Cell, len(c.Cells))
		for i, cell := range c.Cells {
			if known[cell.Digest] {
				cell.Text, cell.LeftOut = "", ""
			}
			known[cell.Digest] = true
			cells[i] = cell
		}
		for _, batch := range batches(cells) {
			buf = appendJSON(buf, kindCells, batch)
		}
	}
	if len(c.Output) > 0 {
		var parts []printed.Part
		for _, p := range c.Output {
			parts = append(parts, printed.Part{Skipped: p.Skipped, Stream: p.Stream, Text: p.Text})
		}
		buf = appendJSON(buf, kindPrinted, printed.Split(of.UnixNano(), parts))
	}
	return buf
}

// appendJSON appends a record of a value.
func appendJSON(buf []byte, kind byte, v any) []byte {
	payload, err := json.Marshal(v)
	if err != nil { // no record holds a value that JSON lacks
		panic("worklog: a record has no JSON form: " + err.Error())
	}
	return framed.Append(buf, kind, payload)
}

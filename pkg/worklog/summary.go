package worklog

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog/internal/framed"
	"github.com/lathe-go/lathe/pkg/worklog/internal/page"
	"github.com/lathe-go/lathe/pkg/worklog/internal/usage"
)

// A Summary is what is known of a run without its points.
type Summary struct {
	ID         metric.RunID  `json:"id"`
	Name       string        `json:"name"`
	Type       string        `json:"type,omitempty"` // of the parameters, as the user named it
	Params     []Param       `json:"params,omitempty"`
	Seed       *int64        `json:"seed,omitempty"` // nil if none was told
	Tags       []string      `json:"tags,omitempty"`
	Notes      []Remark      `json:"notes,omitempty"`
	Verdict    string        `json:"verdict,omitempty"` // the last one
	Question   string        `json:"question,omitempty"`
	Hypothesis string        `json:"hypothesis,omitempty"`
	State      State         `json:"state"`
	Error      string        `json:"error,omitempty"` // of a run that failed or was interrupted
	Began      time.Time     `json:"began"`
	Ended      time.Time     `json:"ended"` // the end, or the last sign of life
	Duration   time.Duration `json:"took"`  // at work: pauses between lives do not count
	Lives      int           `json:"lives"` // one, and one more for each time that it went on
	Code       Code          `json:"code"`  // of the last life, as Env
	Env        Env           `json:"env"`
	Files      []File        `json:"files,omitempty"`
	Data       []Data        `json:"data,omitempty"`
	Metrics    []Series      `json:"metrics,omitempty"` // in the order in which they first came
	System     []Series      `json:"system,omitempty"`  // use of the machine: the metrics whose names begin with "system/"
	Points     int           `json:"points"`            // of Metrics
	Lost       int           `json:"lost,omitempty"`    // points that could not be written
	Damage     int64         `json:"damage,omitempty"`  // bytes at the end of the log that cannot be read
}

// A Param is one leaf of the value that described a run: its path in that value, the name of its type
// and its value as text. The text of a number is exact: ParseFloat and ParseInt give the same bits
// back, and NaN, infinities and the last digit of an int64 survive.
type Param struct {
	Path  string `json:"path"`  // for instance "Optimizer.LR"
	Type  string `json:"type"`  // for instance "float64"
	Value string `json:"value"` // for instance "0.001"
}

// Float returns p as a number, and whether it is one.
func (p Param) Float() (float64, bool) {
	f, err := strconv.ParseFloat(p.Value, 64)
	return f, err == nil
}

// Int returns p as an integer, and whether it is one.
func (p Param) Int() (int64, bool) {
	n, err := strconv.ParseInt(p.Value, 10, 64)
	return n, err == nil
}

// A Remark is a note and its time.
type Remark struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// Param returns the parameter at path, and whether there is one.
func (s Summary) Param(path string) (Param, bool) {
	for _, p := range s.Params {
		if p.Path == path {
			return p, true
		}
	}
	return Param{}, false
}

// Metric returns the series of a name, and whether there is one. Those of System have names too.
func (s Summary) Metric(name string) (Series, bool) {
	for _, m := range *s.seriesOf(name) {
		if m.Name == name {
			return m, true
		}
	}
	return Series{}, false
}

// An aggregate is a summary in the making, with what is needed to go on where reading stopped.
type aggregate struct {
	Summary Summary       `json:"summary"`
	Offset  int64         `json:"offset"` // up to which the file is read
	Cuts    []cut         `json:"cuts,omitempty"`
	Top     metric.Step   `json:"top"`    // the last step of any point
	Owner   owner         `json:"owner"`  // of the last life
	Born    int64         `json:"born"`   // when the last life began
	Before  time.Duration `json:"before"` // how long the earlier lives took
	index   map[string]int
}

// A cut voids the points before Offset whose step is At or later.
type cut struct {
	Offset int64       `json:"offset"`
	At     metric.Step `json:"at"`
}

// voids reports whether a point of a block at offset was taken back later.
func voids(cuts []cut, offset int64, step metric.Step) bool {
	for _, c := range cuts {
		if offset < c.Offset && step >= c.At {
			return true
		}
	}
	return false
}

var errRescan = errors.New("earlier points became void")

// errEmpty means that a file holds no run: its process was killed before the first record was out.
var errEmpty = errors.New("no run")

// summarize reads the log at path from where prev stopped, or from the start. It returns errEmpty if the
// log holds not even a start.
func summarize(path string, prev *aggregate) (*aggregate, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return condense(file, info.Size(), prev)
}

// condense reads a log of size bytes as summarize does.
func condense(log io.ReadSeeker, size int64, prev *aggregate) (*aggregate, error) {
	agg := prev
	if agg == nil {
		agg = &aggregate{}
	}
	err := agg.read(log, nil)
	for errors.Is(err, errRescan) {
		agg = &aggregate{Cuts: agg.Cuts}
		err = agg.read(log, nil)
	}
	agg.Summary.Damage = size - agg.Offset
	if err == nil && agg.Summary.ID == "" {
		err = errEmpty
	}
	return agg, err
}

// read takes in the records from a.Offset on, and calls tap, unless it is nil, with every point that holds.
func (a *aggregate) read(log io.ReadSeeker, tap func(point)) error {
	return eachRecord(log, &a.Offset, func(at int64, kind byte, payload []byte) error {
		switch kind {
		case kindEvent:
			var e event
			if err := json.Unmarshal(payload, &e); err != nil {
				return nil // its checksum holds: a later version wrote it
			}
			return a.event(at, e)
		case kindPoints:
			return decodePoints(payload, func(p point) {
				if a.point(at, p) && tap != nil {
					tap(p)
				}
			})
		}
		return nil
	})
}

// eachRecord calls each with the place of every record from *offset on, 0 being the start of the file,
// and moves *offset behind it.
func eachRecord(log io.ReadSeeker, offset *int64, each func(at int64, kind byte, payload []byte) error) error {
	if _, err := log.Seek(*offset, io.SeekStart); err != nil {
		return err
	}
	if *offset == 0 {
		head := make([]byte, len(magic))
		if _, err := io.ReadFull(log, head); err != nil || string(head) != magic {
			return nil // not a byte of it is valid
		}
		*offset = int64(len(magic))
	}
	records, base := framed.NewReader(log), *offset
	for {
		at := *offset
		kind, payload, ok := records.Next()
		if !ok {
			return records.Err()
		}
		*offset = base + records.Valid()
		if err := each(at, kind, payload); err != nil {
			return err
		}
	}
}

func (a *aggregate) event(at int64, e event) error {
	s := &a.Summary
	when := time.Unix(0, e.Time)
	if e.Start != nil {
		s.ID, s.Name, s.Type = e.Start.ID, e.Start.Name, e.Start.Type
		s.Params, s.Seed, s.Began = e.Start.Params, e.Start.Seed, when
		s.Question, s.Hypothesis = e.Start.Question, e.Start.Hypothesis
	}
	if e.Life != nil {
		if err := a.life(at, e); err != nil {
			return err
		}
	}
	if e.Code != nil {
		s.Code = *e.Code
	}
	if e.Note != "" {
		s.Notes = append(s.Notes, Remark{when, e.Note})
	}
	if e.Verdict != "" {
		s.Verdict = e.Verdict
	}
	s.Tags = append(s.Tags, e.Tags...)
	for name, value := range e.Facts {
		if s.Env.Facts == nil {
			s.Env.Facts = map[string]string{}
		}
		s.Env.Facts[name] = value
	}
	if e.File != nil {
		s.Files = append(s.Files, *e.File)
	}
	if e.Data != nil {
		s.Data = append(s.Data, *e.Data)
	}
	s.Lost += e.Lost
	if !e.Aside {
		a.alive(e.Time)
	}
	if e.End != nil {
		s.State, s.Error = e.End.State, e.End.Error
	}
	return nil
}

// life begins a life of the run.
func (a *aggregate) life(at int64, e event) error {
	s := &a.Summary
	if from := e.Life.From; from != nil && *from <= a.Top && !knows(a.Cuts, at) {
		a.Cuts = append(a.Cuts, cut{at, *from})
		return errRescan
	}
	facts := s.Env.Facts
	s.Code, s.Env = e.Life.Code, e.Life.Env
	s.Env.Facts = facts
	s.Lives++
	s.State, s.Error = Running, ""
	a.Owner, a.Born, a.Before = e.Life.Owner, e.Time, s.Duration
	return nil
}

func knows(cuts []cut, offset int64) bool {
	for _, c := range cuts {
		if c.Offset == offset {
			return true
		}
	}
	return false
}

// alive takes note of a sign of life at t. A clock that was set back prolongs nothing, and shortens nothing.
func (a *aggregate) alive(t int64) {
	s := &a.Summary
	if when := time.Unix(0, t); when.After(s.Ended) {
		s.Ended = when
	}
	s.Duration = max(s.Duration, a.Before+time.Duration(t-a.Born))
}

// seriesOf returns the list in which the metric of a name stands.
func (s *Summary) seriesOf(name string) *[]Series {
	if strings.HasPrefix(name, usage.Prefix) {
		return &s.System
	}
	return &s.Metrics
}

// point takes a point in, unless it was taken back later.
func (a *aggregate) point(at int64, p point) (holds bool) {
	a.alive(p.time)
	if voids(a.Cuts, at, p.step) {
		return false
	}
	s := &a.Summary
	if a.index == nil {
		a.index = map[string]int{}
		for _, list := range [][]Series{s.Metrics, s.System} {
			for i, m := range list {
				a.index[m.Name] = i
			}
		}
	}
	list := s.seriesOf(p.name)
	i, ok := a.index[p.name]
	if !ok {
		i = len(*list)
		a.index[p.name] = i
		*list = append(*list, Series{Name: p.name})
	}
	(*list)[i].add(p.step, p.value())
	if list == &s.Metrics {
		s.Points++
	}
	a.Top = max(a.Top, p.step)
	return true
}

// now returns the summary as of now: a run whose process is gone is lost.
func (a *aggregate) now(here owner, now time.Time) Summary {
	s := a.Summary
	s.Env.Facts = maps.Clone(s.Env.Facts)
	s.Metrics, s.System = clones(s.Metrics), clones(s.System) // reading on changes them in place
	if s.State == Running && !a.Owner.alive(here, s.Ended, now) {
		s.State = Lost
	}
	if s.State == Running {
		s.Damage = 0 // its last record is just being written
	}
	return s
}

func clones(list []Series) []Series {
	list = slices.Clone(list)
	for i, m := range list {
		list[i].shape = m.shape.Clone()
	}
	return list
}

// points returns the points of one metric, or of all if name is "", in the order of the log.
func points(path, name string, cuts []cut) ([]metric.Point, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var out []metric.Point
	var offset int64
	err = eachRecord(file, &offset, func(at int64, kind byte, payload []byte) error {
		if kind != kindPoints {
			return nil
		}
		return decodePoints(payload, func(p point) {
			if (name == "" || p.name == name) && !voids(cuts, at, p.step) {
				value := math.Float64frombits(p.bits)
				out = append(out, metric.Point{Name: p.name, Step: p.step, Time: time.Unix(0, p.time), Value: value})
			}
		})
	})
	return out, err
}

// HTML returns all that is known of the run, without its points, for a page.
func (r *Run) HTML() string {
	var b strings.Builder
	b.WriteString(r.Summary().grid().HTML())
	all, _ := r.scan() // an error stands in the summary
	if len(all.cells) > 0 {
		fmt.Fprintf(&b, "<details><summary>cells: %d</summary>", len(all.cells))
		for _, c := range all.cells {
			fmt.Fprintf(&b, "<b>%s</b> %s<pre>%s</pre>", html.EscapeString(c.Name), c.Time.Local().Format(time.TimeOnly), html.EscapeString(c.source()))
		}
		b.WriteString("</details>")
	}
	if out := all.output(); len(out) > 0 {
		fmt.Fprintf(&b, "<details><summary>output</summary>%s</details>", out.HTML())
	}
	return b.String()
}

// String returns all that is known of the run, without its points, as text. Cells and output are only counted.
func (r *Run) String() string {
	g := r.Summary().grid()
	all, _ := r.scan() // an error stands in the summary
	if n := len(all.cells); n > 0 {
		g.Rows = append(g.Rows, []page.Cell{page.Plain("cells"), page.Plain(fmt.Sprintf("%d, the last is %s", n, all.cells[n-1].Name))})
	}
	if out := all.output(); len(out) > 0 {
		g.Rows = append(g.Rows, []page.Cell{page.Plain("output"), page.Plain(bytesText(int64(len(out.String()))))})
	}
	return g.Text()
}

// grid lays s out with a line for each thing known.
func (s Summary) grid() page.Grid {
	g := page.Grid{Head: []string{"", ""}}
	add := func(what, text string) {
		if text != "" {
			g.Rows = append(g.Rows, []page.Cell{page.Plain(what), page.Plain(text)})
		}
	}
	add("run", string(s.ID))
	add("name", s.Name)
	add("state", strings.TrimSuffix(string(s.State)+": "+s.Error, ": "))
	add("question", s.Question)
	add("hypothesis", s.Hypothesis)
	add("verdict", s.Verdict)
	if !s.Began.IsZero() {
		add("began", s.Began.Local().Format(time.DateTime+" -0700"))
		add("took", took(s.Duration))
	}
	if s.Lives > 1 {
		add("resumed", fmt.Sprintf("%d times", s.Lives-1))
	}
	if s.Lost > 0 || s.Damage > 0 {
		add("missing", fmt.Sprintf("%d points could not be written, %d bytes of the log are damaged", s.Lost, s.Damage))
	}
	add("tags", strings.Join(s.Tags, " "))
	if s.Seed != nil {
		add("seed", fmt.Sprint(*s.Seed))
	}
	for _, p := range s.Params {
		add("parameter "+p.Path, p.Value)
	}
	addMetrics(&g, s.Metrics)
	addUsage(&g, s.System)
	s.addSurroundings(add)
	for _, n := range s.Notes {
		add("note "+n.Time.Local().Format(time.DateTime), n.Text)
	}
	return g
}

func addMetrics(g *page.Grid, list []Series) {
	for _, m := range list {
		text := fmt.Sprintf("%s at step %d, %d points", metricCell(m, true).Text, m.Last.Step, m.Count)
		if m.NonFinite > 0 {
			text += fmt.Sprintf(", %d of them not finite", m.NonFinite)
		}
		g.Rows = append(g.Rows, []page.Cell{page.Plain("metric " + m.Name), m.picture(text)})
	}
}

// addUsage adds metrics of which the least and the most tell more than the last.
func addUsage(g *page.Grid, list []Series) {
	for _, m := range list {
		text := usage.Text(m.Name, m.Min.Value) + " to " + usage.Text(m.Name, m.Max.Value)
		g.Rows = append(g.Rows, []page.Cell{page.Plain(m.Name), m.picture(text)})
	}
}

// picture shows the shape of s before a text.
func (s Series) picture(text string) page.Cell {
	return page.Cell{Text: s.shape.Text() + "  " + text, HTML: s.shape.SVG() + " " + html.EscapeString(text)}
}

func (s Summary) addSurroundings(add func(what, text string)) {
	for _, d := range s.Data {
		add("data "+d.Name, d.Digest)
	}
	for _, f := range s.Files {
		text := f.Error
		if text == "" {
			text = fmt.Sprintf("%s, %s, sha256 %s", bytesText(f.Size), f.ModTime.Local().Format(time.DateTime), f.SHA256)
		}
		add("file "+f.Path, text)
	}
	add("commit", strings.TrimSpace(s.Code.Commit+" "+s.Code.Branch))
	add("changed files", strings.Join(s.Code.Changed, " "))
	for _, l := range s.Code.LeftOut {
		add("not recorded", fmt.Sprintf("%s, %s", l.Path, l.Why))
	}
	add("code unknown", s.Code.Unknown)
	env := envMap(s.Env)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		add(name, env[name])
	}
}

package worklog

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/worklog/internal/page"
)

// HTML returns all that is known of the run, without its points, for a page.
func (r *Run) HTML() string { return r.Summary().grid().HTML() }

// String returns all that is known of the run, without its points, as text.
func (r *Run) String() string { return r.Summary().grid().Text() }

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
	s.addMetrics(&g)
	s.addSurroundings(add)
	for _, n := range s.Notes {
		add("note "+n.Time.Local().Format(time.DateTime), n.Text)
	}
	return g
}

func (s Summary) addMetrics(g *page.Grid) {
	for _, m := range s.Metrics {
		text := fmt.Sprintf("%s at step %d, %d points", metricCell(m, true).Text, m.Last.Step, m.Count)
		if m.NonFinite > 0 {
			text += fmt.Sprintf(", %d of them not finite", m.NonFinite)
		}
		picture := page.Cell{Text: m.shape.Text() + "  " + text, HTML: m.shape.SVG() + " " + html.EscapeString(text)}
		g.Rows = append(g.Rows, []page.Cell{page.Plain("metric " + m.Name), picture})
	}
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

package exchange

import (
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
	"github.com/lathe-go/lathe/pkg/worklog/internal/page"
	"github.com/lathe-go/lathe/pkg/worklog/internal/usage"
)

// A section is a part of the page of a run: lines of text, a table, then texts as they are.
type section struct {
	title  string
	lines  []string
	table  page.Grid
	blocks []block
	text   worklog.Output
}

// A block is the source of a cell.
type block struct{ title, text string }

// row adds a row to the section's table, but for one that has only a name.
func (s *section) row(cells ...string) {
	if len(cells) == 2 && cells[1] == "" {
		return
	}
	var row []page.Cell
	for _, c := range cells {
		row = append(row, page.Plain(c))
	}
	s.table.Rows = append(s.table.Rows, row)
}

// story tells a run from why it was made to what it showed.
func story(run *worklog.Run) ([]section, error) {
	points, err := run.Points("")
	sources, errCells := run.Cells()
	output, errOutput := run.Output()
	if err := errors.Join(err, errCells, errOutput); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	s := run.Summary()
	head := section{title: s.Name}
	line := fmt.Sprintf("Run %s: %s after %s, begun %s.", s.ID, s.State, s.Duration.Round(time.Millisecond), s.Began.Local().Format(time.DateTime+" -0700"))
	head.lines = []string{line}
	for _, l := range [][2]string{{"Error", s.Error}, {"Question", s.Question}, {"Hypothesis", s.Hypothesis}, {"Tags", strings.Join(s.Tags, ", ")}} {
		if l[1] != "" {
			head.lines = append(head.lines, l[0]+": "+l[1])
		}
	}
	if s.Lost > 0 || s.Damage > 0 {
		head.lines = append(head.lines, fmt.Sprintf("%d points could not be written, %d bytes of the log are damaged.", s.Lost, s.Damage))
	}
	sections := []section{head, {title: "Notes", lines: notes(s)}, {title: "Verdict"}, parameters(s),
		metrics("Metrics", s.Metrics, points), code(s), cells(sources), files(s), environment(s), machine(s.System, points),
		{title: "Output", text: output}}
	if s.Verdict != "" {
		sections[2].lines = []string{s.Verdict}
	}
	return slices.DeleteFunc(sections, func(s section) bool { return len(s.lines)+len(s.table.Rows)+len(s.blocks)+len(s.text) == 0 }), nil
}

func notes(s worklog.Summary) []string {
	var out []string
	for _, n := range s.Notes {
		out = append(out, n.Time.Local().Format(time.DateTime)+": "+n.Text)
	}
	return out
}

func parameters(s worklog.Summary) section {
	out := section{title: "Parameters", table: page.Grid{Head: []string{"parameter", "value", "type"}}}
	for _, p := range s.Params {
		out.row(p.Path, p.Value, p.Type)
	}
	if _, ok := s.Param("Seed"); s.Seed != nil && !ok {
		out.row("seed", strconv.FormatInt(*s.Seed, 10), "int64")
	}
	return out
}

func metrics(title string, list []worklog.Series, points []metric.Point) section {
	shapes := map[string]*page.Shape{}
	for _, p := range points {
		if shapes[p.Name] == nil {
			shapes[p.Name] = page.Wide()
		}
		shapes[p.Name].Add(p.Value)
	}
	out := section{title: title, table: page.Grid{Head: []string{"metric", "curve", "last", "best", "at step", "min", "max", "points", "not finite"}}}
	for _, m := range list {
		odd := ""
		if m.NonFinite > 0 {
			odd = strconv.Itoa(m.NonFinite)
		}
		best := m.Best()
		out.row(m.Name, "", text(m.Last.Value), text(best.Value), strconv.Itoa(best.Step), text(m.Min.Value), text(m.Max.Value), strconv.Itoa(m.Count), odd)
		if h := shapes[m.Name]; h != nil {
			out.table.Rows[len(out.table.Rows)-1][1] = page.Cell{Text: h.Text(), HTML: h.SVG()}
		}
	}
	return out
}

// machine shows use of the machine, of which the least and the most tell more than the last.
func machine(list []worklog.Series, points []metric.Point) section {
	out := metrics("Use of the machine", list, points)
	out.table.Head = []string{"", "over time", "least", "most", "at the end"}
	for i, m := range list {
		row := []page.Cell{page.Plain(m.Name), out.table.Rows[i][1]}
		for _, v := range []float64{m.Min.Value, m.Max.Value, m.Last.Value} {
			row = append(row, page.Plain(usage.Text(m.Name, v)))
		}
		out.table.Rows[i] = row
	}
	return out
}

// text writes a value with the digits that a page has room for.
func text(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func code(s worklog.Summary) section {
	out := section{title: "Code", table: page.Grid{Head: []string{"", ""}}}
	out.row("commit", s.Code.Commit)
	out.row("branch", s.Code.Branch)
	out.row("changed files", strings.Join(s.Code.Changed, " "))
	out.row("digest of the changes", s.Code.Digest)
	out.row("source tree", s.Code.Tree)
	out.row("kept as commit", s.Code.Record)
	for _, l := range s.Code.LeftOut {
		out.row("left out", fmt.Sprintf("%s, %d bytes: %s", l.Path, l.Size, l.Why))
	}
	if s.Code.LeftMore > 0 {
		out.row("left out", fmt.Sprintf("%d more", s.Code.LeftMore))
	}
	out.row("go.mod and go.sum", s.Code.Module)
	out.row("unknown", s.Code.Unknown)
	return out
}

// cells shows the source of each cell once, under the names and times of all its executions.
func cells(list []worklog.Cell) section {
	out := section{title: "Cells"}
	place := map[string]int{}
	for _, c := range list {
		name := c.Name + " " + c.Time.Local().Format(time.TimeOnly)
		if i, ok := place[c.Digest]; ok {
			out.blocks[i].title += ", " + name
			continue
		}
		place[c.Digest] = len(out.blocks)
		text := c.Text
		if c.LeftOut != "" {
			text = "(not recorded: " + c.LeftOut + ")"
		}
		out.blocks = append(out.blocks, block{name, text})
	}
	return out
}

func files(s worklog.Summary) section {
	out := section{title: "Data and files", table: page.Grid{Head: []string{"name", "bytes", "changed", "digest"}}}
	for _, d := range s.Data {
		out.row(d.Name, "", "", d.Digest)
	}
	for _, f := range s.Files {
		if f.Error != "" {
			out.row(f.Path, "", "", f.Error)
			continue
		}
		out.row(f.Path, strconv.FormatInt(f.Size, 10), f.ModTime.Local().Format(time.DateTime), f.SHA256)
	}
	return out
}

func environment(s worklog.Summary) section {
	out := section{title: "Environment", table: page.Grid{Head: []string{"", ""}}}
	e := s.Env
	out.row("go", strings.TrimSpace(e.Go+" "+e.OS))
	out.row("host", e.Host)
	out.row("cpu", e.CPU)
	if e.CPUs > 0 {
		out.row("processors", strconv.Itoa(e.CPUs))
	}
	if e.Memory > 0 {
		out.row("memory", fmt.Sprintf("%.1f GiB", float64(e.Memory)/(1<<30)))
	}
	for _, more := range []map[string]string{e.Facts, e.Modules} {
		for _, name := range slices.Sorted(maps.Keys(more)) {
			out.row(name, more[name])
		}
	}
	return out
}

const pageHead = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%s</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em}h1{margin-bottom:.2em}h2{margin:1.2em 0 .3em;font-size:1.1em}
p{margin:.3em 0;white-space:pre-wrap}pre{tab-size:4;margin:.3em 0;padding:.4em .8em;overflow-x:auto;background:rgba(128,128,128,.1)}summary{font-size:85%%;opacity:.7}article+article{border-top:2px solid;margin-top:3em}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}</style></head><body>
`

// HTML writes one page that tells each run. It holds no script and loads nothing.
func HTML(w io.Writer, runs []*worklog.Run) error {
	title := "Runs"
	if len(runs) == 1 {
		title = runs[0].Name()
	}
	var b strings.Builder
	fmt.Fprintf(&b, pageHead, html.EscapeString(title))
	for _, run := range runs {
		sections, err := story(run)
		if err != nil {
			return err
		}
		b.WriteString("<article>\n")
		for i, s := range sections {
			level := min(i+1, 2)
			fmt.Fprintf(&b, "<h%d>%s</h%d>\n", level, html.EscapeString(s.title), level)
			for _, line := range s.lines {
				b.WriteString("<p>" + html.EscapeString(line) + "</p>\n")
			}
			if len(s.table.Rows) > 0 {
				b.WriteString(s.table.HTML() + "\n")
			}
			for _, c := range s.blocks {
				fmt.Fprintf(&b, "<details open><summary>%s</summary><pre>%s</pre></details>\n", html.EscapeString(c.title), html.EscapeString(c.text))
			}
			if len(s.text) > 0 {
				b.WriteString(s.text.HTML() + "\n")
			}
		}
		b.WriteString("</article>\n")
	}
	b.WriteString("</body></html>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Markdown writes what HTML writes, with curves drawn of characters.
func Markdown(w io.Writer, runs []*worklog.Run) error {
	var b strings.Builder
	for _, run := range runs {
		sections, err := story(run)
		if err != nil {
			return err
		}
		for i, s := range sections {
			b.WriteString(strings.Repeat("#", min(i+1, 2)) + " " + markdown(s.title) + "\n\n")
			for _, line := range s.lines {
				b.WriteString(markdown(line) + "\n\n")
			}
			if len(s.table.Rows) > 0 {
				markdownTable(&b, s.table)
			}
			for _, c := range s.blocks {
				b.WriteString(markdown(c.title) + "\n\n" + fenced("go", c.text))
			}
			if len(s.text) > 0 {
				b.WriteString(fenced("", s.text.String()))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownTable(b *strings.Builder, g page.Grid) {
	b.WriteString("| " + strings.Join(g.Head, " | ") + " |\n" + strings.Repeat("| --- ", len(g.Head)) + "|\n")
	for _, row := range g.Rows {
		for _, c := range row {
			b.WriteString("| " + strings.ReplaceAll(markdown(c.Text), "\n", " ") + " ")
		}
		b.WriteString("|\n")
	}
	b.WriteString("\n")
}

// fenced returns text as a block of code, between fences that it does not contain.
func fenced(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + strings.TrimSuffix(text, "\n") + "\n" + fence + "\n\n"
}

// special are the characters that mean something in Markdown.
var special = strings.NewReplacer(`\`, `\\`, `|`, `\|`, "`", "\\`", `*`, `\*`, `_`, `\_`, `<`, `&lt;`, `&`, `&amp;`, `[`, `\[`, `]`, `\]`, `#`, `\#`)

// markdown returns text as Markdown that shows it as it is.
func markdown(text string) string { return special.Replace(text) }

package notebook

import (
	"cmp"
	_ "embed"
	"fmt"
	"html"
	"html/template"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// ReportOptions say how a report is made.
type ReportOptions struct {
	Name string // the file name of the notebook, for a notebook without a heading
	Dir  string // the folder that images of Markdown cells are relative to
}

// Report writes nb as one HTML page that shows its cells and their stored outputs and loads nothing:
// styles and images stand in it, and it forbids the browser to fetch anything else. It shows every
// picture without a script; scripts that outputs bring along are kept. HTML in outputs and Markdown
// is embedded as it is, so a report is to be trusted as far as its notebook is.
func Report(w io.Writer, nb *Notebook, opts ReportOptions) error {
	r := reporter{md: newMarkdown(opts.Dir), language: nb.language()}
	p := page{Style: template.CSS(reportCSS), Name: filepath.Base(opts.Name)}
	for _, c := range nb.Cells {
		if c.HasTag("remove-cell") || c.HasTag("remove_cell") {
			continue
		}
		v, err := r.cell(c)
		if err != nil {
			return fmt.Errorf("report: cell %q: %w", c.ID, err)
		}
		p.Cells = append(p.Cells, v)
	}
	p.Title = p.Name
	for _, h := range r.md.headings {
		if h.Level == 1 {
			p.Title = h.Text
			break
		}
	}
	p.Contents = contents(r.md.headings)
	p.Facts = nb.facts()
	if err := reportTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

//go:embed report.css
var reportCSS string

//go:embed report.html
var reportHTML string

var reportTemplate = template.Must(template.New("report").Parse(reportHTML))

// A page is what the template shows.
type page struct {
	Title, Name string
	Style       template.CSS
	Contents    []heading
	Facts       []string
	Cells       []cellView
}

// A cellView is one cell as the template shows it.
type cellView struct {
	Type    CellType
	ID      string
	Body    template.HTML // the text, or the code in colours; empty if it is not to be shown
	Folded  bool          // the code is behind a click
	Count   int
	Took    string
	Outputs []outputView
}

// An outputView is one output as the template shows it.
type outputView struct {
	Class string
	Block bool // Body is block content; else preformatted text
	Body  template.HTML
}

// A reporter makes the views of the cells of one notebook.
type reporter struct {
	md       *markdown
	language string // of the code cells
}

// cell returns the view of c.
func (r *reporter) cell(c *Cell) (cellView, error) {
	v := cellView{Type: c.Type, ID: c.ID, Count: c.ExecutionCount}
	switch c.Type {
	case Markdown:
		attachments, _ := c.extra["attachments"].(map[string]any)
		body, err := r.md.render(c.Source, attachments)
		v.Body = template.HTML(body)
		return v, err
	case Raw:
		v.Body = template.HTML(html.EscapeString(c.Source))
		return v, nil
	}
	if took, ok := c.Took(); ok {
		v.Took = tookText(took)
	}
	if !c.HasTag("remove-input") && !c.HasTag("remove_input") {
		v.Body = template.HTML(highlight(c.Source, r.language))
	}
	jupyter, _ := c.Metadata["jupyter"].(map[string]any)
	v.Folded = jupyter["source_hidden"] == true || c.HasTag("hide-input")
	if c.HasTag("remove-output") || c.HasTag("remove_output") {
		return v, nil
	}
	for _, o := range c.Outputs {
		ov, err := r.output(o)
		if err != nil {
			return v, err
		}
		v.Outputs = append(v.Outputs, ov)
	}
	return v, nil
}

// output returns the view of o.
func (r *reporter) output(o *Output) (outputView, error) {
	switch o.Type {
	case Stream:
		return outputView{"stream " + streamClass(o.Name), false, template.HTML(ansiHTML(o.Text))}, nil
	case Error:
		return outputView{"error", false, template.HTML(ansiHTML(o.PlainText()))}, nil
	}
	switch kind, content := o.best(); kind {
	case "text/html":
		class := "html"
		if drawnForPaper(content) {
			class = "html paper"
		}
		return outputView{class, true, template.HTML(content)}, nil
	case "text/markdown":
		body, err := r.md.render(content, nil)
		return outputView{"prose", true, template.HTML(body)}, err
	case "image/svg+xml":
		// As an image of its own, so that its IDs and styles stay apart from those of its neighbours.
		address := "data:image/svg+xml," + escapeData(content)
		return outputView{"image", true, o.image(address)}, nil
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return outputView{"image", true, o.image(string(dataAddress(kind, content)))}, nil
	case "text/latex":
		return outputView{"math", true, template.HTML(mathHTML(strings.Trim(content, "$ \n"), true))}, nil
	default:
		return outputView{"text", false, template.HTML(ansiHTML(o.PlainText()))}, nil
	}
}

// streamClass returns the class of a stream; what is not stdout is shown as stderr.
func streamClass(name string) string {
	if name == "stdout" {
		return name
	}
	return "stderr"
}

// forms are the MIME types that a report shows, the best first.
var forms = []string{
	"text/html", "image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp",
	"text/markdown", "text/latex", "text/plain",
}

// best returns the form of o to show. HTML whose scripts draw what it shows gives way to a picture.
func (o *Output) best() (kind, content string) {
	for _, form := range forms {
		s, ok := o.Data[form].(string)
		if !ok || s == "" && form != "text/plain" {
			continue
		}
		if form == "text/html" && needsScript(s) && o.hasPicture() {
			continue
		}
		return form, s
	}
	return "", ""
}

// hasPicture reports whether o has a form that is a picture.
func (o *Output) hasPicture() bool {
	for _, form := range forms[1:6] {
		if s, ok := o.Data[form].(string); ok && s != "" {
			return true
		}
	}
	return false
}

var (
	scripts = regexp.MustCompile(`(?is)<script\b.*?(</script\s*>|$)`)
	visible = regexp.MustCompile(`(?i)<(svg|img|table|picture|video|math)\b`)
	tables  = regexp.MustCompile(`(?i)<table\b`)
)

// drawnForPaper reports whether HTML holds pictures that were made for a white page, which is what they
// are unless they take their colour from the text around them.
func drawnForPaper(s string) bool {
	pictures := visible.MatchString(tables.ReplaceAllString(s, "")) || scripts.MatchString(s)
	return pictures && !strings.Contains(s, "currentColor")
}

// needsScript reports whether HTML shows no picture or table once its scripts are gone.
func needsScript(s string) bool {
	static := scripts.ReplaceAllString(s, "")
	return len(static) != len(s) && !visible.MatchString(static)
}

// image returns an image with the alternative text of the output, and its size where it has one.
func (o *Output) image(address string) template.HTML {
	alt, _ := o.Data["text/plain"].(string)
	size := ""
	for _, v := range o.Metadata {
		m, _ := v.(map[string]any)
		for _, side := range []string{"width", "height"} {
			if n, ok := m[side]; ok {
				size += fmt.Sprintf(` %s="%s"`, side, html.EscapeString(fmt.Sprint(n)))
			}
		}
	}
	return template.HTML(fmt.Sprintf(`<img src="%s" alt="%s"%s>`, html.EscapeString(address), html.EscapeString(alt), size))
}

// escapeData escapes the text of a data URL.
func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "#", "%23", "\n", "%0A", "\r", "", "\t", "%09").Replace(s)
}

// language returns the language of the code cells.
func (nb *Notebook) language() string {
	info, _ := nb.Metadata["language_info"].(map[string]any)
	spec, _ := nb.Metadata["kernelspec"].(map[string]any)
	name, _ := info["name"].(string)
	language, _ := spec["language"].(string)
	return cmp.Or(name, language, "go")
}

// facts returns what a reader wants to know about how the outputs came to be.
func (nb *Notebook) facts() []string {
	var facts []string
	spec, _ := nb.Metadata["kernelspec"].(map[string]any)
	if name, _ := spec["display_name"].(string); name != "" {
		facts = append(facts, name)
	}
	var last time.Time
	var total time.Duration
	failed := 0
	for _, c := range nb.Cells {
		times, _ := c.Metadata["execution"].(map[string]any)
		if t, ok := parseTime(times["shell.execute_reply"]); ok && t.After(last) {
			last = t
		}
		took, _ := c.Took()
		total += took
		if c.Failed() {
			failed++
		}
	}
	if !last.IsZero() {
		facts = append(facts, "run "+last.UTC().Format("2 January 2006, 15:04 UTC"), "in "+tookText(total))
	}
	if failed == 1 {
		facts = append(facts, "1 cell failed")
	} else if failed > 1 {
		facts = append(facts, fmt.Sprintf("%d cells failed", failed))
	}
	return facts
}

// tookText writes a duration for a reader.
func tookText(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// contents returns the headings to list: the three uppermost levels, without a single title.
func contents(all []heading) []heading {
	titles := 0
	for _, h := range all {
		if h.Level == 1 {
			titles++
		}
	}
	var list []heading
	for _, h := range all {
		if h.Level > 3 || h.Level == 1 && titles == 1 {
			continue
		}
		list = append(list, h)
	}
	if len(list) < 2 {
		return nil
	}
	return list
}

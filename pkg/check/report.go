package check

import (
	"errors"
	"fmt"
	"html"
	"strings"
	"time"
)

// A Verdict is what came of a check.
type Verdict string

// Skip stands for a check that could not be made, or that was not reached; its reason is in Measured.
const (
	Pass Verdict = "pass"
	Warn Verdict = "warn"
	Fail Verdict = "fail"
	Skip Verdict = "skip"
)

// A Check is one line of a report.
type Check struct {
	Name     string
	Verdict  Verdict
	Measured string
	Expected string
	Advice   string // what to do; empty if all is well
	Took     time.Duration

	picture string // HTML; may be empty
}

// A Report is what [Preflight] found.
type Report struct {
	Model       string
	Checks      []Check
	Notes       []string
	Interrupted bool // it was stopped; the checks not reached are marked as skipped
	Took        time.Duration
}

// Check returns the line of that name, or nil.
func (r *Report) Check(name string) *Check {
	for i := range r.Checks {
		if r.Checks[i].Name == name {
			return &r.Checks[i]
		}
	}
	return nil
}

// Verdict returns the worst verdict of all checks; what was skipped does not count.
func (r *Report) Verdict() Verdict {
	worst := Pass
	for _, c := range r.Checks {
		if c.Verdict == Fail || c.Verdict == Warn && worst == Pass {
			worst = c.Verdict
		}
	}
	return worst
}

// Err returns an error that names every check that failed, or nil: for programs that are to stop there.
func (r *Report) Err() error {
	var failed []error
	for _, c := range r.Checks {
		if c.Verdict == Fail {
			failed = append(failed, fmt.Errorf("%s: %s", c.Name, c.Measured))
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("check: preflight of %q failed: %w", r.Model, errors.Join(failed...))
}

// headline says what came of it in one line.
func (r *Report) headline() string {
	count := map[Verdict]int{}
	for _, c := range r.Checks {
		count[c.Verdict]++
	}
	text := fmt.Sprintf("Preflight of %s: %d passed", r.Model, count[Pass])
	for _, v := range []struct {
		verdict Verdict
		word    string
	}{{Warn, "to look at"}, {Fail, "failed"}, {Skip, "not made"}} {
		if n := count[v.verdict]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, v.word)
		}
	}
	text += fmt.Sprintf(", in %s", r.Took.Round(100*time.Millisecond))
	if r.Interrupted {
		text += "; it was interrupted"
	}
	return text
}

// String returns the report as text.
func (r *Report) String() string {
	var b strings.Builder
	b.WriteString(r.headline())
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "\n  %-4s  %-22s  %s", c.Verdict, c.Name, c.Measured)
		if c.Verdict != Pass && c.Expected != "" {
			fmt.Fprintf(&b, "\n        expected: %s", c.Expected)
		}
		if c.Advice != "" {
			fmt.Fprintf(&b, "\n        to do: %s", c.Advice)
		}
	}
	for _, n := range r.Notes {
		b.WriteString("\n  note: " + n)
	}
	return b.String()
}

// verdictColours are those of the badges, legible on light and on dark pages with white letters.
var verdictColours = map[Verdict]string{Pass: "#2e7d32", Warn: "#b26a00", Fail: "#c62828", Skip: "#6b7280"}

const (
	tableStyle = "border-collapse:collapse;font-size:var(--jp-code-font-size,13px)"
	cellStyle  = "text-align:left;vertical-align:top;padding:0.35em 0.8em;border-bottom:1px solid rgba(128,128,128,.3)"
	quietStyle = "opacity:.75"
)

// HTML returns the report as a table with pictures.
func (r *Report) HTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div><b>%s</b></div><table style="%s"><thead><tr>`, html.EscapeString(r.headline()), tableStyle)
	for _, h := range []string{"", "check", "measured", "expected", ""} {
		fmt.Fprintf(&b, `<th style="%s">%s</th>`, cellStyle, h)
	}
	b.WriteString("</tr></thead><tbody>")
	for _, c := range r.Checks {
		advice := ""
		if c.Advice != "" {
			advice = `<div style="margin-top:0.3em"><b>To do:</b> ` + html.EscapeString(c.Advice) + `</div>`
		}
		fmt.Fprintf(&b, `<tr><td style="%[1]s">%[2]s</td><td style="%[1]s"><b>%[3]s</b><br><span style="%[8]s">%[4]s</span></td>`+
			`<td style="%[1]s;max-width:26em">%[5]s%[6]s</td><td style="%[1]s;max-width:18em">%[7]s</td><td style="%[1]s">%[9]s</td></tr>`,
			cellStyle, badge(c.Verdict), html.EscapeString(c.Name), c.Took.Round(10*time.Millisecond),
			html.EscapeString(c.Measured), advice, html.EscapeString(c.Expected), quietStyle, c.picture)
	}
	b.WriteString("</tbody></table>")
	for _, n := range r.Notes {
		fmt.Fprintf(&b, `<div style="%s">%s</div>`, quietStyle, html.EscapeString(n))
	}
	return b.String()
}

func badge(v Verdict) string {
	return fmt.Sprintf(`<span style="display:inline-block;padding:0 0.6em;border-radius:0.8em;color:#fff;background:%s">%s</span>`,
		verdictColours[v], v)
}

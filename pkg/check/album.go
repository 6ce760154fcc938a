package check

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"

	"github.com/lathe-go/lathe/pkg/chart"
)

// maxShownClasses is up to how many classes the confusion is a table.
const maxShownClasses = 30

func (e *Examination) nameOf(class int) string {
	if class < len(e.names) {
		return e.names[class]
	}
	return fmt.Sprint(class)
}

// headline says the result in one line.
func (e *Examination) headline() string {
	p, low, high := e.Accuracy()
	return fmt.Sprintf("%s: %d of %d right, accuracy %.4f (95 %% interval %.4f to %.4f), loss %.4g", e.Data, e.Right, e.N, p, low, high, e.Loss)
}

// ConfusionChart draws the confusion: true classes from the top, predicted ones from the left. Cells show how many
// percent of a true class got that answer, so that classes of unequal size compare.
func (e *Examination) ConfusionChart() *chart.Chart {
	table := newMatrix(len(e.Confusion), len(e.Confusion))
	names := make([]string, len(e.Confusion))
	for c, row := range e.Confusion {
		names[c] = e.nameOf(c)
		for o, n := range row {
			table[c][o] = math.Round(1000*float64(n)/float64(max(e.Classes[c].Support, 1))) / 10
		}
	}
	return chart.Heatmap("Answers in percent of each true class", table).X("predicted").Y("true").Rows(names...).Categories(names...).Size(560, 480)
}

// String returns the result, the classes, the worst answers and the calibration as text.
func (e *Examination) String() string {
	var b strings.Builder
	b.WriteString(e.headline())
	fmt.Fprintf(&b, "\n%-12s %8s  %-26s %-26s %-26s", "class", "support", "precision", "recall", "F1")
	for _, c := range e.Classes {
		fmt.Fprintf(&b, "\n%-12s %8d  %-26s %-26s %-26s", e.nameOf(c.Class), c.Support, interval(c.Precision, c.PrecisionLow, c.PrecisionUp),
			interval(c.Recall, c.RecallLow, c.RecallUp), interval(c.F1, c.F1Low, c.F1Up))
	}
	b.WriteString("\nworst answers:")
	for _, a := range e.Worst[:min(len(e.Worst), 8)] {
		fmt.Fprintf(&b, "\n  example %d: %s taken for %s with %.4f, loss %.3g", a.Index, e.nameOf(a.Label), e.nameOf(a.Predicted), a.Probability, a.Loss)
	}
	return b.String() + "\n" + e.Calibration.String()
}

func interval(v, low, high float64) string {
	if math.IsNaN(v) {
		return "none"
	}
	return fmt.Sprintf("%.3f (%.3f to %.3f)", v, low, high)
}

// HTML shows the confusion, the classes, the worst answers with their inputs, and the calibration.
func (e *Examination) HTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div><b>%s</b></div><div style="display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start">`, html.EscapeString(e.headline()))
	b.WriteString(e.confusionHTML())
	b.WriteString("<div>" + e.Calibration.HTML() + "</div>")
	b.WriteString("</div>")
	b.WriteString(e.classesHTML())
	b.WriteString(e.worstHTML())
	return b.String()
}

// confusionHTML draws the confusion as a table, right answers in blue, mistakes in red, by their share of the
// true class.
func (e *Examination) confusionHTML() string {
	if len(e.Confusion) > maxShownClasses {
		return fmt.Sprintf("<div>%d classes: ConfusionChart draws them</div>", len(e.Confusion))
	}
	var b strings.Builder
	b.WriteString(`<table style="border-collapse:collapse;font-size:12px;text-align:center"><tr><th style="padding:2px 6px">true \ predicted</th>`)
	for c := range e.Confusion {
		fmt.Fprintf(&b, `<th style="padding:2px 6px">%s</th>`, html.EscapeString(e.nameOf(c)))
	}
	b.WriteString("</tr>")
	for c, row := range e.Confusion {
		fmt.Fprintf(&b, `<tr><th style="padding:2px 6px">%s</th>`, html.EscapeString(e.nameOf(c)))
		for o, n := range row {
			share := float64(n) / float64(max(e.Classes[c].Support, 1))
			colour, strength := "10,123,194", 0.75*share
			if o != c {
				colour, strength = "198,40,40", min(0.85, 0.15+4*share)
			}
			style := ""
			if n > 0 {
				style = fmt.Sprintf("background:rgba(%s,%.2f)", colour, strength)
			}
			fmt.Fprintf(&b, `<td style="width:2.4em;height:2em;border:1px solid rgba(128,128,128,.25);%s" title="%.1f %%">%s</td>`, style, 100*share, count(n))
		}
		b.WriteString("</tr>")
	}
	return b.String() + "</table>"
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// classesHTML is the table of classes, with a bar for each interval.
func (e *Examination) classesHTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<table style="%s"><tr>`, tableStyle)
	for _, h := range []string{"class", "support", "precision", "", "recall", "", "F1", ""} {
		fmt.Fprintf(&b, `<th style="%s">%s</th>`, cellStyle, h)
	}
	b.WriteString("</tr>")
	for _, c := range e.Classes {
		fmt.Fprintf(&b, `<tr><td style="%[1]s">%[2]s</td><td style="%[1]s">%[3]d</td>`, cellStyle, html.EscapeString(e.nameOf(c.Class)), c.Support)
		for _, v := range [][3]float64{{c.Precision, c.PrecisionLow, c.PrecisionUp}, {c.Recall, c.RecallLow, c.RecallUp}, {c.F1, c.F1Low, c.F1Up}} {
			fmt.Fprintf(&b, `<td style="%[1]s;white-space:nowrap">%[2]s</td><td style="%[1]s">%[3]s</td>`, cellStyle, interval(v[0], v[1], v[2]), whisker(v[0], v[1], v[2]))
		}
		b.WriteString("</tr>")
	}
	return b.String() + "</table>"
}

// whisker draws a share and its interval from 0 to 1.
func whisker(v, low, high float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf(`<svg viewBox="0 0 84 12" style="min-width:84px" width="84" height="12" role="img" aria-label="interval"><line x1="2" x2="82" y1="6" y2="6" stroke="currentColor" opacity="0.25"/>`+
		`<line x1="%.1f" x2="%.1f" y1="6" y2="6" stroke="%s" stroke-width="4" opacity="0.6"/><circle cx="%.1f" cy="6" r="3" fill="%s"/></svg>`,
		2+80*low, 2+80*high, traceColours[0], 2+80*v, traceColours[0])
}

// worstHTML shows the worst answers.
func (e *Examination) worstHTML() string {
	var b strings.Builder
	b.WriteString(`<div style="margin-top:0.6em"><b>Worst answers</b></div><div style="display:flex;flex-wrap:wrap;gap:8px">`)
	for _, a := range e.Worst {
		colour := "#c62828"
		if a.Label == a.Predicted {
			colour = "#6b7280"
		}
		fmt.Fprintf(&b, `<figure style="margin:0;width:112px;font-size:11px;text-align:center">%s<figcaption>%s taken for <b style="color:%s">%s</b> %.3f<br>`+
			`<span style="%s">example %d, loss %.2f</span></figcaption></figure>`,
			a.picture(), html.EscapeString(e.nameOf(a.Label)), colour, html.EscapeString(e.nameOf(a.Predicted)), a.Probability, quietStyle, a.Index, a.Loss)
	}
	return b.String() + "</div>"
}

// picture shows the input of an answer: a picture if it has the shape of one, else its first numbers.
func (a Answer) picture() string {
	if len(a.shape) < 2 || len(a.shape) > 3 || len(a.shape) == 3 && a.shape[2] != 1 && a.shape[2] != 3 {
		return a.numbers()
	}
	img := image.NewNRGBA(image.Rect(0, 0, a.shape[1], a.shape[0]))
	channels := len(a.input) / (a.shape[0] * a.shape[1])
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range a.input {
		if finite(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	level := func(i int) uint8 { return uint8(255 * max(0, min(1, (a.input[i]-lo)/max(hi-lo, 1e-12)))) }
	for p := range a.shape[0] * a.shape[1] {
		c := color.NRGBA{R: level(p * channels), A: 255}
		c.G, c.B = c.R, c.R
		if channels == 3 {
			c.G, c.B = level(p*3+1), level(p*3+2)
		}
		img.SetNRGBA(p%a.shape[1], p/a.shape[1], c)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		return a.numbers()
	}
	return fmt.Sprintf(`<img alt="example %d" width="72" height="%d" style="image-rendering:pixelated" src="data:image/png;base64,%s">`,
		a.Index, 72*a.shape[0]/a.shape[1], base64.StdEncoding.EncodeToString(file.Bytes()))
}

// numbers lists the first numbers of the input.
func (a Answer) numbers() string {
	var parts []string
	for _, v := range a.input[:min(len(a.input), 6)] {
		parts = append(parts, fmt.Sprintf("%.3g", v))
	}
	if len(a.input) > 6 {
		parts = append(parts, "…")
	}
	return "<div>" + strings.Join(parts, " ") + "</div>"
}

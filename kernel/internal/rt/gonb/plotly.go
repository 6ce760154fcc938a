package gonb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// mimeChart is the type under which the kernel takes a chart as data: an option of ECharts.
const mimeChart = "application/vnd.lathe.echarts.v1+json"

// plotlyCall is how the package plotly of gonbui, which GoMLX uses too, asks a page to draw a figure. Its
// script fetches Plotly from the network. The figure is data, and is drawn as a chart instead.
var plotlyCall = regexp.MustCompile(`(?s)JSON\.parse\('(.*)'\);\s*module\.newPlot\('([^']*)', data\);`)

// A figure is what of a figure of Plotly can be drawn as a chart.
type figure struct {
	Data   []trace `json:"data"`
	Layout struct {
		Title   words    `json:"title"`
		Width   float64  `json:"width"`
		Height  float64  `json:"height"`
		BarMode string   `json:"barmode"`
		X       axisText `json:"xaxis"`
		Y       axisText `json:"yaxis"`
		Legend  *bool    `json:"showlegend"`
	} `json:"layout"`

	element string // of the page, where the figure is to be
	err     error  // why it cannot be drawn
}

// A trace is one series of a figure.
type trace struct {
	Type        string  `json:"type"`
	Name        words   `json:"name"`
	Mode        string  `json:"mode"`
	X           []any   `json:"x"`
	Y           []any   `json:"y"`
	Z           [][]any `json:"z"`
	Labels      []any   `json:"labels"`
	Values      []any   `json:"values"`
	Orientation string  `json:"orientation"`
	Fill        string  `json:"fill"`
	Hole        float64 `json:"hole"`
	XAxis       string  `json:"xaxis"`
	YAxis       string  `json:"yaxis"`
	Visible     any     `json:"visible"`
	Line        stroke  `json:"line"`
	Marker      stroke  `json:"marker"`
}

// A stroke is how lines or points look.
type stroke struct {
	Color any    `json:"color"` // a name, or a value for each point
	Width any    `json:"width"`
	Size  any    `json:"size"`
	Dash  string `json:"dash"`
	Shape string `json:"shape"`
}

// An axisText is what a figure says of an axis.
type axisText struct {
	Title words  `json:"title"`
	Type  string `json:"type"`
	Range []any  `json:"range"`
}

// words are a text that Plotly writes as a string or as an object with one.
type words string

func (w *words) UnmarshalJSON(data []byte) error {
	var object struct{ Text any }
	var text any
	if json.Unmarshal(data, &object) == nil {
		text = object.Text
	} else if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if text != nil {
		*w = words(textOf(fmt.Sprint(text)))
	}
	return nil
}

// findFigure returns the figure that markup asks Plotly to draw.
func findFigure(markup string) (*figure, bool) {
	m := plotlyCall.FindStringSubmatch(markup)
	if m == nil {
		return nil, false
	}
	f := &figure{element: m[2]}
	// Numbers keep their digits, and the quotes of the script are no part of the JSON.
	if err := json.NewDecoder(bytes.NewReader([]byte(m[1]))).Decode(f); err != nil {
		f.err = fmt.Errorf("it has a form that only Plotly knows: %w", err)
	}
	return f, true
}

// bundle returns the figure as a chart. A transient one is drawn into its element of the page, and is
// nothing for the notebook to keep.
func (f *figure) bundle(id string, transient bool) frame.Bundle {
	option, err := f.option()
	b := frame.Bundle{Data: map[string]any{mimePlain: f.summary()}, DisplayID: id}
	if err != nil {
		text := "A figure of Plotly that cannot be drawn without its script: " + err.Error()
		b.Data[mimePlain] = text + "\n" + f.summary()
		b.Data[mimeHTML] = "<div>" + html.EscapeString(text) + "<pre>" + html.EscapeString(f.summary()) + "</pre></div>"
		if transient {
			b.Data[mimeHTML] = fmt.Sprintf("<script>document.getElementById(%s).textContent=%s</script>", quote(f.element), quote(text))
		}
		return b
	}
	chart := map[string]any{"option": option, "width": int(f.Layout.Width), "height": int(f.Layout.Height),
		"title": f.Layout.Title, "alt": f.summary()}
	if transient {
		chart["into"] = f.element
	}
	b.Data[mimeChart] = chart
	return b
}

// quote returns text as JavaScript in a page has it.
func quote(text string) string {
	data, _ := json.Marshal(text) // cannot fail; it escapes < and >
	return string(data)
}

// summary says in words what the figure shows.
func (f *figure) summary() string {
	var b strings.Builder
	if f.Layout.Title != "" {
		fmt.Fprintln(&b, f.Layout.Title)
	}
	for i, t := range f.Data {
		name := string(t.Name)
		if name == "" {
			name = "trace " + strconv.Itoa(i)
		}
		kind, values := t.kind(), t.Y
		switch {
		case kind == "pie":
			values = t.Values
		case kind == "heatmap":
			values = nil
			for _, row := range t.Z {
				values = append(values, row...)
			}
		case kind == "histogram" && len(t.Y) == 0, kind == "bar" && t.Orientation == "h":
			values = t.X
		}
		fmt.Fprintf(&b, "  %s: %s of %d values%s\n", name, kind, len(values), spread(values))
	}
	return strings.TrimRight(b.String(), "\n")
}

// spread says between which numbers values lie, and which is the last.
func spread(values []any) string {
	list := numbers(values)
	if len(list) == 0 {
		return ""
	}
	lo, hi := list[0], list[0]
	for _, v := range list {
		lo, hi = min(lo, v), max(hi, v)
	}
	return fmt.Sprintf(" from %.6g to %.6g, the last %.6g", lo, hi, list[len(list)-1])
}

// numbers returns those values that are numbers.
func numbers(values []any) (list []float64) {
	for _, v := range values {
		if x, ok := v.(float64); ok {
			list = append(list, x)
		}
	}
	return list
}

func (t trace) kind() string {
	switch t.Type {
	case "", "scattergl":
		return "scatter"
	}
	return t.Type
}

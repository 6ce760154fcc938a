package chart

import (
	"errors"
	"fmt"

	"github.com/lathe-go/lathe/pkg/display"
)

// MIME is the type of the data form of a chart: an object with the fields option, width, height, title,
// alt and live.
const MIME = "application/vnd.lathe.echarts.v1+json"

// The size of a chart, in pixels, unless Size says otherwise.
const (
	DefaultWidth  = 720
	DefaultHeight = 400
)

// DefaultPoints is how many points of a series go to the page, unless Points says otherwise.
const DefaultPoints = 4000

type kind string

const (
	line      kind = "line"
	scatter   kind = "scatter"
	bar       kind = "bar"
	histogram kind = "histogram"
	heatmap   kind = "heatmap"
	foreign   kind = "echarts" // built elsewhere
)

// A Chart is a chart in the making. Make one with [Line], [Scatter], [Bar], [Histogram], [Heatmap] or
// [Echarts]. Its methods change it and return it. A mistake, as two slices of different lengths, is kept
// until the chart is shown, where the text says it; Err returns it.
type Chart struct {
	kind          kind
	title         string
	subtitle      string
	x, y          axis
	width, height int
	points        int
	series        []series
	bands         []band
	horizontal    bool // bars lie
	marks         []mark
	grid          *cells         // of a heatmap
	option        map[string]any // of a foreign chart
	edits         []func(option map[string]any)
	notes         []string
	err           error
}

type axis struct {
	name       string
	log        bool
	lo, hi     any // float64, or nil to follow the data
	categories []string
}

type series struct {
	name   string
	xs, ys []float64
}

// A band is the area between lo and hi around the series of the same name.
type band struct {
	name       string
	xs, lo, hi []float64
}

type mark struct {
	x    float64
	text string
}

func newChart(k kind, title string) *Chart {
	return &Chart{kind: k, title: title, width: DefaultWidth, height: DefaultHeight, points: DefaultPoints}
}

// Line returns an empty chart of lines.
func Line(title string) *Chart { return newChart(line, title) }

// Scatter returns an empty chart of points.
func Scatter(title string) *Chart { return newChart(scatter, title) }

// Bar returns an empty chart of bars. Give it Categories and one Series for each group of bars.
func Bar(title string) *Chart { return newChart(bar, title) }

// Subtitle sets the smaller text under the title.
func (c *Chart) Subtitle(text string) *Chart { c.subtitle = text; return c }

// X names the horizontal axis.
func (c *Chart) X(name string) *Chart { c.x.name = name; return c }

// Y names the vertical axis.
func (c *Chart) Y(name string) *Chart { c.y.name = name; return c }

// LogX makes the horizontal axis logarithmic. Values of zero and below cannot be on it: they become gaps.
func (c *Chart) LogX() *Chart { c.x.log = true; return c }

// LogY makes the vertical axis logarithmic. Values of zero and below cannot be on it: they become gaps.
func (c *Chart) LogY() *Chart { c.y.log = true; return c }

// XRange fixes the ends of the horizontal axis.
func (c *Chart) XRange(lo, hi float64) *Chart { c.x.lo, c.x.hi = c.limits(lo, hi); return c }

// YRange fixes the ends of the vertical axis.
func (c *Chart) YRange(lo, hi float64) *Chart { c.y.lo, c.y.hi = c.limits(lo, hi); return c }

func (c *Chart) limits(lo, hi float64) (any, any) {
	if !(lo < hi) || !finite(lo) || !finite(hi) {
		c.fail(fmt.Errorf("the range %g to %g is empty", lo, hi))
		return nil, nil
	}
	return lo, hi
}

// Size sets the size in pixels. A narrower page shrinks the chart.
func (c *Chart) Size(width, height int) *Chart {
	if width < 50 || height < 50 || width > 8000 || height > 8000 {
		c.fail(fmt.Errorf("the size %d×%d is not between 50 and 8000 pixels", width, height))
		return c
	}
	c.width, c.height = width, height
	return c
}

// Points sets how many points of a series go to the page, at least 16.
func (c *Chart) Points(n int) *Chart { c.points = max(n, 16); return c }

// Categories names the places on the horizontal axis of a chart of bars, from the left.
func (c *Chart) Categories(names ...string) *Chart { c.x.categories = names; return c }

// Series adds values under a name. xs and ys are slices of any type of numbers, of the same length. A
// nil xs counts from 0. A name that is there already gets the new values.
func (c *Chart) Series(name string, xs, ys any) *Chart {
	x, cols, err := columns(xs, ys)
	if err != nil {
		return c.fail(fmt.Errorf("series %q: %w", name, err))
	}
	y := cols[0]
	if c.kind == heatmap || c.kind == foreign {
		return c.fail(fmt.Errorf("series %q: a %s takes no series", name, c.kind))
	}
	for i := range c.series {
		if c.series[i].name == name {
			c.series[i] = series{name, x, y}
			return c
		}
	}
	c.series = append(c.series, series{name, x, y})
	return c
}

// Band shades the area between lo and hi, as an interval over seeds, in the colour of the series of the
// same name in a chart of lines. lo and hi are slices of numbers as long as xs; a nil xs counts from 0.
func (c *Chart) Band(series string, xs, lo, hi any) *Chart {
	x, cols, err := columns(xs, lo, hi)
	if err != nil {
		return c.fail(fmt.Errorf("band of %q: %w", series, err))
	}
	if c.kind != line {
		return c.fail(fmt.Errorf("band of %q: a %s has no bands", series, c.kind))
	}
	c.bands = append(c.bands, band{series, x, cols[0], cols[1]})
	return c
}

// Horizontal lays the bars of a chart of bars down, the first category at the top, so that long names
// have room. X then names the axis of the values.
func (c *Chart) Horizontal() *Chart {
	if c.kind != bar {
		return c.fail(fmt.Errorf("a %s cannot be horizontal", c.kind))
	}
	c.horizontal = true
	return c
}

// Mark draws a vertical line with a text at x: where a schedule changes, where a run resumed.
func (c *Chart) Mark(x float64, text string) *Chart {
	c.marks = append(c.marks, mark{x, text})
	return c
}

// Edit changes the finished ECharts option as f likes, for what this package has no word for. Values in
// it are those that encoding/json makes, except the data of series.
func (c *Chart) Edit(f func(option map[string]any)) *Chart {
	c.edits = append(c.edits, f)
	return c
}

// Err returns the first mistake made in filling the chart in.
func (c *Chart) Err() error {
	if c.err == nil {
		return nil
	}
	return fmt.Errorf("chart %q: %w", c.title, c.err)
}

func (c *Chart) fail(err error) *Chart {
	c.err = errors.Join(c.err, err)
	return c
}

// Show puts the chart on the page at once, from the middle of a cell or from any function.
func (c *Chart) Show() *display.Handle { return display.Show(c) }

// String returns the chart as text: its title, and for each series a small picture and its figures.
func (c *Chart) String() string {
	text := c.summary()
	if err := c.Err(); err != nil {
		text += "\n(not drawn: " + err.Error() + ")"
	}
	return text
}

// A spec is the data form of a chart.
type spec struct {
	Option map[string]any `json:"option"`
	Width  int            `json:"width"`
	Height int            `json:"height"`
	Title  string         `json:"title"`
	Alt    string         `json:"alt"` // the chart in words, for who cannot see it
	Live   bool           `json:"live"`
}

// MIMEBundle returns the chart in every form that a cell sends: data that the kernel draws, and text.
func (c *Chart) MIMEBundle() map[string]any { return c.bundle(false) }

func (c *Chart) bundle(live bool) map[string]any {
	data := map[string]any{"text/plain": c.String()}
	if c.err == nil {
		data[MIME] = spec{
			Option: c.Option(), Width: c.width, Height: c.height,
			Title: c.title, Alt: c.summary(), Live: live,
		}
	}
	return data
}

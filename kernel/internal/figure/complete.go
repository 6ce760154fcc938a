package figure

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"maps"
	"strings"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// MIME is the type under which a cell sends a chart as data.
const MIME = "application/vnd.lathe.echarts.v1+json"

// The size of a chart that names none, in pixels, and the largest that is drawn.
const (
	defaultWidth  = 720
	defaultHeight = 400
	maxSide       = 8000
)

//go:embed page.js
var pageSource string

// A spec is a chart as a cell sends it.
type spec struct {
	Option json.RawMessage `json:"option"`
	Width  int             `json:"width"`
	Height int             `json:"height"`
	Title  string          `json:"title"`
	Alt    string          `json:"alt"`
	Live   bool            `json:"live"` // more of it is coming
	Into   string          `json:"into"` // the element of the page that it is drawn into; "" is where the output is
}

// Complete adds to a bundle that holds a chart the forms in which a page shows it; any other bundle
// comes back as it is. A chart that goes into an element of the page becomes a script that puts it there,
// and is nothing to keep. A chart that is still live gets light HTML alone, and an older picture in it
// serves where no script runs. On error the bundle that comes back keeps its text, which says what
// went wrong.
func (r *Renderer) Complete(ctx context.Context, b frame.Bundle) (frame.Bundle, error) {
	value, ok := b.Data[MIME]
	if !ok {
		return b, nil
	}
	s, err := specOf(value)
	if err != nil {
		return failed(b, err), err
	}
	picture, err := r.picture(ctx, s, b.DisplayID)
	if err != nil {
		return failed(b, err), err
	}
	out := frame.Bundle{Data: maps.Clone(b.Data), Metadata: b.Metadata, DisplayID: b.DisplayID}
	if s.Into != "" {
		out.Data["text/html"] = moved(s, picture)
		delete(out.Data, MIME)
		return out, nil
	}
	out.Data["text/html"] = page(s, picture, b.DisplayID)
	if s.Live {
		delete(out.Data, MIME)
		return out, nil
	}
	// No image/svg+xml: the HTML holds that picture, and nbconvert, on the way to LaTeX, would ask Inkscape
	// for it although there is a PNG.
	file, err := rasterize(picture, s.Width, s.Height)
	if err != nil {
		return out, fmt.Errorf("figure: png: %w", err)
	}
	out.Data["image/png"] = base64.StdEncoding.EncodeToString(file)
	return out, nil
}

// picture draws s, or takes the last picture of a live chart while it is fresh enough.
func (r *Renderer) picture(ctx context.Context, s spec, id string) (string, error) {
	if !s.Live || id == "" {
		r.live.forget(id)
		return r.SVG(ctx, s.Option, s.Width, s.Height)
	}
	if svg, ok := r.live.recent(id); ok {
		return svg, nil
	}
	svg, err := r.SVG(ctx, s.Option, s.Width, s.Height)
	if err == nil {
		r.live.keep(id, svg)
	}
	return svg, err
}

func specOf(value any) (spec, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return spec{}, fmt.Errorf("figure: chart: %w", err)
	}
	var s spec
	if err := json.Unmarshal(data, &s); err != nil {
		return spec{}, fmt.Errorf("figure: chart: %w", err)
	}
	if o := bytes.TrimSpace(s.Option); len(o) == 0 || o[0] != '{' {
		return spec{}, errors.New("figure: chart: the option is not an object")
	}
	if s.Width <= 0 {
		s.Width = defaultWidth
	}
	if s.Height <= 0 {
		s.Height = defaultHeight
	}
	if s.Width > maxSide || s.Height > maxSide {
		return spec{}, fmt.Errorf("figure: chart: %d×%d pixels is over the limit of %d on a side", s.Width, s.Height, maxSide)
	}
	return s, nil
}

// failed returns b with its text saying that there is no picture, and why.
func failed(b frame.Bundle, err error) frame.Bundle {
	text, _ := b.Data["text/plain"].(string)
	text = strings.TrimSpace(text + "\n(no picture: " + err.Error() + ")")
	return frame.Bundle{Data: map[string]any{"text/plain": text}, Metadata: b.Metadata, DisplayID: b.DisplayID}
}

// themeVars pairs each colour of the theme with the colours of the page that stand for it, the first
// known one winning: JupyterLab's, then VS Code's.
var themeVars = [][]string{
	{"#1f2430", "--jp-content-font-color1", "--vscode-editor-foreground"},
	{"#5f6672", "--jp-content-font-color2", "--vscode-descriptionForeground"},
	{"#fefefe", "--jp-layout-color1", "--vscode-editor-background"},
}

// adaptive lets a picture inside a page take the colours of the page.
func adaptive(svg string) string {
	for _, v := range themeVars {
		value := v[0]
		for i := len(v) - 1; i > 0; i-- {
			value = fmt.Sprintf("var(%s,%s)", v[i], value)
		}
		for _, attr := range []string{"fill", "stroke"} {
			svg = strings.ReplaceAll(svg, attr+`="`+v[0]+`"`, attr+`="`+value+`"`)
		}
	}
	return svg
}

// fluid lets a picture inside a page shrink with it.
func fluid(svg string) string {
	return strings.Replace(svg, "<svg ", `<svg style="display:block;max-width:100%;height:auto" `, 1)
}

// page returns the HTML of a chart: the picture, and a script that puts the interactive chart in its
// place where ECharts can be loaded. Without the script the picture stays.
func page(s spec, picture, displayID string) string {
	id := rand.Text()
	alt := s.Alt
	if alt == "" {
		alt = s.Title
	}
	var option bytes.Buffer
	json.HTMLEscape(&option, s.Option)
	call, _ := json.Marshal(map[string]any{"on": s.Live, "id": displayID}) // cannot fail
	key, _ := json.Marshal(displayID)
	theme := fmt.Sprintf(`{base:%s,vars:%s}`, compact(themeSource), mustJSON(themeVars))
	return fmt.Sprintf(`<div data-lathe-chart="%s" role="img" aria-label="%s" style="width:100%%;max-width:%dpx">%s</div>`+
		"<script>%s(%q,%s,%s,%d,%d,%s,%s)</script>",
		id, html.EscapeString(alt), s.Width, fluid(adaptive(picture)),
		strings.TrimSpace(pageSource), id, key, option.String(), s.Width, s.Height, call, theme)
}

// moved returns the HTML of a chart that takes the place of what an element of the page holds. The output
// itself is left empty, and may go.
func moved(s spec, picture string) string {
	chart, script, _ := strings.Cut(page(s, picture, ""), "<script>")
	var markup, element bytes.Buffer
	json.HTMLEscape(&markup, mustJSON(chart))
	json.HTMLEscape(&element, mustJSON(s.Into))
	return fmt.Sprintf("<script>{const e=document.getElementById(%s);if(e)e.innerHTML=%s}</script><script>%s", element.String(), markup.String(), script)
}

func compact(text string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		panic(fmt.Sprintf("figure: embedded theme: %v", err))
	}
	return b.String()
}

func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("figure: %v", err)) // only called with values of this package
	}
	return data
}

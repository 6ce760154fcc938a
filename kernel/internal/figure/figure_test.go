package figure

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// specimens are the charts that the chart package keeps as golden files.
const specimens = "../../../pkg/chart/testdata"

// shared is one renderer for all tests: loading ECharts is the slow part.
var shared = sync.OnceValue(NewRenderer)

func specimen(t *testing.T, name string) json.RawMessage {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(specimens, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func complete(t *testing.T, name, id string) frame.Bundle {
	t.Helper()
	b, err := shared().Complete(t.Context(), frame.Bundle{
		Data: map[string]any{MIME: specimen(t, name), "text/plain": name}, DisplayID: id,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// drawn returns the picture in the HTML of b.
func drawn(t *testing.T, b frame.Bundle) string {
	t.Helper()
	page, _ := b.Data["text/html"].(string)
	svg := regexp.MustCompile(`(?s)<svg .*?</svg>`).FindString(scripts.ReplaceAllString(page, ""))
	if svg == "" {
		t.Fatalf("the page has no picture: %.200s", page)
	}
	return svg
}

// outside finds addresses other than the names of XML's own spaces.
func outside(s string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(xmlns(:xlink)?=")?https?://[^"'\s<]*`).FindAllString(s, -1) {
		if !strings.HasPrefix(m, "xmlns") {
			out = append(out, m)
		}
	}
	return out
}

var scripts = regexp.MustCompile(`(?s)<script.*?</script>`)

func TestCompleteEverySpecimen(t *testing.T) {
	files, err := filepath.Glob(specimens + "/*.json")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d specimens, %v", len(files), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		t.Run(name, func(t *testing.T) {
			b := complete(t, name, "")
			page, _ := b.Data["text/html"].(string)
			svg := drawn(t, b)
			still := scripts.ReplaceAllString(page, "")
			if !strings.Contains(still, "<svg") || !strings.Contains(still, "</svg>") || strings.Contains(still, "<script") {
				t.Errorf("without scripts: %.200s", still)
			}
			for what, s := range map[string]string{"html": page, "svg": svg} {
				if found := outside(s); len(found) > 0 {
					t.Errorf("%s points outside: %q", what, found)
				}
			}
			if _, err := parse(svg); err != nil {
				t.Errorf("not XML: %v", err)
			}
			if _, ok := b.Data["image/svg+xml"]; ok {
				t.Error("nbconvert takes a picture that is only SVG for one that it has to convert")
			}
			if b.Data["text/plain"] != name || b.Data[MIME] == nil {
				t.Error("text or data lost")
			}
			checkPNG(t, b)
		})
	}
}

// checkPNG checks that the PNG of b has the size of the chart and is not blank.
func checkPNG(t *testing.T, b frame.Bundle) {
	t.Helper()
	s, err := specOf(b.Data[MIME])
	if err != nil {
		t.Fatal(err)
	}
	data, err := base64.StdEncoding.DecodeString(b.Data["image/png"].(string))
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if want := image.Pt(s.Width*pixelRatio, s.Height*pixelRatio); m.Bounds().Size() != want {
		t.Errorf("png of %v, want %v", m.Bounds().Size(), want)
	}
	if n := countColour(m, color.RGBA{255, 255, 255, 255}); n == m.Bounds().Dx()*m.Bounds().Dy() {
		t.Error("the png is blank")
	}
}

func countColour(m image.Image, c color.RGBA) int {
	n := 0
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			if color.RGBAModel.Convert(m.At(x, y)) == c {
				n++
			}
		}
	}
	return n
}

// Each series of the line chart is a path in its own colour, its gap splits it, and the marks are there.
func TestSeriesAreDrawn(t *testing.T) {
	svg := drawn(t, complete(t, "line", ""))
	for colour, atLeast := range map[string]int{"#0a7bc2": 1, "#d55e00": 1, "#d9363e": 1} {
		paths := regexp.MustCompile(`<path[^>]*stroke="`+colour+`"[^>]*>`).FindAllString(svg, -1)
		if len(paths) < atLeast {
			t.Errorf("%d paths in %s, want %d or more", len(paths), colour, atLeast)
		}
	}
	for _, text := range []string{"Loss of digits-mlp", "train", "valid", ">step<", ">loss<", ">NaN<", ">+Inf<", "lr ÷ 10"} {
		if !strings.Contains(svg, text) {
			t.Errorf("no %q in the picture", text)
		}
	}
}

func TestPicturesDoNotShareNames(t *testing.T) {
	names := map[string]string{}
	for _, chart := range []string{"line", "few", "scatter", "heatmap"} {
		svg := drawn(t, complete(t, chart, ""))
		for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllString(svg, -1) {
			if other := names[id]; other != "" && other != chart {
				t.Errorf("%s and %s both have %s", chart, other, id)
			}
			names[id] = chart
		}
	}
	if len(names) < 3 {
		t.Errorf("only %d names found", len(names))
	}
}

func TestSameOptionSamePicture(t *testing.T) {
	a, b := drawn(t, complete(t, "line", "")), drawn(t, complete(t, "line", ""))
	if a != b {
		t.Error("two pictures of one chart differ")
	}
}

func TestOptionIsNotCode(t *testing.T) {
	option := `{"title":{"text":"</script><script>alert(1)</script>","link":"https://example.org"},
		"tooltip":{"formatter":"function(){throw 1}"},
		"xAxis":{"axisLabel":{"formatter":"__f__function(){throw 1}__f__"}},"yAxis":{},
		"series":[{"type":"scatter","symbol":"image://https://example.org/a.png","data":[[0,1],[1,2]]}]}`
	b, err := shared().Complete(t.Context(), frame.Bundle{Data: map[string]any{
		MIME: map[string]any{"option": json.RawMessage(option), "alt": `"><script>x</script>`}, "text/plain": "t"}})
	if err != nil {
		t.Fatal(err)
	}
	page := b.Data["text/html"].(string)
	if n := strings.Count(page, "<script"); n != 1 || strings.Count(page, "</script") != 1 {
		t.Errorf("%d scripts in the page", n)
	}
	if found := outside(drawn(t, b)); len(found) > 0 {
		t.Errorf("the picture points outside: %q", found)
	}
}

func TestFailuresKeepTheText(t *testing.T) {
	for name, value := range map[string]any{
		"no option":     map[string]any{},
		"not an object": map[string]any{"option": 3},
		"too large":     map[string]any{"option": map[string]any{}, "width": 1e6},
		"unknown axis":  json.RawMessage(`{"option":{"series":[{"type":"line","xAxisIndex":7,"data":[1]}],"xAxis":{},"yAxis":{}}}`),
	} {
		b, err := shared().Complete(t.Context(), frame.Bundle{Data: map[string]any{MIME: value, "text/plain": "my chart"}, DisplayID: "d"})
		text, _ := b.Data["text/plain"].(string)
		if err == nil || !strings.HasPrefix(text, "my chart\n(no picture: ") || b.DisplayID != "d" {
			t.Errorf("%s: err %v, text %q", name, err, text)
		}
	}
	other := frame.Bundle{Data: map[string]any{"text/plain": "x"}}
	if b, err := shared().Complete(t.Context(), other); err != nil || len(b.Data) != 1 {
		t.Errorf("a bundle without a chart: %v, %v", b, err)
	}
}

// A picture that takes too long is given up, and the next one is drawn.
func TestTimeLimit(t *testing.T) {
	r := NewRenderer()
	defer r.Close()
	if _, err := r.SVG(t.Context(), json.RawMessage(`{}`), 100, 100); err != nil {
		t.Fatal(err)
	}
	var big strings.Builder
	big.WriteString(`{"xAxis":{},"yAxis":{},"series":[{"type":"scatter","data":[[0,0]`)
	for i := range 100_000 {
		fmt.Fprintf(&big, ",[%d,%d]", i, i%97)
	}
	big.WriteString(`]}]}`)
	r.limit = 30 * time.Millisecond
	start := time.Now()
	if _, err := r.SVG(t.Context(), json.RawMessage(big.String()), 800, 600); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err %v after %v", err, time.Since(start))
	}
	r.limit = drawLimit
	if svg, err := r.SVG(t.Context(), json.RawMessage(`{"title":{"text":"after"}}`), 100, 100); err != nil || !strings.Contains(svg, "after") {
		t.Errorf("after a limit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.SVG(ctx, json.RawMessage(`{}`), 100, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestFromGoroutines(t *testing.T) {
	r := NewRenderer()
	r.Warm()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := r.SVG(t.Context(), json.RawMessage(`{"title":{"text":"t"}}`), 200, 100); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// A chart for an element of the page is put there by a script, and leaves nothing in its output.
func TestIntoAnElement(t *testing.T) {
	var chart map[string]any
	if err := json.Unmarshal(specimen(t, "bar"), &chart); err != nil {
		t.Fatal(err)
	}
	chart["into"] = `a"</script>`
	out, err := shared().Complete(t.Context(), frame.Bundle{Data: map[string]any{MIME: chart, "text/plain": "text"}})
	if err != nil {
		t.Fatal(err)
	}
	if keys := slices.Sorted(maps.Keys(out.Data)); !slices.Equal(keys, []string{"text/html", "text/plain"}) {
		t.Errorf("the forms are %q", keys)
	}
	page := out.Data["text/html"].(string)
	if !strings.HasPrefix(page, `<script>{const e=document.getElementById("a\"\u003c/script\u003e");`) {
		t.Errorf("the page begins with %.100s", page)
	}
	if n := strings.Count(page, "</script>"); n != 2 || strings.Contains(page, "<svg") || !strings.Contains(page, `\u003csvg`) {
		t.Errorf("the page has %d scripts, and the picture outside of them", n)
	}
}

// A live chart is light: HTML and text alone, and one picture for many updates.
func TestLiveIsLight(t *testing.T) {
	r := NewRenderer()
	defer r.Close()
	now := time.Unix(0, 0)
	r.live.clock = func() time.Time { return now }
	live := func(text string, on bool) frame.Bundle {
		t.Helper()
		option := fmt.Sprintf(`{"title":{"text":%q}}`, text)
		b, err := r.Complete(t.Context(), frame.Bundle{DisplayID: "d", Data: map[string]any{
			MIME: map[string]any{"option": json.RawMessage(option), "live": on}, "text/plain": text}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	picture := func(b frame.Bundle) string { return scripts.ReplaceAllString(b.Data["text/html"].(string), "") }
	first, second := live("one", true), live("two", true)
	if len(second.Data) != 2 || !strings.Contains(picture(second), "one") || !strings.Contains(second.Data["text/html"].(string), `"text":"two"`) {
		t.Errorf("second: %v", second.Data)
	}
	if first.DisplayID != "d" {
		t.Errorf("display id %q", first.DisplayID)
	}
	now = now.Add(freshFor)
	if third := live("three", true); !strings.Contains(picture(third), "three") {
		t.Error("the picture is never drawn again")
	}
	if last := live("four", false); !strings.Contains(picture(last), "four") || last.Data["image/png"] == nil {
		t.Error("the final chart is not complete")
	}
	if len(r.live.last) != 0 {
		t.Error("the picture of a finished chart is kept")
	}
}

func TestScript(t *testing.T) {
	if s := Script(); !bytes.Contains(s[:100], []byte("Licensed to the Apache")) || len(s) < 1_000_000 {
		t.Errorf("script of %d bytes begins %.60s", len(s), s)
	}
	if !bytes.Contains(License(), []byte("Apache ECharts")) {
		t.Error("no notice")
	}
}

func BenchmarkSVG(b *testing.B) {
	for _, name := range []string{"few", "line", "heatmap"} {
		data, err := os.ReadFile(filepath.Join(specimens, name+".json"))
		if err != nil {
			b.Fatal(err)
		}
		s, err := specOf(json.RawMessage(data))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := shared().SVG(context.Background(), s.Option, s.Width, s.Height); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/png", func(b *testing.B) {
			svg, _ := shared().SVG(context.Background(), s.Option, s.Width, s.Height)
			for b.Loop() {
				if _, err := rasterize(svg, s.Width, s.Height); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

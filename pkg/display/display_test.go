package display

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

type point struct {
	X, Y int
	name string
}

type named struct{ A float64 }

func (named) String() string { return "named!" }

type broken struct{}

func (broken) String() string { panic("no text today") }

type picture struct{}

func (picture) HTML() string         { return "<b>pic</b>" }
func (picture) SVG() ([]byte, error) { return nil, errors.New("no pen") }
func (*picture) PNG() []byte         { return []byte{1, 2, 3} }

type several struct{}

func (several) MIMEBundle() map[string]any {
	return map[string]any{"text/markdown": "*m*", "application/x+json": map[string]int{"a": 1}, "text/plain": "plain m"}
}

type tensor struct{}

func (tensor) Shape() string  { return "(Float32)[2 3]" }
func (tensor) String() string { return "{{1 2 3} {4 5 6}}" }

type goTensor struct{ tensor }

func (goTensor) String() string { return "[2][3]float32{{1, 2, 3}, {4, 5, 6}}" }

type node struct {
	Name string
	Next *node
}

type kind int

func (k kind) String() string { return fmt.Sprintf("kind-%d", int(k)) }

func add(a, b int) int { return a + b }

func TestBundleOf(t *testing.T) {
	loop := &node{Name: "a"}
	loop.Next = loop
	self := map[string]any{}
	self["me"] = self
	long := make([]float64, 1000)
	for i := range long {
		long[i] = float64(i)
	}
	long[3] = math.NaN()
	var none *point
	tests := []struct {
		name string
		v    any
		text string // contained in text/plain
		mime string // present, if not empty
		rich string // contained in it
	}{
		{"nil", nil, "nil", "", ""},
		{"int", 7, "7", "", ""},
		{"float", 0.1, "0.1", "", ""},
		{"float32", float32(0.1), "0.1", "", ""},
		{"complex", 1 + 2i, "(1+2i)", "", ""},
		{"bool", true, "true", "", ""},
		{"string", "two\nlines", "two\nlines", "", ""},
		{"empty string", "", `""`, "", ""},
		{"strings", []string{"a b", "c"}, `["a b" "c"]`, "", ""},
		{"bytes of text", []byte("héllo"), "héllo", "", ""},
		{"bytes", []byte{0, 255}, "[]uint8 of 2 bytes: 00 ff", "", ""},
		{"stringer", kind(3), "kind-3", "", ""},
		{"stringers", []kind{1, 2}, "[kind-1 kind-2]", "", ""},
		{"stringer struct", named{1}, "named!", "", ""},
		{"error", fmt.Errorf("outer: %w", errors.New("inner")), "outer: inner", "", ""},
		{"time", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "2026-01-02 03:04:05 +0000 UTC", "", ""},
		{"duration", 1500 * time.Millisecond, "1.5s", "", ""},
		{"struct", point{1, 2, "n"}, "X  1", mimeHTML, "<table"},
		{"struct pointer", &point{1, 2, "n"}, "*display.point", mimeHTML, "unexported"},
		{"nil pointer", none, "(*display.point)(nil)", "", ""},
		{"pointer to int", new(int), "&0", "", ""},
		{"structs", []point{{1, 2, ""}, {3, 4, ""}}, "   X  Y", mimeHTML, "<th"},
		{"struct pointers", []*point{{1, 2, ""}, nil}, "   X  Y", mimeHTML, "<th"},
		{"map", map[string]int{"b": 2, "a": 1}, "  a  1\n  b  2", mimeHTML, "<table"},
		{"map of structs", map[string]point{"b": {1, 2, ""}}, "key  X  Y", mimeHTML, "<table"},
		{"maps", []map[string]any{{"lr": 0.1}, {"w": 3}}, "lr", mimeHTML, "<table"},
		{"matrix", [][]float64{{1, 2}, {3, 4}}, "  1  2\n  3  4", mimeHTML, "<table"},
		{"nil slice", []int(nil), "[]int(nil)", "", ""},
		{"nil map", map[string]int(nil), "map[string]int(nil)", "", ""},
		{"long slice", long, "[]float64 of 1000 elements: min 0, max 999, mean", "", ""},
		{"long slice counts NaN", long, "1 NaN or infinite", "", ""},
		{"func", add, "func(int, int) int", "", ""},
		{"func name", add, "display.add", "", ""},
		{"nil func", (func())(nil), "(func())(nil)", "", ""},
		{"chan", make(chan int, 3), "chan int (0 waiting, capacity 3)", "", ""},
		{"cyclic list", loop, "itself", mimeHTML, "itself"},
		{"cyclic map", self, "itself", mimeHTML, "itself"},
		{"panicking String", broken{}, "method String of display.broken: panic: no text today", "", ""},
		{"panicking String inside", []broken{{}}, "no text today", "", ""},
		{"methods", picture{}, "method SVG of display.picture: no pen", mimeHTML, "<b>pic</b>"},
		{"pointer method", picture{}, "pic", mimePNG, "AQID"},
		{"mime bundle", several{}, "plain m", mimeMarkdown, "*m*"},
		{"tensor", tensor{}, "(Float32)[2 3]: {{1 2 3}", "", ""},
		{"tensor that says its shape", goTensor{}, "[2][3]float32{", "", ""},
		{"html", HTML("<p>a &lt; b</p>"), "a < b", mimeHTML, "<p>"},
		{"markdown", Markdown("# t"), "# t", mimeMarkdown, "# t"},
		{"latex", LaTeX("$x$"), "$x$", mimeLaTeX, "$x$"},
		{"svg", SVG("<svg></svg>"), "(display.SVG: image/svg+xml)", mimeSVG, "<svg>"},
		{"image", image.NewGray(image.Rect(0, 0, 28, 28)), "*image.Gray of 28×28 pixels", mimePNG, "iVBOR"},
		{"images", []*image.Gray{image.NewGray(image.Rect(0, 0, 8, 8)), nil}, "2 images, 1 shown", mimePNG, "iVBOR"},
		{"json", JSON(map[string]int{"a": 1}), "\"a\": 1", mimeJSON, ""},
		{"escaped", []struct{ S string }{{"<script>&"}}, "<script>&", mimeHTML, "&lt;script&gt;&amp;"},
		{"nested any", []any{1, "a", nil, []int{1}}, `[1 "a" nil [1]]`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := BundleOf(tt.v)
			if text := plainOf(b); !strings.Contains(text, tt.text) {
				t.Errorf("text/plain = %q, want %q in it", text, tt.text)
			}
			if tt.mime == "" {
				if len(b.Data) != 1 {
					t.Errorf("forms %v, want text only", sortedKeys(b.Data))
				}
			} else if s, ok := b.Data[tt.mime]; !ok || !strings.Contains(fmt.Sprint(s), tt.rich) {
				t.Errorf("%s = %v, want %q in it", tt.mime, s, tt.rich)
			}
			if _, err := json.Marshal(b); err != nil {
				t.Errorf("not JSON: %v", err)
			}
		})
	}
}

// A bundle stays small however large the value is, and says what it leaves out.
func TestBundleOfLargeValues(t *testing.T) {
	deep := any(1)
	for range 10000 {
		deep = []any{deep}
	}
	wide := make([][]int, 5000)
	for i := range wide {
		wide[i] = make([]int, 5000)
	}
	for name, v := range map[string]any{
		"rows":   make([]point, 1_000_000),
		"string": strings.Repeat("é", 10_000_000),
		"deep":   deep,
		"wide":   wide,
		"array":  [1 << 20]int{},
		"nested": map[string]any{"a": make([]string, 1_000_000), "b": strings.Repeat("x", 1<<20)},
	} {
		b := BundleOf(v)
		data, err := json.Marshal(b)
		if err != nil || len(data) > 512<<10 {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
		if text := plainOf(b); !strings.Contains(text, "more") && !strings.Contains(text, "…") {
			t.Errorf("%s: no notice in %.100q", name, text)
		}
	}
}

func TestRowsFromBothEnds(t *testing.T) {
	rows := make([]point, 1000)
	for i := range rows {
		rows[i].X = 10 * i
	}
	text := plainOf(BundleOf(rows))
	for _, want := range []string{"\n    0     0", "\n  999  9990", "940 more rows between 29 and 970"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestTableChoosesColumns(t *testing.T) {
	text := Table([]point{{1, 2, ""}}, "Y").String()
	if want := "[]display.point of 1\n  Y\n  2"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestImageGrid(t *testing.T) {
	images := make([]image.Image, 24)
	for i := range images {
		images[i] = image.NewGray(image.Rect(0, 0, 28, 28))
	}
	data, _ := base64.StdEncoding.DecodeString(BundleOf(images).Data[mimePNG].(string))
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Bounds().Size(), image.Pt(7*(56+4)-4, 4*(56+4)-4); got != want {
		t.Errorf("size %v, want %v", got, want)
	}
}

// A recorder is a sink that keeps what it gets.
type recorder struct {
	mu     sync.Mutex
	frames []frame.Frame
}

func (r *recorder) Send(f frame.Frame) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames = append(r.frames, f)
	return nil
}

func (r *recorder) bundles(t *testing.T) []frame.Bundle {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]frame.Bundle, len(r.frames))
	for i, f := range r.frames {
		if err := f.Decode(&out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func attach(t *testing.T) *recorder {
	r := &recorder{}
	frame.Attach(r)
	t.Cleanup(func() { frame.Attach(nil) })
	return r
}

func TestShowAndUpdate(t *testing.T) {
	r := attach(t)
	h := Show(1, Markdown("two"))
	h.Update("three")
	if err := errors.Join(Clear(true), h.Err()); err != nil {
		t.Fatal(err)
	}
	kinds := []frame.Kind{frame.Display, frame.Display, frame.Update, frame.Clear}
	if len(r.frames) != len(kinds) {
		t.Fatalf("%d frames, want %d", len(r.frames), len(kinds))
	}
	for i, k := range kinds {
		if r.frames[i].Kind != k {
			t.Errorf("frame %d is of kind %d, want %d", i, r.frames[i].Kind, k)
		}
	}
	b := r.bundles(t)
	if b[1].DisplayID != b[2].DisplayID || b[0].DisplayID == b[1].DisplayID {
		t.Errorf("display ids %q %q %q", b[0].DisplayID, b[1].DisplayID, b[2].DisplayID)
	}
	if plainOf(b[2]) != "three" {
		t.Errorf("updated to %q", plainOf(b[2]))
	}
}

// A value that JSON cannot hold still arrives as text.
func TestShowUnencodable(t *testing.T) {
	r := attach(t)
	h := Show(Raw(map[string]any{"application/json": math.NaN(), "text/plain": "my text"}))
	if h.Err() != nil || len(r.frames) != 1 || !strings.Contains(plainOf(r.bundles(t)[0]), "my text") {
		t.Errorf("err %v, frames %v", h.Err(), r.frames)
	}
}

func TestLongTablesCanBeSorted(t *testing.T) {
	type point struct {
		X    int
		Name string
	}
	rows := []point{{1, "a"}, {2, "b"}, {3, "</script><b>"}, {4, "d"}, {5, "e"}, {6, "f"}}
	for n, sorted := range map[int]bool{5: false, 6: true} {
		page := BundleOf(rows[:n]).Data["text/html"].(string)
		if got := strings.Contains(page, "data-lathe-sheet"); got != sorted || strings.Contains(page, "</script><b>") {
			t.Errorf("%d rows: can be sorted: %t, want %t, in %s", n, got, sorted, page)
		}
	}
	if page := BundleOf(map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}).Data["text/html"].(string); strings.Contains(page, "<script") {
		t.Errorf("a list of names and values can be sorted: %s", page)
	}
}

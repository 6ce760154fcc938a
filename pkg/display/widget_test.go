package display

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// everyWidget returns one widget of each kind, with its model's class.
func everyWidget() map[string]Widget {
	return map[string]Widget{
		"FloatSlider": Slider("rate", 0, 1, 0.5), "IntSlider": Slider("epochs", 1, 10, 3),
		"FloatLogSlider": LogSlider("learning rate", 1e-4, 1e-1, 1e-3), "Dropdown": Select("optimizer", "adam", "sgd"),
		"Checkbox": Checkbox("augment", true), "Button": Button("stop", func() {}), "Text": Text("note", "n"),
		"Textarea": TextArea("notes", "n"), "HBox": Row(), "VBox": Column(),
	}
}

// The models are those that Jupyter's own widgets have: each part of a state is one that they know, of
// the same type, and the classes are the same.
func TestModelsAreJupyters(t *testing.T) {
	text, err := os.ReadFile("testdata/ipywidgets.json")
	var theirs map[string]any
	if err == nil {
		err = json.Unmarshal(text, &theirs)
	}
	if err != nil {
		t.Fatal(err)
	}
	for class, w := range everyWidget() {
		withPage(t, func(t *testing.T, p *page) {
			Show(w)
			if p.models[p.find(w)]["_model_name"] != class+"Model" {
				t.Errorf("%s: %v", class, p.models[p.find(w)])
			}
			for _, state := range p.models {
				name := strings.TrimSuffix(state["_model_name"].(string), "Model")
				want, ok := theirs[name].(map[string]any)
				if !ok {
					t.Errorf("Jupyter has no model %q", name)
				}
				compareState(t, name, state, want)
			}
		})
	}
}

// compareState compares the state of a model with one that is known to be right.
func compareState(t *testing.T, name string, got, want map[string]any) {
	t.Helper()
	for key, v := range got {
		known, ok := want[key]
		switch {
		case !ok:
			t.Errorf("%s: Jupyter's has no %q", name, key)
		case strings.HasPrefix(key, "_model") || strings.HasPrefix(key, "_view"):
			if v != known {
				t.Errorf("%s: %s is %v, Jupyter's %v", name, key, v, known)
			}
		case known != nil && reflect.TypeOf(v) != reflect.TypeOf(known):
			t.Errorf("%s: %s is %v, Jupyter's %v", name, key, v, known)
		}
	}
	for _, key := range []string{"_model_module", "_model_module_version", "_view_name", "_view_module", "_view_module_version"} {
		if got[key] == nil {
			t.Errorf("%s: no %s", name, key)
		}
	}
	if want["layout"] != nil && got["layout"] == nil || want["style"] != nil && got["style"] == nil {
		t.Errorf("%s: no layout or style", name)
	}
}

// What a reader does reaches Go, and the other pages; what he cannot do is answered with what is.
func TestReader(t *testing.T) {
	lr := func() Widget { return LogSlider("lr", 1e-4, 1e-1, 1e-3) }
	half := func() Widget { return Slider("x", 0, 1, 0.5) }
	whole := func() Widget { return Slider("n", 1, 10, 3) }
	odd := func() Widget { return Slider("x", 0, 1, 0.1234567) }
	sel := func() Widget { return Select("o", "adam", "sgd") }
	box := func() Widget { return Checkbox("c", true) }
	text := func() Widget { return Text("t", "a") }
	tests := []struct {
		name       string
		make       func() Widget
		key, value string
		after      string // the widget, in words
		answer     string // the method and the value
	}{
		{"float", half, "value", "0.25", "x: 0.25", "echo_update FloatSlider value=0.25"},
		{"arithmetic", half, "value", "0.30000000000000004", "x: 0.3", "echo_update FloatSlider value=0.30000000000000004"},
		{"end", half, "value", "1.0000000001", "x: 1", "echo_update FloatSlider value=1.0000000001"},
		{"too much", half, "value", "1.1", "x: 0.5", "update FloatSlider value=0.5 step=0.01"},
		{"too little", half, "value", "-1e308", "x: 0.5", "update FloatSlider value=0.5 step=0.01"},
		{"no number", half, "value", `"1"`, "x: 0.5", "update FloatSlider value=0.5 step=0.01"},
		{"null", half, "value", `null`, "x: 0.5", "update FloatSlider value=0.5 step=0.01"},
		{"huge", half, "value", `1e999`, "x: 0.5", "update FloatSlider value=0.5 step=0.01"},
		{"not on a step", odd, "value", "0.1235", "x: 0.1235", "echo_update FloatSlider value=0.1235"},
		{"integer", whole, "value", "4", "n: 4", "echo_update IntSlider value=4"},
		{"integer as a float", whole, "value", "4.0", "n: 4", "echo_update IntSlider value=4"},
		{"no integer", whole, "value", "4.5", "n: 3", "update IntSlider value=3"},
		{"logarithm", lr, "value", "0.010471285480508996", "lr: 0.01", "echo_update FloatLogSlider value=0.010471285480508996"},
		{"end of logarithms", lr, "value", "0.10000000000000002", "lr: 0.1", "echo_update FloatLogSlider value=0.10000000000000002"},
		{"below logarithms", lr, "value", "1e-5", "lr: 0.001", "update FloatLogSlider value=0.001 step=0.01"},
		{"choice", sel, "index", "1", "o: sgd", "echo_update Dropdown index=1"},
		{"no choice", sel, "index", "null", "o: adam", "update Dropdown index=0"},
		{"wrong choice", sel, "index", "2", "o: adam", "update Dropdown index=0"},
		{"choice below 0", sel, "index", "-1", "o: adam", "update Dropdown index=0"},
		{"tick", box, "value", "false", "c: false", "echo_update Checkbox value=false"},
		{"no tick", box, "value", "0", "c: true", "update Checkbox value=true"},
		{"text", text, "value", `"<b>é\n"`, "t: <b>é\n", "echo_update Text value=<b>é\n"},
		{"no text", text, "value", `["x"]`, "t: a", "update Text value=a"},
		{"another key", text, "description", `"x"`, "t: a", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			withPage(t, func(t *testing.T, p *page) {
				w := tt.make()
				before := w.String()
				Show(w)
				p.expect()
				p.move(w, tt.key, tt.value)
				want := []string{tt.answer}
				if tt.answer == "" {
					want = nil
				} else if w.String() != before {
					want = []string{"picture " + tt.after, tt.answer}
				}
				if w.String() != tt.after {
					t.Errorf("after it: %s, want %s", w, tt.after)
				}
				p.expect(want...)
			})
		})
	}
}

// A page that shows a value which is not on a step moves it there, and says so. That is no wish of the
// reader's.
func TestPageRoundsToSteps(t *testing.T) {
	withPage(t, func(t *testing.T, p *page) {
		x := Slider("x", 0, 1, 0.3).Step(0.25)
		lr := LogSlider("lr", 1e-4, 1e-1, 3.33e-4)
		Show(Row(x, lr))
		p.move(x, "value", "0.25")
		p.move(lr, "value", fmt.Sprint(math.Pow(10, -3.48)))
		if x.Value() != 0.3 || lr.Value() != 3.33e-4 {
			t.Errorf("%v, %v", x, lr)
		}
		p.move(x, "value", "0.5")
		if x.Value() != 0.5 {
			t.Errorf("%v", x)
		}
	})
}

// Steps are round, about a hundred, and lead to the value.
func TestSteps(t *testing.T) {
	for _, tt := range []struct{ low, high, value, step float64 }{
		{0, 1, 0.5, 0.01}, {0, 100, 7, 1}, {1e-4, 1e-1, 1e-3, 1e-4}, {-1, 1, 0.005, 0.005}, {0, 3, 1.234, 0.002}, {0, 1e9, 5e8, 1e7},
		{0, 1, 0.1234567, 0.01}, {0.9, 0.999, 0.99, 0.0005},
	} {
		if step := niceStep(tt.low, tt.high, tt.value); math.Abs(step/tt.step-1) > 1e-12 {
			t.Errorf("from %v to %v at %v: steps of %v, want %v", tt.low, tt.high, tt.value, step, tt.step)
		}
	}
	for _, tt := range []struct {
		step  float64
		whole bool
		want  string
	}{{1, true, "d"}, {1, false, ".0f"}, {0.01, false, ".2f"}, {0.0005, false, ".4f"}, {1e-9, false, ".4g"}, {1e7, false, ".4g"}} {
		if got := readout(tt.step, tt.whole); got != tt.want {
			t.Errorf("steps of %v are written with %q, want %q", tt.step, got, tt.want)
		}
	}
}

// What Go sets reaches the page, and not too often; the last one always does.
func TestSet(t *testing.T) {
	withPage(t, func(t *testing.T, p *page) {
		n := Slider("n", 0, 1_000_000, 0)
		told := 0
		n.OnChange(func(int) { told++ })
		if err := n.Set(7); err != nil || n.Value() != 7 {
			t.Error(n, err) // before anyone sees it
		}
		Show(n)
		p.took()
		for i := range 100_001 {
			if err := n.Set(i); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Microsecond)
		}
		time.Sleep(time.Second)
		sent := p.took()
		if count := len(sent); count > 30 {
			t.Errorf("in a second the page got %d messages", count)
		}
		last := map[string]string{} // of each kind: they keep to paces of their own
		for _, m := range sent {
			kind, _, _ := strings.Cut(m, " ")
			last[kind] = m
		}
		if last["picture"] != "picture n: 100000" || last["update"] != "update IntSlider value=100000" {
			t.Errorf("the page got %q", sent)
		}
		if err := n.Set(-1); err == nil || !strings.Contains(err.Error(), `display: set "n": -1 is not between 0 and 1000000`) || n.Value() != 100_000 {
			t.Error(n, err)
		}
		n.Disable(true).Disable(true)
		p.expect("update IntSlider value=100000 disabled=true")
		p.move(n, "value", "5")
		p.expect("update IntSlider value=100000 disabled=true")
		if n.Value() != 100_000 || told != 0 {
			t.Errorf("a disabled slider was moved: %v; told %d", n, told)
		}
		n.Disable(false)
		if err := n.Set(3); err != nil {
			t.Error(err)
		}
		frame.End() // the cell has ended, and perhaps nobody listens any more
		p.expect("picture n: 3", "update IntSlider value=3")
		time.Sleep(time.Second)
		p.expect()
		n.Step(100)
		p.expect("update IntSlider value=3 step=100")
	})
}

// Functions hear of every change that they have time for, and of the last in any case. Value does not
// wait for them.
func TestOnChange(t *testing.T) {
	withPage(t, func(t *testing.T, p *page) {
		n := Slider("n", 0, 100, 0)
		var quick, slow []int
		n.OnChange(func(v int) { quick = append(quick, v) }).OnChange(func(v int) {
			slow = append(slow, v)
			time.Sleep(time.Second)
		})
		Show(n)
		for i := range 10 {
			p.move(n, "value", fmt.Sprint(i))
			if n.Value() != i {
				t.Errorf("moved to %d, the value is %v", i, n)
			}
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if want := []int{1, 9}; !slices.Equal(quick, want) || !slices.Equal(slow, want) {
			t.Errorf("told %v and %v, want %v", quick, slow, want)
		}
		p.move(n, "value", "9")
		if len(quick) != 2 {
			t.Error("told of no change")
		}
	})
}

// A bound variable has the value, whoever changes it.
func TestBind(t *testing.T) {
	withPage(t, func(t *testing.T, p *page) {
		mu := make(chanLock, 1) // synctest sees who waits for it
		var locked, plain float64
		x := Slider("x", 0, 1, 0.5)
		x.Bind(&locked, mu).Bind(&plain, nil)
		Show(x)
		for _, want := range []float64{0.5, 0.75, 0.25} {
			switch want {
			case 0.75:
				p.move(x, "value", "0.75")
			case 0.25:
				if err := x.Set(0.25); err != nil {
					t.Error(err)
				}
			}
			mu.Lock()
			if locked != want || plain != want {
				t.Errorf("%v and %v, want %v", locked, plain, want)
			}
			mu.Unlock()
		}
		// While the lock is held the value is known already.
		mu.Lock()
		p.move(x, "value", "1")
		if x.Value() != 1 || locked == 1 {
			t.Errorf("%v, %v", x, locked)
		}
		mu.Unlock()
		synctest.Wait()
		if locked != 1 {
			t.Errorf("%v, %v", x, locked)
		}
	})
}

type chanLock chan bool

func (c chanLock) Lock()   { c <- true }
func (c chanLock) Unlock() { <-c }

func TestButton(t *testing.T) {
	withPage(t, func(t *testing.T, p *page) {
		var done atomic.Int64
		b := Button("stop", func() { done.Add(1); time.Sleep(time.Second) })
		Show(b)
		click := `{"method": "custom", "content": {"event": "click"}}`
		for range 3 {
			p.tell(b, click)
		}
		p.tell(b, `{"method": "custom", "content": {"event": "hover"}}`)
		p.tell(b, `{"method": "custom", "content": 3}`)
		if b.Clicks() != 3 || done.Load() != 1 {
			t.Errorf("%v, done %d", b, done.Load())
		}
		time.Sleep(5 * time.Second)
		if b.Disable(true); done.Load() != 3 {
			t.Errorf("done %d", done.Load())
		}
		p.tell(b, click)
		if b.Clicks() != 3 || b.String() != "[stop] pressed 3 times" {
			t.Error(b)
		}
		p.expect("picture [stop] pressed once", "picture [stop] pressed 3 times", "update Button disabled=true")
	})
}

// A widget shows its view, and above it its value in a form for everyone.
func TestWidgetBundle(t *testing.T) {
	withPage(t, func(t *testing.T, p *page) {
		rate, note := Slider("rate <1>", 0, 1, 0.5), Text("note", "a & b")
		r := Row(rate, Column(note, Checkbox("on", true)))
		Show(r)
		if len(p.outputs) != 2 {
			t.Fatalf("%d outputs", len(p.outputs))
		}
		view, _ := p.outputs[1].Data[mimeWidget].(map[string]any)
		if view["model_id"] != p.find(r) || view["version_major"] != 2.0 || plainOf(p.outputs[1]) != "" {
			t.Errorf("%v", p.outputs[1])
		}
		picture := func() string { return plainOf(p.outputs[0]) + fmt.Sprint(p.outputs[0].Data[mimeHTML]) }
		for _, want := range []string{"rate <1>: 0.5 · note: a & b\non: true", "rate &lt;1&gt;", "a &amp; b", "☑ on"} {
			if !strings.Contains(picture(), want) {
				t.Errorf("no %q in %s", want, picture())
			}
		}
		if strings.Contains(picture(), "<script") || strings.Contains(picture(), "http") {
			t.Errorf("not by itself: %s", picture())
		}
		p.move(note, "value", `"new"`)
		p.expect("picture rate <1>: 0.5 · note: new\non: true", "echo_update Text value=new")
		p.move(rate, "value", `0.75`)
		time.Sleep(time.Second)
		p.expect("echo_update FloatSlider value=0.75", "picture rate <1>: 0.75 · note: new\non: true")
	})
}

// A page that was loaded again asks for everything; one that knows a model asks for its state.
func TestPageLoadedAgain(t *testing.T) {
	withPage(t, func(t *testing.T, p *page) {
		if err := frame.Deliver(frame.CommMessage{Type: frame.CommOpen, ID: "early", Target: controlTarget}); err == nil {
			t.Error("without a widget there is a control comm")
		}
		r := Row(Slider("x", 0, 1, 0.5), Button("b", func() {}))
		Show(r)
		p.move(r.parts[0], "value", "0.75")
		p.took()
		for _, m := range []frame.CommMessage{
			{Type: frame.CommOpen, ID: "again", Target: controlTarget, Metadata: json.RawMessage(`{"version":"1.0.0"}`), Data: json.RawMessage(`{}`)},
			{Type: frame.CommData, ID: "again", Data: json.RawMessage(`{"method": "request_states"}`)},
			{Type: frame.CommData, ID: "again", Data: json.RawMessage(`{"method": "dance"}`)},
			{Type: frame.CommClose, ID: "again"},
		} {
			if err := frame.Deliver(m); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		var data struct {
			Method string
			States map[string]struct {
				Name    string `json:"model_name"`
				Module  string `json:"model_module"`
				Version string `json:"model_module_version"`
				State   map[string]any
			}
		}
		if len(p.stray) != 1 || p.stray[0].ID != "again" || p.stray[0].Decode(&data) != nil || data.Method != "update_states" {
			t.Fatalf("the page got %v", p.stray)
		}
		if len(data.States) != len(p.models) {
			t.Errorf("%d states of %d models", len(data.States), len(p.models))
		}
		s := data.States[p.find(r.parts[0])]
		if s.Name != "FloatSliderModel" || s.Module != controlsModule || s.Version != "2.0.0" || s.State["value"] != 0.75 {
			t.Errorf("%+v", s)
		}
		p.tell(r.parts[0], `{"method": "request_state"}`)
		p.expect("update FloatSlider value=0.75 step=0.01")
	})
}

// A closed widget has its value, and may be shown again.
func TestClose(t *testing.T) {
	withPage(t, func(t *testing.T, p *page) {
		x := Slider("x", 0, 1, 0.5)
		r := Row(x)
		Show(r)
		old := p.find(x)
		p.move(x, "value", "0.6")
		p.move(x, "value", "0.7")
		p.took()
		if err := r.Close(); err != nil || r.Close() != nil {
			t.Error(err)
		}
		p.expect("picture x: 0.7", "close HBox", "close Layout", "close FloatSlider", "close SliderStyle", "close Layout")
		if err := frame.Deliver(frame.CommMessage{Type: frame.CommData, ID: old, Data: json.RawMessage(`{}`)}); err == nil {
			t.Error("a closed widget takes messages")
		}
		if err := x.Set(0.8); err != nil || x.Value() != 0.8 {
			t.Error(x, err)
		}
		Show(x)
		if id := p.find(x); id == "" || id == old || p.models[id]["value"] != 0.8 {
			t.Errorf("shown again: %v", p.models)
		}
		// The page may close a model too.
		if err := frame.Deliver(frame.CommMessage{Type: frame.CommClose, ID: p.find(x)}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if p.find(x) != "" {
			t.Error("the model is still open")
		}
	})
}

// Junk changes nothing.
func TestJunk(t *testing.T) {
	withPage(t, func(t *testing.T, p *page) {
		x := Slider("x", 0, 1, 0.5)
		Show(x)
		for _, data := range []string{`null`, `3`, `[]`, `{"method": 7}`, `{"method": "update", "state": []}`, `{"method": "update"}`,
			`{"method": "custom"}`, `{"method": "dance"}`, `{"method": "update", "state": {"value": {}}}`, `{`, ``,
			`{"method": "update", "state": {"value": "` + strings.Repeat("x", maxUpdateLength) + `"}}`} {
			p.tell(x, data)
		}
		for _, got := range p.took() {
			if got != "update FloatSlider value=0.5 step=0.01" {
				t.Errorf("the page got %q", got)
			}
		}
		if x.Value() != 0.5 {
			t.Error(x)
		}
	})
}

// Whoever asks for what cannot be is told why.
func TestBadWidgets(t *testing.T) {
	x := Slider("x", 0, 1, 0.5)
	for name, tt := range map[string]struct {
		f    func()
		want string
	}{
		"turned":      {func() { Slider("x", 2, 1, 1) }, `the slider "x" goes from 2 to 1`},
		"empty range": {func() { Slider("x", 1, 1, 1) }, `goes from 1 to 1`},
		"outside":     {func() { Slider("x", 0, 1, 2) }, `2 is not between 0 and 1`},
		"NaN":         {func() { Slider("x", 0, 1, math.NaN()) }, `NaN is not between 0 and 1`},
		"NaN end":     {func() { Slider("x", 0, math.NaN(), 0) }, `from 0 to NaN`},
		"endless":     {func() { Slider("x", 0, math.Inf(1), 0) }, `from 0 to +Inf`},
		"inexact":     {func() { Slider("x", 0, uint64(math.MaxUint64), 0) }, `from 0 to 18446744073709551615`},
		"log of 0":    {func() { LogSlider("x", 0, 1, 1) }, `it must begin above 0`},
		"no step":     {func() { x.Step(0) }, `cannot have steps of 0`},
		"long step":   {func() { x.Step(2) }, `cannot have steps of 2`},
		"no label":    {func() { Text("", "x") }, `needs a label`},
		"no options":  {func() { Select[int]("o") }, `the choice "o" has no options`},
		"twice":       {func() { Select("o", "a", "b", "a") }, `has the option "a" twice`},
		"no function": {func() { Button("b", nil) }, `needs a label and a function`},
		"nil widget":  {func() { Row(x, nil) }, `the widget 2 of a box is nil`},
	} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.HasPrefix(r, "display: ") || !strings.Contains(r, tt.want) {
					t.Errorf("%s: %s; want %q in it", name, r, tt.want)
				}
			}()
			tt.f()
		}()
	}
	if err := Select("o", 1, 2).Set(3); err == nil || !strings.Contains(err.Error(), `"3" is none of ["1" "2"]`) {
		t.Error(err)
	}
	if err := Text("t", "").Set("\xff"); err == nil {
		t.Error("a text that is not UTF-8")
	}
}

// A nil widget is shown as any nil is, and one inside another value by its text.
func TestWidgetInValues(t *testing.T) {
	var none *Range[int]
	if text := plainOf(BundleOf(none)); text != "(*display.Range[int])(nil)" {
		t.Error(text)
	}
	if text := plainOf(BundleOf([]any{Slider("n", 0, 9, 1)})); text != "[n: 1]" {
		t.Error(text)
	}
}

// All methods may be called from any goroutine.
func TestWidgetRaces(t *testing.T) {
	withPage(t, func(t *testing.T, p *page) {
		x := Slider("x", 0, 1000, 0)
		var mu sync.Mutex
		var bound int
		r := Row(x, Button("b", func() {}))
		x.OnChange(func(v int) { _ = x.Set(v) }).Bind(&bound, &mu)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 100 {
					switch g % 4 {
					case 0:
						_ = x.Set(i)
					case 1:
						Show(r)
						x.Disable(i%2 == 0)
					case 2:
						if id := p.find(x); id != "" {
							data := fmt.Sprintf(`{"method": "update", "state": {"value": %d}}`, i)
							_ = frame.Deliver(frame.CommMessage{Type: frame.CommData, ID: id, Data: json.RawMessage(data)}) // may be closed
						}
					case 3:
						if x.Value() > 1000 || i%10 == 0 {
							_ = r.Close()
						}
						mu.Lock()
						_ = bound
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if bound != x.Value() {
			t.Errorf("bound to %v: %d", x, bound)
		}
	})
}

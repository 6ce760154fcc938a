package notebook

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// scripted is a Kernel that emits what its script has for the code of a cell.
type scripted map[string]func(ctx context.Context, emit func(Output)) error

func (s scripted) Execute(ctx context.Context, code string, emit func(Output)) error {
	return s[code](ctx, emit)
}

// emits returns the script of a cell that emits outputs.
func emits(outputs ...Output) func(context.Context, func(Output)) error {
	return func(_ context.Context, emit func(Output)) error {
		for _, o := range outputs {
			emit(o)
		}
		return nil
	}
}

func out(text string) Output    { return Output{Type: Stream, Name: "stdout", Text: text} }
func errOut(text string) Output { return Output{Type: Stream, Name: "stderr", Text: text} }
func show(id, text string) Output {
	return Output{Type: DisplayData, DisplayID: id, Data: map[string]any{"text/plain": text}}
}
func update(id, text string) Output {
	return Output{Type: UpdateDisplay, DisplayID: id, Data: map[string]any{"text/plain": text}}
}

var (
	clearNow  = Output{Type: ClearOutput}
	clearNext = Output{Type: ClearOutput, Wait: true}
	boom      = Output{Type: Error, EName: "panic", EValue: "boom"}
)

// summary writes the outputs of a cell on one line.
func summary(c *Cell) string {
	var parts []string
	for _, o := range c.Outputs {
		switch o.Type {
		case Stream:
			parts = append(parts, fmt.Sprintf("%s:%q", o.Name, o.Text))
		case Error:
			parts = append(parts, "error:"+o.EValue)
		default:
			parts = append(parts, fmt.Sprintf("%s:%v", o.Type, o.Data["text/plain"]))
		}
	}
	return strings.Join(parts, " ")
}

func TestOutputsAreStoredAsJupyterLabDoes(t *testing.T) {
	result := Output{Type: ExecuteResult, Data: map[string]any{"text/plain": "r"}}
	tests := []struct {
		name    string
		outputs []Output
		want    string
	}{
		{"streams merge", []Output{out("a"), out("b\n"), errOut("c"), out("d")}, `stdout:"ab\n" stderr:"c" stdout:"d"`},
		{"a display parts streams", []Output{out("a"), show("", "x"), out("b")}, `stdout:"a" display_data:x stdout:"b"`},
		{"carriage return", []Output{out("10 %\r"), out("20 %\r30"), out("\nok")}, `stdout:"30 %\nok"`},
		{"carriage return and line feed", []Output{out("a\r\nb\r"), out("\n")}, `stdout:"a\nb\n"`},
		{"backspace", []Output{out("ab\b\b\bx\n\by")}, `stdout:"xb\ny"`},
		{"update", []Output{show("i", "1"), out("a"), update("i", "2")}, `display_data:2 stdout:"a"`},
		{"update of a result", []Output{{Type: ExecuteResult, DisplayID: "i"}, update("i", "2")}, `execute_result:2`},
		{"update of all with the name", []Output{show("i", "1"), show("i", "2"), update("i", "3")}, `display_data:3 display_data:3`},
		{"update of the unknown", []Output{show("i", "1"), update("j", "2")}, `display_data:1`},
		{"clear", []Output{out("a"), clearNow, out("b")}, `stdout:"b"`},
		{"clear at the end", []Output{out("a"), clearNow}, ``},
		{"clear waits", []Output{out("a"), clearNext, out("b"), out("c")}, `stdout:"bc"`},
		{"clear waits for ever", []Output{out("a"), clearNext}, `stdout:"a"`},
		{"clear now ends the wait", []Output{out("a"), clearNext, clearNow, out("b"), out("c")}, `stdout:"bc"`},
		{"update of the cleared", []Output{show("i", "1"), clearNow, update("i", "2")}, ``},
		{"result and error", []Output{result, boom}, `execute_result:r error:boom`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nb := &Notebook{Cells: []*Cell{{Type: Code, Source: "x"}}}
			err := Run(context.Background(), nb, scripted{"x": emits(tt.outputs...)}, Options{AllowErrors: true})
			if got := summary(nb.Cells[0]); got != tt.want || err != nil {
				t.Errorf("stored %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestUpdateReachesEarlierCells(t *testing.T) {
	nb := &Notebook{Cells: []*Cell{{Type: Code, Source: "a"}, {Type: Code, Source: "b"}}}
	k := scripted{"a": emits(show("chart", "0 %")), "b": emits(update("chart", "100 %"))}
	if err := Run(context.Background(), nb, k, Options{}); err != nil {
		t.Fatal(err)
	}
	if got := summary(nb.Cells[0]); got != "display_data:100 %" {
		t.Errorf("the first cell stores %s", got)
	}
}

func TestRunCountsAndTimes(t *testing.T) {
	nb := &Notebook{Cells: []*Cell{
		{Type: Markdown, Source: "a"},
		{Type: Code, Source: " \n", ExecutionCount: 9, Outputs: []*Output{{Type: Stream}}},
		{Type: Code, Source: "a", Metadata: map[string]any{"tags": []any{}}},
		{Type: Code, Source: "b"},
	}}
	k := scripted{"a": emits(out("x")), "b": func(context.Context, func(Output)) error {
		time.Sleep(3 * time.Millisecond)
		return nil
	}}
	if err := Run(context.Background(), nb, k, Options{}); err != nil {
		t.Fatal(err)
	}
	var counts []int
	for _, c := range nb.Cells {
		counts = append(counts, c.ExecutionCount)
	}
	if want := []int{0, 0, 1, 2}; !reflect.DeepEqual(counts, want) {
		t.Errorf("counts %v, want %v", counts, want)
	}
	if nb.Cells[1].Outputs != nil {
		t.Error("the empty cell keeps its old output")
	}
	if took, ok := nb.Cells[3].Took(); !ok || took < 3*time.Millisecond || took > time.Minute {
		t.Errorf("the last cell took %v, %v; want 3 ms or more", took, ok)
	}
}

func TestRunStopsAtAFailure(t *testing.T) {
	dead := errors.New("the worker is gone")
	tests := []struct {
		name   string
		script func(context.Context, func(Output)) error
		allow  bool
		want   string // of the error
		second string // what the second cell stores
	}{
		{"error", emits(boom), false, "cell 1 of 2 failed: panic: boom", ""},
		{"error that is allowed", emits(boom), true, "", `stdout:"second"`},
		{"error said twice", func(_ context.Context, emit func(Output)) error { emit(boom); return dead }, true, "", `stdout:"second"`},
		{"the kernel is gone", func(context.Context, func(Output)) error { return dead }, true, "cell 1 of 2: the worker is gone", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nb := &Notebook{Cells: []*Cell{{Type: Code, Source: "a"}, {Type: Code, Source: "b", Outputs: []*Output{{Type: Stream}}}}}
			k := scripted{"a": tt.script, "b": emits(out("second"))}
			err := Run(context.Background(), nb, k, Options{AllowErrors: tt.allow})
			if got := fmt.Sprint(err); got != tt.want && (err != nil || tt.want != "") {
				t.Errorf("error %q, want %q", got, tt.want)
			}
			if !nb.Cells[0].Failed() {
				t.Error("the first cell stores no error")
			}
			if got := summary(nb.Cells[1]); got != tt.second {
				t.Errorf("the second cell stores %s, want %s", got, tt.second)
			}
		})
	}
}

func TestRunStopsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	nb := &Notebook{Cells: []*Cell{{Type: Code, Source: "a"}, {Type: Code, Source: "b"}}}
	k := scripted{"a": func(ctx context.Context, emit func(Output)) error {
		emit(out("begun"))
		cancel()
		return ctx.Err()
	}}
	err := Run(ctx, nb, k, Options{AllowErrors: true})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "stopped in cell 1 of 2") {
		t.Errorf("error %v", err)
	}
	if got := summary(nb.Cells[0]); !strings.HasPrefix(got, `stdout:"begun" error:`) {
		t.Errorf("the cell that was stopped stores %s", got)
	}
}

// log is an Observer that writes what it is told.
type log struct{ strings.Builder }

func (l *log) Started(p Position) { fmt.Fprintf(l, "start %d/%d;", p.Number, p.Total) }
func (l *log) Emitted(p Position, o Output) {
	fmt.Fprintf(l, "%d %s;", p.Number, o.Type)
}
func (l *log) Ended(p Position, _ time.Duration, err error) {
	fmt.Fprintf(l, "end %d %v;", p.Number, err)
}

func TestObserver(t *testing.T) {
	nb := &Notebook{Cells: []*Cell{{Type: Code, Source: "a"}, {Type: Code, Source: "b"}}}
	k := scripted{"a": emits(out("x"), clearNow), "b": emits(boom)}
	var l log
	if err := Run(context.Background(), nb, k, Options{Observer: &l}); err == nil {
		t.Error("no error")
	}
	want := "start 1/2;1 stream;1 clear_output;end 1 <nil>;start 2/2;2 error;end 2 cell 2 of 2 failed: panic: boom;"
	if l.String() != want {
		t.Errorf("told %s\nwant %s", l.String(), want)
	}
}

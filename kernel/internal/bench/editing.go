package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// A question is about a cell with the cursor at ‸ or, without one, at the end. Its text has a number, so that no
// two are alike.
type question struct {
	text string
	want string // part of the right answer
}

// A helped kernel is one that is asked about cells as somebody types them.
type helped struct {
	program
	setUp    string // a cell
	complete []question
	inspect  []question
	aims     map[string][]Aim // by the kind of question, and "first "+kind
	starts   int              // how many fresh kernels are asked
}

const (
	goSetUp = "type Point struct{ X, Y float64 }\n\n// Norm is the length.\nfunc (p Point) Norm() float64 { return math.Hypot(p.X, p.Y) }\n" +
		"var point = Point{3, 4}\n\n// Twice doubles.\nfunc Twice(n int) int { return 2 * n }\n"
	gonbSetUp   = "import (\n\t\"fmt\"\n\t\"math\"\n\t\"strings\"\n)\n\n" + goSetUp + "%%\nfmt.Println(strings.ToUpper(\"set\"), Twice(1))"
	pythonSetUp = "import math, os\nclass Point:\n    def norm(self):\n        return 5.0\npoint = Point()\ndef twice(n):\n    \"\"\"Twice doubles.\"\"\"\n    return 2 * n\n"
)

// What is asked: the same in each kernel's way. The text is another each time, as it is while it is typed.
var (
	goCompletions = []question{
		{"x%d := 1\nfmt.Pri", "Println"}, {"x%d := strings.ToUp", "ToUpper"}, {"x%d := point.No", "Norm"}, {"x%d := Twi", "Twice"},
	}
	goInspections = []question{
		{"x%d := 1\nstrings.ToUpper", "ToUpper"}, {"x%d := point.Norm", "Norm"}, {"x%d := Twice", "Twice doubles"},
	}
	gonbCompletions = []question{
		{"%%%%\nx%[1]d := 1\n_ = x%[1]d\nfmt.Pri", "Println"}, {"%%%%\nx%[1]d := 1\n_ = x%[1]d\nstrings.ToUp", "ToUpper"},
		{"%%%%\nx%[1]d := 1\n_ = x%[1]d\npoint.No", "Norm"}, {"%%%%\nx%[1]d := 1\n_ = x%[1]d\nTwi", "Twice"},
	}
	gonbInspections = []question{
		{"%%%%\nx%[1]d := strings.ToUp‸per(\"a\")\n_ = x%[1]d", "ToUpper"}, {"%%%%\nx%[1]d := point.No‸rm()\n_ = x%[1]d", "Norm"},
		{"%%%%\nx%[1]d := Tw‸ice(1)\n_ = x%[1]d", "Twice doubles"},
	}
	pythonCompletions = []question{
		{"x%d = 1\nos.path.jo", "join"}, {"x%d = 'a'.upp", "upper"}, {"x%d = point.no", "norm"}, {"x%d = twi", "twice"},
	}
	pythonInspections = []question{
		{"x%d = 1\nos.path.join", "join"}, {"x%d = point.norm", "norm"}, {"x%d = twice", "Twice doubles"},
	}
)

// editing measures how long a frontend waits for what may stand at the cursor, and for what stands there, with
// everything warm, and the very first time.
func (b *bench) editing(ctx context.Context) error {
	lathe := helped{program: b.lathe(), setUp: goSetUp, complete: goCompletions, inspect: goInspections, starts: b.Effort.Starts,
		aims: map[string][]Aim{
			"completion": {most(50, 20), most(95, 60)}, "first completion": {most(95, 1000)},
			"inspection": {most(50, 20), most(95, 60)}, "first inspection": {most(95, 1000)},
		}}
	if err := b.help(ctx, lathe); err != nil {
		return err
	}
	if b.Python == "" {
		b.report.leaveOut("editing in ipykernel", errors.New("LATHE_PYTHON does not name a Python that has it"))
	} else if err := b.help(ctx, helped{program: b.ipykernel(), setUp: pythonSetUp, complete: pythonCompletions, inspect: pythonInspections, starts: b.Effort.Starts}); err != nil {
		b.report.leaveOut("editing in ipykernel", err)
	}
	gonb, err := b.gonb(ctx)
	if err == nil {
		// Its first answers take long; a few show that.
		err = b.help(ctx, helped{program: gonb, setUp: gonbSetUp, complete: gonbCompletions, inspect: gonbInspections, starts: min(2, b.Effort.Starts)})
	}
	if err != nil {
		b.report.leaveOut("editing in GoNB", err)
	}
	return nil
}

// readyTime is how long a kernel has to get what helps it ready: a language server loads its packages.
const readyTime = 20 * time.Second

// A topic is a kind of question, and where the answers' times go.
type topic struct {
	kind        string
	questions   []question
	warm, first *Sample
}

// help measures one kernel: what it takes when all is warm, and what is first asked of fresh ones.
func (b *bench) help(ctx context.Context, h helped) error {
	var topics []topic
	for kind, questions := range map[string][]question{"completion": h.complete, "inspection": h.inspect} {
		topics = append(topics, topic{kind: kind, questions: questions})
	}
	slices.SortFunc(topics, func(a, b topic) int { return strings.Compare(a.kind, b.kind) })
	const part = "while somebody types, from request to reply"
	for i := range topics {
		t := &topics[i]
		t.warm = b.report.sample(part, t.kind+", "+h.name, "ms", h.aims[t.kind]...)
		t.first = b.report.sample(part, "the first "+t.kind+" of a kernel, "+h.name, "ms", h.aims["first "+t.kind]...)
	}
	var s serial
	for range h.starts {
		for _, t := range topics {
			if err := b.withSet(ctx, h, func(k *kernel) error { return k.asks(ctx, t, t.questions[:1], &s, t.first) }); err != nil {
				return err
			}
		}
	}
	return b.withSet(ctx, h, func(k *kernel) error { return k.warm(ctx, topics, &s, b.Effort.Cells) })
}

// withSet starts a kernel, runs its first cell, and ends it after f.
func (b *bench) withSet(ctx context.Context, h helped, f func(*kernel) error) error {
	k, err := b.start(ctx, h.program)
	if err != nil {
		return err
	}
	defer k.stop()
	if _, _, err := k.execute(ctx, h.setUp, ""); err != nil {
		return err
	}
	return f(k)
}

// warm asks all questions until what answers them has had time to get ready, and then for the samples.
func (k *kernel) warm(ctx context.Context, topics []topic, s *serial, rounds int) error {
	ready := time.Now().Add(readyTime)
	for n := 0; n < rounds; {
		warm := time.Now().After(ready)
		for _, t := range topics {
			sample := &Sample{}
			if warm {
				sample = t.warm
			}
			if err := k.asks(ctx, t, t.questions, s, sample); err != nil {
				return err
			}
		}
		if warm {
			n++
		} else {
			time.Sleep(200 * time.Millisecond)
		}
	}
	return nil
}

// asks asks each question once.
func (k *kernel) asks(ctx context.Context, t topic, questions []question, s *serial, sample *Sample) error {
	for _, q := range questions {
		text := fmt.Sprintf(q.text, s.next())
		took, answer, err := k.ask(ctx, t.kind, text)
		if err != nil {
			return err
		}
		if !strings.Contains(answer, q.want) {
			return fmt.Errorf("%s: the %s in %q has no %q: %.300s", k.name, t.kind, text, q.want, answer)
		}
		sample.add(took)
	}
	return nil
}

// ask asks about the place of the cursor in a text, and returns how long the reply took, and what it says.
func (k *kernel) ask(ctx context.Context, kind, text string) (time.Duration, string, error) {
	before, after, _ := strings.Cut(text, "‸")
	text = before + after
	request, content := wire.CompleteRequestType, any(wire.CompleteRequest{Code: text, CursorPos: len(before)})
	if kind == "inspection" {
		request, content = wire.InspectRequestType, wire.InspectRequest{Code: text, CursorPos: len(before)}
	}
	id, sent, err := k.send(request, content)
	if err != nil {
		return 0, "", err
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case m := <-k.messages:
			if m.ParentID() == id && strings.HasSuffix(m.Header.MsgType, "_reply") {
				return m.at.Sub(sent), answerOf(m.Content), nil
			}
		case <-late.C:
			return 0, "", errPatience
		case <-k.dead:
			return 0, "", fmt.Errorf("%s has ended", k.name)
		case <-ctx.Done():
			return 0, "", context.Cause(ctx)
		}
	}
}

// answerOf returns what a reply holds, as text.
func answerOf(content []byte) string {
	var c struct {
		Matches []string
		Data    map[string]any
	}
	if json.Unmarshal(content, &c) != nil {
		return ""
	}
	return strings.Join(c.Matches, " ") + fmt.Sprint(c.Data["text/plain"], c.Data["text/html"], c.Data["text/markdown"])
}

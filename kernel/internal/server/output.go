package server

import (
	"context"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// How text is joined into messages.
const (
	streamDelay = 25 * time.Millisecond // the longest that text waits for more
	streamSize  = 64 << 10              // text of this length is sent at once
	streamMost  = 1 << 20               // the longest text of one message
)

// An output publishes what one execution makes. Its lock is held until a message is queued, so the
// messages have the order of the calls.
type output struct {
	s      *Server
	r      *request
	silent bool
	count  int

	mu     sync.Mutex
	name   string            // the stream of text
	text   []byte            // text that has not been sent
	tails  map[string][]byte // by stream, the beginning of a character whose end has not come
	timer  *time.Timer       // sends text; nil when none waits
	pages  []wire.Payload
	result *string // the text of the cell's value, for the history
}

// newOutput makes the output of an execution with the given number.
func newOutput(r *request, silent bool, count int) *output {
	return &output{s: r.s, r: r, silent: silent, count: count}
}

// forHandler returns o as the handler sees it: an Inputter only if the frontend can answer.
func (o *output) forHandler(sh *shell, stdin bool) Output {
	if stdin {
		return &inputOutput{o, sh}
	}
	return o
}

// Stream implements Output.
func (o *output) Stream(name, text string) {
	if o.silent || text == "" {
		return
	}
	if o.add(name, text) {
		o.pace()
	}
}

// pace waits while subscribers that read are far behind.
func (o *output) pace() {
	o.s.iopub.Pace(context.Background()) // it ends by itself when the server closes
}

// add appends text, and says whether there was so much that it was sent at once.
func (o *output) add(name, text string) (sent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.name != name {
		o.flush()
		o.name = name
	}
	o.text = append(append(o.text, o.tails[name]...), text...)
	delete(o.tails, name)
	if len(o.text) >= streamSize {
		o.flush()
		return true
	}
	if o.timer == nil {
		o.timer = time.AfterFunc(streamDelay, o.expire)
	}
	return false
}

// expire sends text that has waited long enough.
func (o *output) expire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush()
}

// flush sends the text, except for the beginning of a character at its end.
func (o *output) flush() {
	if o.timer != nil {
		o.timer.Stop()
		o.timer = nil
	}
	whole := wholeRunes(o.text)
	if tail := o.text[whole:]; len(tail) > 0 {
		if o.tails == nil {
			o.tails = map[string][]byte{}
		}
		o.tails[o.name] = append([]byte(nil), tail...)
	}
	o.sendText(o.name, o.text[:whole])
	o.text = o.text[:0]
}

// flushAll sends the text and every unfinished character.
func (o *output) flushAll() {
	o.flush()
	for name, tail := range o.tails {
		o.sendText(name, tail)
		delete(o.tails, name)
	}
}

// sendText publishes text in messages of a bounded length.
func (o *output) sendText(name string, text []byte) {
	for len(text) > 0 {
		n := len(text)
		if n > streamMost {
			n = max(1, wholeRunes(text[:streamMost]))
		}
		o.publish(wire.StreamType, wire.Stream{Name: name, Text: string(text[:n])})
		text = text[n:]
	}
}

// wholeRunes returns the length of b without an unfinished character at its end.
func wholeRunes(b []byte) int {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if utf8.FullRune(b[i:]) {
				break
			}
			return i
		}
	}
	return len(b)
}

// publish sends content as caused by the execution.
func (o *output) publish(msgType string, content any) error {
	return o.s.publish(msgType, &o.r.msg, content)
}

// Display implements Output.
func (o *output) Display(b frame.Bundle) { o.show(wire.DisplayDataType, b) }

// Update implements Output.
func (o *output) Update(b frame.Bundle) { o.show(wire.UpdateDisplayType, b) }

// Result implements Output.
func (o *output) Result(b frame.Bundle) {
	if text, ok := b.Data["text/plain"].(string); ok {
		o.mu.Lock()
		o.result = &text
		o.mu.Unlock()
	}
	o.show(wire.ExecuteResultType, b)
}

// show publishes a bundle. One that JSON cannot hold is shown as its text, with the reason.
func (o *output) show(msgType string, b frame.Bundle) {
	if o.silent {
		return
	}
	defer o.pace()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flushAll()
	err := o.publish(msgType, o.content(msgType, b))
	if err == nil {
		return
	}
	o.publish(wire.StreamType, wire.Stream{Name: "stderr", Text: fmt.Sprintf("lathe: not shown in full: %v\n", err)})
	if text, ok := b.Data["text/plain"].(string); ok {
		plain := frame.Bundle{Data: map[string]any{"text/plain": text}, DisplayID: b.DisplayID}
		o.publish(msgType, o.content(msgType, plain))
	}
}

// content puts a bundle in the form of its message.
func (o *output) content(msgType string, b frame.Bundle) any {
	d := wire.DisplayData{Data: orEmpty(b.Data), Metadata: orEmpty(b.Metadata), Transient: wire.Transient{DisplayID: b.DisplayID}}
	if msgType == wire.ExecuteResultType {
		return wire.ExecuteResult{ExecutionCount: o.count, DisplayData: d}
	}
	return d
}

// orEmpty makes a missing map an empty one, which JSON writes as an object.
func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// Clear implements Output.
func (o *output) Clear(wait bool) {
	if o.silent {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flushAll()
	o.publish(wire.ClearOutputType, wire.ClearOutput{Wait: wait})
}

// Page implements Pager.
func (o *output) Page(b frame.Bundle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pages = append(o.pages, wire.Payload{Source: "page", Data: orEmpty(b.Data)})
}

// NextInput implements NextInputter.
func (o *output) NextInput(text string, replace bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pages = append(o.pages, wire.Payload{Source: "set_next_input", Text: text, Replace: replace})
}

// payload returns what the reply asks of the frontend.
func (o *output) payload() []wire.Payload {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]wire.Payload{}, o.pages...)
}

// value returns the text of the cell's value, or nil if it has none.
func (o *output) value() *string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.result
}

// finish sends all text, before the reply. Text that comes later is sent as it comes.
func (o *output) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flushAll()
}

package kerneltest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// A view is what a cell shows, as text. Neighbouring texts of one stream are one.
type view struct {
	lines   []string
	prompts []string
	stream  string // the stream whose last line may go on; "" if none
	errors  int
}

// ansi matches the colours of a terminal.
var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

// String returns the lines, prompts first: they come on a channel of their own, so their place among
// the others means nothing.
func (v *view) String() string {
	all := append(slices.Clone(v.prompts), v.lines...)
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}

// add shows one message. It returns true for the idle that ends a cell.
func (v *view) add(m wire.Message) bool {
	var c struct {
		wire.Stream
		wire.Error
		wire.DisplayData
		wire.Status
		wire.ClearOutput
	}
	if err := json.Unmarshal(m.Content, &c); err != nil {
		v.text("malformed: ", fmt.Sprintf("%s: %v", m.Header.MsgType, err))
		return false
	}
	switch m.Header.MsgType {
	case wire.StatusType:
		return c.ExecutionState == wire.Idle
	case wire.ExecuteInputType:
	case wire.StreamType:
		v.addStream(c.Stream)
	case wire.ExecuteResultType:
		v.text("result: ", shown(c.Data))
	case wire.DisplayDataType:
		v.text("display: ", forms(c.Data)+shown(c.Data))
	case wire.UpdateDisplayType:
		v.text("update: ", forms(c.Data)+shown(c.Data))
	case wire.ClearOutputType:
		v.text("clear", map[bool]string{true: " wait"}[c.Wait])
	case wire.ErrorType:
		v.addError(c.Error)
	default:
		v.text(m.Header.MsgType+": ", string(m.Content))
	}
	return false
}

// text adds a text that is no stream, behind its lead.
func (v *view) text(lead, text string) {
	v.stream = ""
	for i, line := range strings.Split(strings.TrimSuffix(visible(text), "\n"), "\n") {
		if i > 0 {
			lead = "  "
		}
		v.lines = append(v.lines, strings.TrimRight(lead+line, " "))
	}
}

// visible writes out what would not show.
func visible(text string) string {
	return strings.NewReplacer("\r", `\r`, "\x1b", `\e`, "\t", "\t").Replace(text)
}

// addStream adds text to the lines of its stream.
func (v *view) addStream(s wire.Stream) {
	for line := range strings.Lines(s.Text) {
		body, ended := strings.CutSuffix(line, "\n")
		if v.stream == s.Name {
			v.lines[len(v.lines)-1] += visible(body)
		} else {
			v.lines = append(v.lines, s.Name+": "+visible(body))
		}
		v.stream = s.Name
		if ended {
			v.stream = ""
		}
	}
}

// addError adds an error, and of its traceback what points into cells.
func (v *view) addError(e wire.Error) {
	v.errors++
	v.text("error: ", ansi.ReplaceAllString(e.Name+": "+e.Value, ""))
	for _, entry := range e.Traceback {
		for _, line := range strings.Split(ansi.ReplaceAllString(entry, ""), "\n") {
			if strings.Contains(line, "In[") {
				v.lines = append(v.lines, "  "+strings.TrimSpace(line))
			}
		}
	}
}

// addPrompt adds a question to the user.
func (v *view) addPrompt(m wire.Message) {
	var q wire.InputRequest
	json.Unmarshal(m.Content, &q) // a malformed prompt shows as an empty one
	v.prompts = append(v.prompts, "input: "+visible(q.Prompt))
}

// addReply adds what of the reply a cell's output does not tell.
func (v *view) addReply(m wire.Message) {
	var r struct {
		Status  string         `json:"status"`
		Name    string         `json:"ename"`
		Value   string         `json:"evalue"`
		Payload []wire.Payload `json:"payload"`
	}
	if err := json.Unmarshal(m.Content, &r); err != nil {
		v.text("malformed: ", fmt.Sprintf("%s: %v", m.Header.MsgType, err))
	}
	for _, p := range r.Payload {
		v.text(p.Source+": ", shown(p.Data)+p.Text)
	}
	if r.Status != "ok" && v.errors == 0 {
		v.text("status: ", r.Status+": "+r.Name+": "+r.Value)
	}
	if r.Status == "ok" && v.errors > 0 {
		v.text("status: ", "ok")
	}
}

// shown returns the plain text of a bundle.
func shown(data map[string]any) string {
	s, _ := data["text/plain"].(string)
	return s
}

// forms lists the MIME types of a bundle.
func forms(data map[string]any) string {
	return fmt.Sprint(slices.Sorted(maps.Keys(data))) + " "
}

// matchLines says whether text is what want describes: in a line of want, … stands for any text, and
// alone for any lines.
func matchLines(want, text string) bool {
	return matchFrom(splitLines(want), splitLines(text))
}

// splitLines cuts text into lines.
func splitLines(text string) []string {
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// matchFrom matches all lines.
func matchFrom(want, lines []string) bool {
	for len(want) > 0 {
		if strings.TrimSpace(want[0]) == "…" {
			for skip := range len(lines) + 1 {
				if matchFrom(want[1:], lines[skip:]) {
					return true
				}
			}
			return false
		}
		if len(lines) == 0 || !matchLine(want[0], lines[0]) {
			return false
		}
		want, lines = want[1:], lines[1:]
	}
	return len(lines) == 0
}

// matchLine matches one line: the first part begins it, the last ends it, the others follow in order.
func matchLine(want, line string) bool {
	parts := strings.Split(want, "…")
	if len(parts) == 1 {
		return want == line
	}
	rest, ok := strings.CutPrefix(line, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

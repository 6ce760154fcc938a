package kerneltest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// A transcript is what passed between a Frontend and its kernel. It is written by request, as nothing but
// the order of what one request causes on one channel is certain.
type transcript struct {
	mu      sync.Mutex
	entries []entry
}

// An entry is one message of a transcript.
type entry struct {
	request string // the identifier of the request that it is, or that caused it; "" is none
	from    string
	channel string
	m       wire.Message
}

// add notes a message. A nil transcript notes none.
func (t *transcript) add(e entry) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = append(t.entries, e)
}

// types lists the types of the messages, behind who sent them.
func (t *transcript) types() (all []string) {
	for _, e := range t.entries {
		all = append(all, e.from+" "+e.m.Header.MsgType)
	}
	return all
}

// String writes the transcript, without what differs from one run to another.
func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	names, groups := map[string]string{}, []string{""}
	for _, e := range t.entries {
		if e.from == fromFrontend && e.request == e.m.Header.MsgID {
			names[e.request] = fmt.Sprintf("request-%d", len(groups))
			groups = append(groups, e.request)
		}
		names[e.m.Header.Session] = map[string]string{fromFrontend: "frontend", fromKernel: "kernel"}[e.from]
		names[e.m.Header.MsgID] = cmp.Or(names[e.m.Header.MsgID], "message")
	}
	var b strings.Builder
	for _, group := range groups {
		for _, channel := range []string{Shell, Control, Stdin, iopub} {
			for _, e := range t.entries {
				if e.request == group && e.channel == channel {
					e.write(&b)
				}
			}
		}
	}
	return normal(b.String(), names)
}

// write writes one message: its parts as JSON, with the fields in the order of their names.
func (e entry) write(b *strings.Builder) {
	if e.from == fromFrontend && e.request == e.m.Header.MsgID {
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "%s %s %s\n", e.from, e.channel, e.m.Header.MsgType)
	for _, part := range []struct {
		name string
		raw  json.RawMessage
	}{{"header", e.m.Origin}, {"parent", e.m.Parent}, {"metadata", e.m.Metadata}, {"content", e.m.Content}} {
		if text := canonical(part.raw); text != "{}" {
			fmt.Fprintf(b, "  %-8s %s\n", part.name, text)
		}
	}
	for _, buffer := range e.m.Buffers {
		fmt.Fprintf(b, "  buffer   %x\n", buffer)
	}
}

// canonical writes JSON with sorted fields and spaces, in one line.
func canonical(raw json.RawMessage) string {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return "{}"
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(v) != nil {
		return "{}"
	}
	return strings.TrimSpace(b.String())
}

// What differs from one run to another.
var (
	identifier = regexp.MustCompile(`[0-9a-f]{32}`)
	moment     = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`)
	port       = regexp.MustCompile(`_port":\d+`)
)

// normal replaces what differs from one run to another; identifiers that have no name yet are of subshells.
func normal(text string, names map[string]string) string {
	text = moment.ReplaceAllString(text, "DATE")
	text = port.ReplaceAllString(text, `_port":"PORT"`)
	var subshells []string
	return identifier.ReplaceAllStringFunc(text, func(id string) string {
		if name := names[id]; name != "" {
			return name
		}
		if !slices.Contains(subshells, id) {
			subshells = append(subshells, id)
		}
		return fmt.Sprintf("subshell-%d", slices.Index(subshells, id)+1)
	})
}

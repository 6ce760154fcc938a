package gonb

import (
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/janpfeifer/gonb/gonbui/protocol"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// displays knows what is on the page.
type displays struct {
	mu    sync.Mutex
	known map[string]bool // the identifiers that were shown
}

// transientPrefix begins the identifier under which gonbui's package dom shows its scripts. dom makes one
// for each process, which for GoNB is one for each execution of a cell. Here each execution gets one of
// its own: the output of an earlier one may not be on the page any more.
const transientPrefix = "gonb_transient_js_"

// show puts data on the page of the calling goroutine's cell. With an identifier that was shown before it
// takes the place of what has it.
func (ds *displays) show(s *Server, d *protocol.DisplayData) {
	b := bundle(d)
	transient := strings.HasPrefix(b.DisplayID, transientPrefix)
	if transient {
		b.DisplayID = fmt.Sprintf("%s_%d", b.DisplayID, s.opts.Cell())
	}
	if markup, ok := b.Data[mimeHTML].(string); ok {
		if fig, ok := findFigure(markup); ok {
			b = fig.bundle(b.DisplayID, transient)
		} else if transient && markup != "" {
			b.Data[mimeHTML] = s.page.choose() + markup
		}
	}
	kind := frame.Display
	if b.DisplayID != "" {
		ds.mu.Lock()
		if ds.known[b.DisplayID] {
			kind = frame.Update
		}
		ds.known[b.DisplayID] = true
		ds.mu.Unlock()
	}
	send(kind, 0, b)
}

// send sends a bundle of a cell, or of the calling goroutine's if cell is 0.
func send(kind frame.Kind, cell uint64, b frame.Bundle) {
	sink := frame.Attached()
	if sink == nil {
		return
	}
	f, err := frame.Encode(kind, b)
	if err != nil {
		note(fmt.Sprintf("gonbui: not shown: %v", err))
		return
	}
	f.Cell = cell
	_ = sink.Send(f) // the kernel is gone if this fails, and the process with it
}

const (
	mimePlain = string(protocol.MIMETextPlain)
	mimeHTML  = string(protocol.MIMETextHTML)
)

// bundle makes a bundle of what gonbui shows.
func bundle(d *protocol.DisplayData) frame.Bundle {
	b := frame.Bundle{Data: map[string]any{}, Metadata: d.Metadata, DisplayID: d.DisplayID}
	for mime, v := range d.Data {
		b.Data[string(mime)] = wireValue(string(mime), v)
	}
	if _, ok := b.Data[mimePlain]; !ok {
		b.Data[mimePlain] = plainText(b.Data)
	}
	return b
}

// wireValue returns v as JSON carries it: text as a string, other bytes in base64.
func wireValue(mime string, v any) any {
	data, ok := v.([]byte)
	if !ok {
		return v
	}
	if strings.HasPrefix(mime, "text/") || strings.HasSuffix(mime, "+xml") || strings.HasSuffix(mime, "/javascript") {
		return string(data)
	}
	return base64.StdEncoding.EncodeToString(data)
}

// plainText says in plain text what is shown, for where there is no page.
func plainText(data map[string]any) string {
	if text, ok := data[string(protocol.MIMETextMarkdown)].(string); ok {
		return text
	}
	if markup, ok := data[mimeHTML].(string); ok {
		return textOf(markup)
	}
	var mimes []string
	for mime := range data {
		mimes = append(mimes, mime)
	}
	if len(mimes) == 0 {
		return ""
	}
	slices.Sort(mimes)
	return "(" + strings.Join(mimes, ", ") + ")"
}

var (
	noText  = regexp.MustCompile(`(?is)<(script|style|svg)\b.*?</(script|style|svg)\s*>|<!--.*?-->`)
	newLine = regexp.MustCompile(`(?i)<(br|hr|/p|/div|/tr|/li|/h[1-6])\b[^>]*>`)
	anyTag  = regexp.MustCompile(`(?s)<[^>]*>`)
	spaces  = regexp.MustCompile(`[ \t]+`)
	lines   = regexp.MustCompile(` ?\n\s*`)
)

// textOf returns the words of HTML, a line for each of its lines.
func textOf(markup string) string {
	text := noText.ReplaceAllString(markup, "")
	text = strings.Join(strings.Fields(text), " ")
	text = newLine.ReplaceAllString(text, "\n")
	text = anyTag.ReplaceAllString(text, "")
	text = lines.ReplaceAllString(spaces.ReplaceAllString(html.UnescapeString(text), " "), "\n")
	return strings.TrimSpace(text)
}

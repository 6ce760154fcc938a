// Package printed keeps what a program prints within bounds: the beginning whole, the end whole, and of what lies
// between a line now and then.
package printed

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	headSize   = 64 << 10         // of the beginning, all is kept
	tailSize   = 64 << 10         // and of the end
	glimpse    = 4 << 10          // of what lies between, so much is kept at a time
	glimpseAge = 10 * time.Second // at first as often as this, later in hundredths of the age
	chunkSize  = 1 << 10          // lines of one stream are kept together up to this
	lineSize   = 4 << 10          // a line that is longer is kept in parts
)

// The streams.
const (
	Stdout = "stdout"
	Stderr = "stderr"
)

// A Chunk is text of one stream.
type Chunk struct {
	At     int64  `json:"at"` // how many bytes were printed before, without those that were overwritten
	Size   int    `json:"size"`
	Stream string `json:"stream"`
	Text   string `json:"text"` // of Size bytes, but for what was replaced
}

// A Piece is a part of what was printed. The next ones may leave out, and repeat whole chunks.
type Piece struct {
	Of     int64   `json:"of"` // the Recorder's beginning, which tells several apart: Unix time in nanoseconds
	Chunks []Chunk `json:"chunks"`
}

// A Recorder takes what is printed. Text that a carriage return has overwritten, such as all states of a progress
// bar but the last, is not kept.
type Recorder struct {
	began time.Time

	mu    sync.Mutex
	lines map[string]*line // that have not ended, by stream
	at    int64            // bytes of ended text so far
	head  []chunk          // that Take has not returned
	tail  ring
	taken int64 // up to here Take has returned everything, or left it out
	when  time.Time
	hide  hider
}

type line struct {
	text []byte
	back bool // the last byte was a carriage return: what follows overwrites text, unless the line ends
}

type chunk struct {
	at     int64
	stream string
	text   []byte
	sealed bool // Take has returned it: it grows no more
}

// New returns a Recorder. Secret says why a line must not be kept, or "".
func New(began time.Time, secret func(line string) string) *Recorder {
	return &Recorder{began: began, when: began, hide: hider{secret: secret}, lines: map[string]*line{Stdout: {}, Stderr: {}}}
}

// Write takes text of a stream.
func (r *Recorder) Write(stream string, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lines[stream]
	for len(b) > 0 {
		if l.back && b[0] != '\n' {
			l.text = l.text[:0]
		}
		l.back = false
		n := bytes.IndexAny(b, "\r\n")
		if n < 0 {
			l.text = append(l.text, b...)
			break
		}
		l.text = append(l.text, b[:n]...)
		if b[n] == '\r' {
			l.back = true
		} else {
			l.text = append(l.text, '\n')
			r.end(stream, l)
		}
		b = b[n+1:]
	}
	if len(l.text) > lineSize {
		r.end(stream, l)
	}
}

// end takes the text of l as it is. The lock is held.
func (r *Recorder) end(stream string, l *line) {
	if len(l.text) == 0 {
		return
	}
	if r.at < headSize {
		r.head = appendText(r.head, r.at, stream, l.text)
	} else {
		r.tail.add(r.at, stream, l.text)
	}
	r.at += int64(len(l.text))
	l.text = l.text[:0]
}

// appendText adds text to the last chunk where it fits.
func appendText(chunks []chunk, at int64, stream string, text []byte) []chunk {
	if n := len(chunks) - 1; n >= 0 && !chunks[n].sealed && chunks[n].stream == stream && len(chunks[n].text)+len(text) <= chunkSize {
		chunks[n].text = append(chunks[n].text, text...)
		return chunks
	}
	return append(chunks, chunk{at: at, stream: stream, text: bytes.Clone(text)})
}

// A ring keeps the end of a text.
type ring struct {
	chunks []chunk
	size   int
}

func (t *ring) add(at int64, stream string, text []byte) {
	t.chunks = appendText(t.chunks, at, stream, text)
	t.size += len(text)
	for len(t.chunks) > 0 && t.size-len(t.chunks[0].text) >= tailSize {
		t.size -= len(t.chunks[0].text)
		t.chunks = t.chunks[1:]
	}
}

// after returns the chunks behind at, of which the last ones, up to size bytes.
func (t *ring) after(at int64, size int) []chunk {
	first := len(t.chunks)
	for first > 0 && t.chunks[first-1].at >= at && size > 0 {
		first--
		size -= len(t.chunks[first].text)
	}
	return t.chunks[first:]
}

// Take returns what is to be kept of what was printed since the last call; with last, of the end too. It returns no
// pieces where there is nothing.
func (r *Recorder) Take(now time.Time, last bool) []Piece {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last {
		r.end(Stdout, r.lines[Stdout])
		r.end(Stderr, r.lines[Stderr])
	}
	var pieces []Piece
	if len(r.head) > 0 {
		pieces = append(pieces, r.piece(r.head))
		r.head = nil
	}
	var rest []chunk
	switch {
	case last:
		rest = r.tail.chunks
	case now.Sub(r.when) >= max(glimpseAge, now.Sub(r.began)/100):
		rest = r.tail.after(r.taken, glimpse)
		r.when = now
	}
	if len(rest) > 0 {
		pieces = append(pieces, r.piece(rest))
		r.taken = r.at
		r.tail.chunks[len(r.tail.chunks)-1].sealed = true
	}
	return pieces
}

// piece makes a piece of chunks.
func (r *Recorder) piece(chunks []chunk) Piece {
	p := Piece{Of: r.began.UnixNano()}
	for _, c := range chunks {
		p.Chunks = append(p.Chunks, Chunk{c.at, len(c.text), c.stream, r.hide.text(string(c.text))})
	}
	return p
}

// A Part is text of one stream, with how much that is not kept lies before it.
type Part struct {
	Skipped int64
	Stream  string
	Text    string
}

// Join puts the pieces of one Recorder together, in the order in which Take returned them.
func Join(pieces []Piece) []Part {
	var all []Chunk
	for _, p := range pieces {
		all = append(all, p.Chunks...)
	}
	slices.SortStableFunc(all, func(a, b Chunk) int { return cmp.Compare(a.At, b.At) })
	var parts []Part
	at := int64(0)
	for _, c := range all {
		n := len(parts) - 1
		switch {
		case c.At < at: // it is there already
			continue
		case c.At == at && n >= 0 && parts[n].Stream == c.Stream:
			parts[n].Text += c.Text
		default:
			parts = append(parts, Part{c.At - at, c.Stream, c.Text})
		}
		at = c.At + int64(c.Size)
	}
	return parts
}

// Split makes a piece of what Join has returned.
func Split(of int64, parts []Part) Piece {
	p, at := Piece{Of: of}, int64(0)
	for _, part := range parts {
		at += part.Skipped
		p.Chunks = append(p.Chunks, Chunk{at, len(part.Text), part.Stream, part.Text})
		at += int64(len(part.Text))
	}
	return p
}

// A hider replaces lines that must not be kept.
type hider struct {
	secret func(line string) string
	inside bool // of a private key, up to its last line
}

func (h *hider) text(s string) string {
	if !h.inside && h.secret(s) == "" {
		return s
	}
	var out strings.Builder
	for l := range strings.Lines(s) {
		why := h.secret(l)
		if h.inside {
			h.inside = !strings.Contains(l, "-----END")
			continue
		}
		if why == "" {
			out.WriteString(l)
			continue
		}
		out.WriteString("(kept out of the worklog: " + why + ")\n")
		h.inside = strings.Contains(l, "-----BEGIN") && !strings.Contains(l, "-----END")
	}
	return out.String()
}

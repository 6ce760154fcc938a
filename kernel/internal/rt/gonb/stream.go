package gonb

import (
	"encoding/gob"
	"fmt"
	"io"
	"sync"

	"github.com/janpfeifer/gonb/gonbui/protocol"
)

func init() {
	// What values of a page are made of when they are of no simpler kind.
	gob.Register([]any{})
	gob.Register(map[string]any{})
}

// A stream takes messages apart that come in pieces. A piece need not be a message, nor a message a piece:
// gob interrupts a message for the types that it mentions. So a decoder of its own goroutine is fed,
// in turns: it runs while write waits.
type stream struct {
	mu      sync.Mutex
	pieces  chan []byte  // to the decoder; nil before the first
	decoded chan decoded // from it
}

// A decoded is a message, an error, or that the decoder has come to the end of a piece.
type decoded struct {
	data *protocol.DisplayData
	err  error
	end  bool
}

// write takes a piece and calls serve with each message that it completes.
func (s *stream) write(b []byte, serve func(*protocol.DisplayData)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pieces == nil {
		s.pieces, s.decoded = make(chan []byte), make(chan decoded)
		go s.decode(&feed{s: s})
	}
	s.pieces <- b
	var first error
	for {
		switch d := <-s.decoded; {
		case d.end:
			return first
		case d.err != nil:
			if first == nil {
				first = fmt.Errorf("what gonbui has sent cannot be read: %w", d.err)
			}
		default:
			serve(d.data)
		}
	}
}

// decode decodes what f is fed until that ends. Each error is one message less.
func (s *stream) decode(f *feed) {
	dec := gob.NewDecoder(f)
	for {
		d := &protocol.DisplayData{}
		err := dec.Decode(d)
		if f.ended {
			return
		}
		s.decoded <- decoded{data: d, err: err}
	}
}

// close ends the decoder.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pieces != nil {
		close(s.pieces)
	}
}

// A feed is what the decoder reads.
type feed struct {
	s     *stream
	begun bool
	ended bool
	rest  []byte
}

func (f *feed) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.begun {
			f.s.decoded <- decoded{end: true}
		}
		piece, ok := <-f.s.pieces
		if !ok {
			f.ended = true
			return 0, io.EOF
		}
		f.begun, f.rest = true, piece
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

package process

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/rt/control"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// An asker asks the user for lines, through the kernel.
type asker struct {
	send func(frame.Frame) error

	mu   sync.Mutex
	last uint64
	open map[uint64]chan control.Answer
}

// ask waits for the answer to one question or for the end of ctx. The frame gets the calling goroutine's
// execution.
func (a *asker) ask(ctx context.Context, prompt string, password bool) (string, error) {
	answer := make(chan control.Answer, 1)
	a.mu.Lock()
	a.last++
	id := a.last
	a.open[id] = answer
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.open, id)
		a.mu.Unlock()
	}()
	f, err := frame.Encode(control.KindAsk, control.Ask{ID: id, Prompt: prompt, Password: password})
	if err == nil {
		err = a.send(f)
	}
	if err != nil {
		return "", err
	}
	select {
	case got := <-answer:
		if got.Err != "" {
			return "", errors.New(got.Err)
		}
		return got.Line, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// answer takes an answer from the kernel.
func (a *asker) answer(got control.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if to := a.open[got.ID]; to != nil {
		to <- got
		delete(a.open, got.ID)
	}
}

// endOfInput is what a user types to end the standard input, as in a terminal: Ctrl-D.
const endOfInput = "\x04"

// A stdin is the standard input of cells: when a cell reads and nothing is there, the user is asked.
type stdin struct {
	ask func(prompt string, password bool) (string, error)

	turn sync.Mutex // held by the one reader that asks
	mu   sync.Mutex
	wake *sync.Cond // questions has shrunk
	text []byte
	// questions are those that the user is asked one after the other, before anybody reads.
	questions []question
}

// A question is one to the user.
type question struct {
	prompt   string
	password bool
}

func (s *stdin) start(ask func(prompt string, password bool) (string, error)) {
	s.ask = ask
	s.wake = sync.NewCond(&s.mu)
}

// expect asks the user for a line that is to be read, and does not wait for it: readers do.
func (s *stdin) expect(prompt string, password bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.questions = append(s.questions, question{prompt, password})
	if len(s.questions) == 1 {
		go s.askAll()
	}
}

// askAll asks the questions. It belongs to the cell that has asked the first of them.
func (s *stdin) askAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.questions) > 0 {
		q := s.questions[0]
		s.mu.Unlock()
		if line, err := s.ask(q.prompt, q.password); err == nil && line != endOfInput {
			s.push(line)
		}
		s.mu.Lock()
		s.questions = s.questions[1:]
		s.wake.Broadcast()
	}
}

// push makes a line readable.
func (s *stdin) push(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(append(s.text, line...), '\n')
}

// take reads what is there or, if the user is being asked, what comes of it.
func (s *stdin) take(b []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.text) == 0 && len(s.questions) > 0 {
		s.wake.Wait()
	}
	n := copy(b, s.text)
	s.text = s.text[n:]
	return n
}

// read fills b with at least a byte, as io.Reader has it.
func (s *stdin) read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	for {
		if n := s.take(b); n > 0 {
			return n, nil
		}
		line, err := s.ask("", false)
		if err != nil {
			return 0, &os.PathError{Op: "read", Path: os.Stdin.Name(), Err: err}
		}
		if line == endOfInput {
			return 0, io.EOF
		}
		s.push(line)
	}
}

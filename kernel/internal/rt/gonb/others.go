package gonb

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// serveOthers lets the programs in that cells start.
func (s *Server) serveOthers() {
	for !s.ended() {
		out, back, err := s.accept()
		if err != nil {
			if !s.ended() {
				note("gonbui does not work any more in programs that cells start: " + err.Error())
			}
			return
		}
		go s.serveOther(out, back)
	}
}

func (s *Server) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// accept waits for a program and returns its pipes. gonbui opens the one for writing first. While nobody
// reads it the program waits, so the next one finds a pipe of its own, which nobody reads yet.
func (s *Server) accept() (out, back *os.File, err error) {
	if out, err = os.Open(s.out); err != nil {
		return nil, nil, err
	}
	err = makePipe(s.out)
	if err == nil {
		back, err = s.openBack()
	}
	if err == nil {
		err = makePipe(s.back)
	}
	if err != nil {
		out.Close()
		back.Close() // a nil file may be closed
		return nil, nil, err
	}
	return out, back, nil
}

// openBack waits for the program that has opened the other pipe to open this one as well, which it does at
// once. One that has died is not waited for long; the file is nil then.
func (s *Server) openBack() (*os.File, error) {
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && !s.ended(); {
		f, err := os.OpenFile(s.back, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if !errors.Is(err, syscall.ENXIO) { // nobody reads
			return f, err
		}
		time.Sleep(time.Millisecond)
	}
	return nil, nil
}

// serveOther serves a program until it closes its pipe.
func (s *Server) serveOther(out, back *os.File) {
	defer out.Close()
	p := &peer{inbox: newInbox(), other: true}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(plainWriter{back}, p.inbox) // it ends with the inbox or with the program
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := out.Read(buf)
		if n > 0 {
			s.take(p, buf[:n])
		}
		if err != nil {
			break
		}
	}
	s.forget(p)
	p.in.close()
	p.inbox.close()
	back.Close()
	<-copied
}

// A plainWriter hides the other methods of a file from io.Copy.
type plainWriter struct{ io.Writer }

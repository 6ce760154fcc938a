package gonb

import (
	"io"
	"os"
)

// serveOthers serves the programs that cells start, one after the other: those that overlap share what is
// made for the first.
func (s *Server) serveOthers() {
	var out *os.File
	defer func() { out.Close() }() // a nil file may be closed
	for !s.ended() {
		// gonbui opens the pipe for writing first. What an earlier program has not read is not for the next.
		back, err := s.openBack()
		if err != nil {
			s.failOthers(err)
			return
		}
		// This waits for a program. The pipe that the earlier one has closed stays open until then: a program
		// that comes this moment must find a reader.
		next, err := os.Open(s.out)
		if err != nil {
			back.Close()
			s.failOthers(err)
			return
		}
		out.Close()
		out = next
		s.serveOther(out, back)
	}
}

// failOthers tells that no program can be served any more, if that is not on purpose.
func (s *Server) failOthers(err error) {
	if err != nil && !s.ended() {
		note("gonbui does not work in programs that cells start: " + err.Error())
	}
}

func (s *Server) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// openBack makes the pipe anew by which programs are answered. It is open for reading as well, so that
// neither side has to wait for the other.
func (s *Server) openBack() (*os.File, error) {
	if err := makePipe(s.back); err != nil {
		return nil, err
	}
	return os.OpenFile(s.back, os.O_RDWR, 0)
}

// serveOther serves programs until the last of them has closed the pipe.
func (s *Server) serveOther(out, back *os.File) {
	p := &peer{inbox: newInbox(), other: true}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(plainWriter{back}, p.inbox) // it ends when back is closed
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

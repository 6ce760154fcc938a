package golang

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// maxStream is how many bytes of text one cell shows: more would freeze a browser and bloat the notebook.
const maxStream = 16 << 20

// A limited output shows the text of a cell up to a limit, says where it cut, and passes on all else. What it
// shows may be copied to a file.
type limited struct {
	server.Output
	mu    sync.Mutex
	shown int
	file  *os.File // the copy, or nil
	lost  error    // why the copy is not whole

	// ask tells that the next command of the cell may ask the user, and secret that nobody is to see the
	// answer. Directives alone use them, one after another.
	ask, secret bool
}

// frontend returns the output that this one limits.
func (l *limited) frontend() server.Output { return l.Output }

// capture begins to copy what is shown to a file, or ends it with nil: then it returns why the copy is not
// whole.
func (l *limited) capture(f *os.File) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.file != nil {
		err = errors.Join(l.lost, l.file.Close())
	}
	l.file, l.lost = f, nil
	return err
}

// copied writes to the copy, if there is one. The lock is held.
func (l *limited) copied(text string) {
	if l.file == nil {
		return
	}
	if _, err := l.file.WriteString(text); err != nil {
		l.lost = err
	}
}

// Display shows a value.
func (l *limited) Display(b frame.Bundle) {
	l.copyBundle(b)
	l.Output.Display(b)
}

// Result shows the value of the cell.
func (l *limited) Result(b frame.Bundle) {
	l.copyBundle(b)
	l.Output.Result(b)
}

// copyBundle writes a value to the copy, in the form that reads best as text.
func (l *limited) copyBundle(b frame.Bundle) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, mime := range []string{"text/plain", "text/markdown", "text/html", "image/svg+xml"} {
		if text, ok := b.Data[mime].(string); ok {
			l.copied(strings.TrimSuffix(text, "\n") + "\n")
			return
		}
	}
}

// Stream shows text until the limit is reached.
func (l *limited) Stream(name, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.copied(text)
	room := maxStream - l.shown
	if room < 0 {
		return
	}
	l.shown += len(text)
	if len(text) <= room {
		l.Output.Stream(name, text)
		return
	}
	l.shown = maxStream + 1
	l.Output.Stream(name, text[:room])
	l.Output.Stream("stderr", fmt.Sprintf("\nnote: the cell has printed more than %d MB; what follows is not shown\n", maxStream>>20))
}

package main

import (
	"fmt"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/server"
)

// maxStream is how many bytes of text one cell shows: more would freeze a browser and bloat the notebook.
const maxStream = 16 << 20

// A limited output shows the text of a cell up to a limit, says where it cut, and passes on all else.
type limited struct {
	server.Output
	mu    sync.Mutex
	shown int
}

// Stream shows text until the limit is reached.
func (l *limited) Stream(name, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
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

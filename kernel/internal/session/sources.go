package session

import (
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// sources are the texts of all cells, for the lines of a trace. A panic may be reported at any time.
type sources struct {
	mu    sync.Mutex
	texts map[string]string   // by the name of the cell
	shown map[[32]byte]string // by the digest of a text, the name of the cell that had it last
	ran   []frame.Cell        // in the order of their starts
	told  int                 // so many of them the worker knows
}

// add notes the text of a cell.
func (c *sources) add(name, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts[name] = text
	c.shown[sha256.Sum256([]byte(text))] = name
}

// begun notes that a cell of the notebook runs: one that could not be compiled never does, and what the kernel
// runs by itself is no cell.
func (c *sources) begun(req Request) {
	if !strings.HasPrefix(req.Name, "In[") {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran = append(c.ran, frame.Cell{Number: req.Number, Name: req.Name, Text: req.Text, Time: time.Now()})
}

// tell returns the cells that the worker does not know, which are told by that.
func (c *sources) tell() []frame.Cell {
	c.mu.Lock()
	defer c.mu.Unlock()
	news := c.ran[c.told:]
	c.told = len(c.ran)
	return news[:len(news):len(news)]
}

// restart forgets the cells that ran: what comes does not build on them.
func (c *sources) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran, c.told = nil, 0
}

// forgotten makes the worker one that knows no cell.
func (c *sources) forgotten() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = 0
}

// text returns the text of a cell.
func (c *sources) text(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.texts[name]
}

// latest returns the text of a cell and the name under which the notebook shows it now, which is that of its
// last run.
func (c *sources) latest(name string) (now, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text = c.texts[name]
	if now, ok := c.shown[sha256.Sum256([]byte(text))]; ok {
		return now, text
	}
	return name, text
}

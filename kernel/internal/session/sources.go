package session

import (
	"crypto/sha256"
	"sync"
)

// sources are the texts of all cells, for the lines of a trace. A panic may be reported at any time.
type sources struct {
	mu    sync.Mutex
	texts map[string]string   // by the name of the cell
	shown map[[32]byte]string // by the digest of a text, the name of the cell that had it last
}

// add notes the text of a cell.
func (c *sources) add(name, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts[name] = text
	c.shown[sha256.Sum256([]byte(text))] = name
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

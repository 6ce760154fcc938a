// Package complete says what may stand at a cursor in a cell, and what it is that stands there, among what
// is live in a session. It reads a view of the session that does not change, and so never waits for a
// cell that runs; it writes no files.
//
// The cell becomes one Go file together with the session's declarations. The type checker answers from it
// within milliseconds, whatever state the text is in; gopls, if it is there, adds what it knows.
package complete

import (
	"context"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/directive"
	"github.com/lathe-go/lathe/kernel/internal/session"
	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// A Completer completes and explains the text of cells. Its methods may be called by any goroutine.
type Completer struct {
	mu       sync.Mutex // guards what follows; held for milliseconds
	view     session.View
	packages *packages
	docs     documents
	gopls    *server // nil until Warm, and where there is none
	closed   bool
}

// New returns a Completer that knows no session yet.
func New() *Completer {
	return &Completer{packages: newPackages(token.NewFileSet()), docs: documents{},
		view: session.View{Imports: &compose.Imports{Named: map[string]string{}}, Packages: build.Exports{}}}
}

// Update makes v what completions are taken from.
func (c *Completer) Update(v session.View) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.view, c.packages.exports = v, v.Packages
}

// The time that gopls has for what it adds. It is asked only when it is warm, and so is late only where the
// file's imports have changed.
const (
	completionTime = 45 * time.Millisecond
	hoverTime      = 300 * time.Millisecond
)

// Warm starts gopls in the background, if it is installed, and returns without waiting for it. Close ends
// it.
func (c *Completer) Warm() error {
	path, err := Find()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gopls != nil || c.closed {
		return nil
	}
	dir := c.view.Module
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); dir == "" || err != nil {
		if dir, err = build.SourceDir(); err != nil {
			return err
		}
	}
	c.gopls = startServer(path, dir, newVirtual(c.view, c.packages, "", 0).text)
	return nil
}

// Close ends gopls. Completion works without it from then on.
func (c *Completer) Close() {
	c.mu.Lock()
	s := c.gopls
	c.gopls, c.closed = nil, true
	c.mu.Unlock()
	if s != nil {
		s.Close()
	}
}

// Complete returns what may stand at the cursor, which counts code points.
func (c *Completer) Complete(ctx context.Context, code string, cursor int) (wire.CompleteReply, error) {
	at := byteOffset(code, cursor)
	r := &result{from: wordStart(code, at), to: at}
	r.prefix = code[r.from:at]
	if line, ok := directiveLine(code, at); ok {
		r.directives(line, at)
		return r.reply(code), ctx.Err()
	}
	switch placeOf(code, at) {
	case inComment:
		return r.reply(code), nil
	case inString:
		c.paths(r, code, at)
		return r.reply(code), nil
	}
	v, s := c.typed(r, code, at)
	if s != nil {
		ask, cancel := context.WithTimeout(ctx, completionTime)
		defer cancel()
		more, _ := s.complete(ask, v) // without it, the answer is what there is
		for _, m := range more {
			r.add(m)
		}
	}
	r.sort()
	return r.reply(code), ctx.Err()
}

// typed adds what the type checker knows. It returns the file, and who else may be asked.
func (c *Completer) typed(r *result, code string, at int) (*virtual, *server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	file := check(newVirtual(c.view, c.packages, code, at), c.packages)
	defer file.free()
	if dot := dotBefore(code, r.from); dot >= 0 {
		r.members(file, c.packages, strings.TrimSpace(operand(code, dot)))
	} else {
		r.names(file, c.packages)
	}
	return file.virtual, c.gopls
}

// directiveLine returns the text from the % or ! on before the offset, if its line is a directive.
func directiveLine(code string, at int) (string, bool) {
	line := strings.TrimLeft(code[strings.LastIndexByte(code[:at], '\n')+1:at], " \t")
	return line, strings.HasPrefix(line, "%") || strings.HasPrefix(line, "!")
}

// directives adds the directives that begin as the line does.
func (r *result) directives(line string, at int) {
	if strings.ContainsAny(line, " \t!") {
		return
	}
	r.from, r.to, r.prefix = at-len(line), at, line
	for _, d := range directive.All() {
		r.add(match{text: "%" + d.Name, kind: "keyword", signature: d.Args})
	}
	r.sort()
}

// paths adds the import paths that the string at the cursor may become, if it is one of an import.
func (c *Completer) paths(r *result, code string, at int) {
	quote := strings.LastIndexAny(code[:at], "\"`")
	before := code[:max(quote, 0)]
	last := strings.LastIndex(before, "import")
	if quote < 0 || last < 0 || strings.ContainsAny(before[last:], ")}=;") {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.from, r.to, r.prefix = quote+1, at, code[quote+1:at]
	for path, name := range c.packages.names() {
		if importable(path, name) {
			r.add(match{text: path, kind: "module", rank: tier(path)})
		}
	}
	r.sort()
}

// Package complete says what may stand at a cursor in a cell, and what it is that stands there, among what
// is live in a session. It reads a view of the session that does not change, and so never waits for a
// cell that runs; it writes no files.
//
// The cell becomes one Go file together with the session's declarations. The type checker answers from it
// within milliseconds, whatever state the text is in; gopls, if it is there, adds what it knows.
package complete

import (
	"context"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/cell"
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
	closed   bool
	gopls    *server            // nil until Warm, and where there is none
	module   string             // what gopls works on: a folder and the state of its go.mod
	stop     context.CancelFunc // ends the goroutine that lists the module's packages
	listed   chan struct{}      // closed when that has ended
}

// New returns a Completer that knows no session yet.
func New() *Completer {
	return &Completer{packages: newPackages(token.NewFileSet()), docs: documents{},
		view: session.View{Imports: &compose.Imports{Named: map[string]string{}}, Packages: build.Exports{}}}
}

// Update makes v what completions are taken from. If the notebook's module has changed, gopls is started
// anew.
func (c *Completer) Update(v session.View) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.view, c.packages.exports = v, v.Packages
	if c.gopls != nil && c.module != moduleState(v.Module) {
		c.gopls.cancel() // it ends by itself
		c.start(c.gopls.path)
		if c.stop != nil {
			c.stop()
			c.stop = nil
		}
		c.list()
	}
}

// The time that gopls has for what it adds. It is asked only when it is warm, and so is late only where the
// file's imports have changed.
const (
	completionTime = 30 * time.Millisecond
	hoverTime      = 300 * time.Millisecond
)

// Warm starts gopls in the background, if it is installed, and returns without waiting for it. Close ends
// it.
func (c *Completer) Warm() error {
	path, err := Find()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.list()
	if err != nil || c.gopls != nil {
		return err
	}
	c.start(path)
	return nil
}

// start starts gopls in the notebook's module or, where there is none, in Lathe's own, which needs all that
// is in the base library. Without either there is no gopls.
func (c *Completer) start(path string) {
	c.gopls, c.module = nil, moduleState(c.view.Module)
	dir := c.view.Module
	if c.module == "" {
		var err error
		if dir, err = build.SourceDir(); err != nil {
			return
		}
	}
	c.gopls = startServer(path, dir, newVirtual(c.view, c.packages, "", 0).text)
}

// moduleState returns what tells the module at dir, as it is now, from another; "" if there is none.
func moduleState(dir string) string {
	info, err := os.Stat(filepath.Join(dir, "go.mod"))
	if dir == "" || err != nil {
		return ""
	}
	return fmt.Sprint(dir, info.Size(), info.ModTime().UnixNano())
}

// list lists the packages of the notebook's module in the background, unless that has been done.
func (c *Completer) list() {
	if c.view.Module == "" || c.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop, c.listed = stop, make(chan struct{})
	go func(v session.View) {
		defer close(c.listed)
		names, err := v.Packages.ModulePackages(ctx, v.Module)
		if err != nil {
			return // a cell that imports one says why
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if ctx.Err() == nil {
			c.packages.module = names
		}
	}(c.view)
}

// Close ends gopls. Completion works without it from then on.
func (c *Completer) Close() {
	c.mu.Lock()
	s, stop := c.gopls, c.stop
	c.gopls, c.closed = nil, true
	c.mu.Unlock()
	if stop != nil {
		stop()
		<-c.listed
	}
	if s != nil {
		s.Close()
	}
}

// Complete returns what may stand at the cursor, which counts code points.
func (c *Completer) Complete(ctx context.Context, code string, cursor int) (wire.CompleteReply, error) {
	at := byteOffset(code, cursor)
	r := &result{from: wordStart(code, at), to: at}
	r.prefix = code[r.from:at]
	if d, ok := directiveAt(code, at); ok {
		r.directives(code[d.Start:at], at)
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

// directiveAt returns the directive that the offset stands in, if it does.
func directiveAt(code string, at int) (cell.Part, bool) {
	for _, p := range cell.Parts(code) {
		if p.Kind == cell.Directive && p.Start < at && at <= p.End {
			return p, true
		}
	}
	return cell.Part{}, false
}

// directives adds the directives that begin as the line does.
func (r *result) directives(line string, at int) {
	if strings.ContainsAny(line, " \t\n!") {
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

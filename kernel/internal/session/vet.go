package session

import (
	"context"
	"crypto/sha256"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/diag"
	"github.com/lathe-go/lathe/kernel/internal/vet"
)

// vet begins to look for what is most likely a mistake in a cell that has passed the type checker, while the
// cell is compiled. What it returns waits for the end of that, which comes in milliseconds, and tells what was
// found.
func (p *plan) vet() func(context.Context) diag.List {
	found := make(chan diag.List, 1)
	c, of := p.check, p.Cell.Cell
	go func() { found <- c.vet(of.Name, of.Text) }()
	return func(ctx context.Context) diag.List {
		select {
		case list := <-found:
			return list
		case <-ctx.Done():
			return nil
		}
	}
}

// vet returns what is found in the text of the cell itself: what earlier cells hold has been told, and what is
// generated is nobody's mistake.
func (c *checked) vet(name, text string) diag.List {
	last := len(c.files) - 1 // the cell's own
	if last < 0 || c.used(c.sources[last].Name, "C", "C") {
		return nil // of C's names no types are known
	}
	var list diag.List
	for _, f := range vet.Check(vet.Code{Fset: c.fset, Files: c.files[last:], Types: c.pkg, Info: c.info}) {
		file := c.fset.File(f.Pos)
		if file == nil || strings.Contains(f.Msg, "ʹ") {
			continue
		}
		o, ok := c.sources[last].Copied(file.Offset(f.Pos))
		if !ok || o.Cell != name || o.Text != text {
			continue
		}
		msg := compose.Plain(f.Msg)
		if of := build.PackagePath + "."; !strings.Contains(text, of) {
			msg = strings.ReplaceAll(msg, of, "") // what the session declares has no package for its user
		}
		list = append(list, diag.Diagnostic{Cell: name, Text: text, Offset: o.Offset, Msg: msg})
	}
	return list.Sort()
}

// warn tells what was found in a cell, once for each text: who runs a cell again has seen it.
func (s *Session) warn(text string, found diag.List) {
	digest := sha256.Sum256([]byte(text))
	if s.opts.Note == nil || s.warned[digest] {
		return
	}
	s.warned[digest] = len(found) > 0
	for _, d := range found {
		s.opts.Note(d.String())
	}
}

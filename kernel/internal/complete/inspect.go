package complete

import (
	"context"
	"fmt"
	"go/token"
	"go/types"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/directive"
	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// A description is what is known of a name.
type description struct {
	heading string // the declaration in short, as Go
	comment string
	source  string
	origin  string // where it is declared
}

// Inspect describes what stands at the cursor, which counts code points. With a detail of 1 the source is
// part of it.
func (c *Completer) Inspect(ctx context.Context, code string, cursor, detail int) (wire.InspectReply, error) {
	at := byteOffset(code, cursor)
	if d, ok := directiveAt(code, at); ok {
		return describeDirective(d.In(code)), ctx.Err()
	}
	if placeOf(code, at) != inCode {
		return wire.InspectReply{}, nil
	}
	d, v, s := c.describe(code, at)
	if s != nil && (d.heading == "" || d.comment == "" && strings.HasPrefix(d.origin, "package ")) {
		c.ask(ctx, s, v, &d)
	}
	if d.heading == "" {
		return wire.InspectReply{}, ctx.Err()
	}
	return d.reply(detail), ctx.Err()
}

// ask completes a description by what gopls knows.
func (c *Completer) ask(ctx context.Context, s *server, v *virtual, d *description) {
	ctx, cancel := context.WithTimeout(ctx, hoverTime)
	defer cancel()
	text, err := s.hover(ctx, v)
	if err != nil || text == "" {
		return
	}
	code, rest, _ := strings.Cut(strings.TrimPrefix(text, "```go\n"), "\n```")
	if d.heading == "" {
		d.heading = code
	}
	d.comment = strings.Trim(rest, "\n -")
	path, line, err := s.definition(ctx, v)
	if err != nil || path == "" || d.source != "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if doc, ok := c.docs.of(token.Position{Filename: path, Line: line}); ok {
		d.source = doc.source
	}
}

// describe describes the name at an offset; behind the bracket of a call, what is called. The heading is
// empty if nothing is known. It returns the file as well, and who else may be asked.
func (c *Completer) describe(code string, at int) (description, *virtual, *server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if start := wordStart(code, at); start == wordEnd(code, at) || '0' <= code[start] && code[start] <= '9' {
		at = calledBefore(code, start)
	}
	file := check(newVirtual(c.view, c.packages, code, at), c.packages)
	defer file.free()
	_, obj := file.identAt()
	if obj == nil {
		return description{}, file.virtual, c.gopls
	}
	d := description{heading: heading(obj, file)}
	if pkg, ok := obj.(*types.PkgName); ok {
		d.heading = fmt.Sprintf("package %s // import %q", pkg.Imported().Name(), pkg.Imported().Path())
		return d, file.virtual, c.gopls
	}
	if live := c.live(obj, file); live != nil {
		d.source, d.origin, d.comment = sourceOf(live), live.Origin.Cell, commentBefore(live.Origin)
		return d, file.virtual, c.gopls
	}
	if obj.Pkg() == file.pkg {
		return d, file.virtual, c.gopls
	}
	if obj.Pkg() == nil && obj.Parent() == types.Universe {
		doc := c.docs.predeclared(c.packages.exports.Toolchain.GOROOT, obj.Name())
		d.comment, d.source, d.origin = doc.comment, doc.source, "predeclared"
	}
	if obj.Pkg() == nil {
		return d, file.virtual, c.gopls
	}
	d.origin = fmt.Sprintf("package %q", build.UnversionedPath(obj.Pkg().Path()))
	if doc, ok := c.docs.of(c.positionOf(obj)); ok {
		d.comment, d.source = doc.comment, doc.source
	}
	return d, file.virtual, c.gopls
}

// positionOf returns where a package's source declares an object.
func (c *Completer) positionOf(obj types.Object) token.Position {
	p := c.packages.fset.Position(obj.Pos())
	if rest, ok := strings.CutPrefix(p.Filename, "$GOROOT"); ok {
		p.Filename = c.packages.exports.Toolchain.GOROOT + rest
	}
	return p
}

// calledBefore returns where the name ends whose call is open at an offset, or the offset.
func calledBefore(code string, at int) int {
	depth := 0
	for i := at - 1; i >= 0; i-- {
		switch code[i] {
		case ')', ']', '}':
			depth++
		case '[', '{':
			depth--
		case '(':
			if depth == 0 {
				return i
			}
			depth--
		case '\n':
			if depth == 0 {
				return at
			}
		}
		if depth < 0 {
			return at
		}
	}
	return at
}

// live returns the declaration of the session that an object comes from, or nil.
func (c *Completer) live(obj types.Object, file *checked) *compose.Decl {
	if obj.Pkg() != file.pkg {
		return nil
	}
	if f, ok := obj.(*types.Func); ok && f.Signature().Recv() != nil {
		t := f.Signature().Recv().Type()
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		if named, ok := t.(*types.Named); ok {
			if d := c.view.World[named.Obj().Name()]; d != nil {
				for _, m := range d.Methods {
					if m.Name == f.Name() {
						return m
					}
				}
			}
		}
		return nil
	}
	if obj.Parent() != file.pkg.Scope() {
		return nil
	}
	return c.view.World[obj.Name()]
}

// maxHeading is how long a type in a heading may be, in bytes.
const maxHeading = 400

// heading returns an object's declaration in short: of a long type its kind alone.
func heading(obj types.Object, file *checked) string {
	text := types.ObjectString(obj, file.qualify)
	if name, ok := obj.(*types.TypeName); ok && len(text) > maxHeading {
		text = "type " + types.TypeString(name.Type(), file.qualify)
		switch name.Type().Underlying().(type) {
		case *types.Struct:
			text += " struct{ … }"
		case *types.Interface:
			text += " interface{ … }"
		}
	}
	return text
}

// commentBefore returns the comment that stands on the lines above a declaration of a cell.
func commentBefore(o compose.Origin) string {
	lines := strings.Split(o.Text[:min(o.Offset, len(o.Text))], "\n")
	lines = lines[:len(lines)-1]
	at := len(lines)
	for at > 0 && strings.HasPrefix(lines[at-1], "//") {
		at--
	}
	var b strings.Builder
	for _, line := range lines[at:] {
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "//"), " ") + "\n")
	}
	return b.String()
}

// sourceOf returns the text of a declaration as it was written.
func sourceOf(d *compose.Decl) string {
	if d.Kind == cell.Var {
		line := d.Origin.Text[min(d.Origin.Offset, len(d.Origin.Text)):]
		line, _, _ = strings.Cut(line, "\n")
		return line
	}
	return map[cell.Kind]string{cell.Type: "type "}[d.Kind] + d.Text
}

// describeDirective describes a directive, given by its text.
func describeDirective(text string) wire.InspectReply {
	name := cell.ParseLine(text).Name
	for _, d := range directive.All() {
		if name == "%"+d.Name {
			text := strings.TrimSpace("%"+d.Name+" "+d.Args) + "\n\n" + d.Short
			return wire.InspectReply{Found: true, Data: map[string]any{"text/plain": text, "text/markdown": text}}
		}
	}
	return wire.InspectReply{}
}

// reply puts the description into the protocol's form.
func (d description) reply(detail int) wire.InspectReply {
	var plain, mark strings.Builder
	plain.WriteString(d.heading)
	mark.WriteString("```go\n" + d.heading + "\n```")
	if d.comment != "" {
		text := strings.TrimSpace(d.comment)
		plain.WriteString("\n\n" + text)
		mark.WriteString("\n\n" + text)
	}
	if d.source != "" && detail > 0 {
		text := strings.TrimSpace(d.source)
		plain.WriteString("\n\n" + text)
		mark.WriteString("\n\n```go\n" + text + "\n```")
	}
	if d.origin != "" {
		plain.WriteString("\n\n" + d.origin)
		mark.WriteString("\n\n" + d.origin)
	}
	return wire.InspectReply{Found: true, Data: map[string]any{"text/plain": plain.String(), "text/markdown": mark.String()}}
}

package complete

import (
	"cmp"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// The ranks of matches: what is nearer comes first.
const (
	near     = iota // fields, methods, members of a package, names of the cell and the session
	imported        // packages that are imported
	language        // predeclared names and keywords
	far             // packages that would be imported
)

// A match is one text that may stand at the cursor.
type match struct {
	text      string
	kind      string // as frontends know it: function, instance, module, type, keyword, property, method
	signature string
	rank      int
}

// A result is what may replace a range of a cell's bytes.
type result struct {
	from, to int
	prefix   string
	matches  []match
}

// add adds a match if it begins as the prefix does, upper or lower case alike.
func (r *result) add(m match) {
	if len(m.text) >= len(r.prefix) && strings.EqualFold(m.text[:len(r.prefix)], r.prefix) && !strings.ContainsRune(m.text, 'ʹ') {
		r.matches = append(r.matches, m)
	}
}

// sort ranks the matches and removes what is there twice.
func (r *result) sort() {
	exact := func(m match) int {
		if strings.HasPrefix(m.text, r.prefix) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(r.matches, func(a, b match) int {
		return cmp.Or(exact(a)-exact(b), a.rank-b.rank, strings.Compare(strings.ToLower(a.text), strings.ToLower(b.text)), strings.Compare(a.text, b.text))
	})
	seen := map[string]bool{}
	r.matches = slices.DeleteFunc(r.matches, func(m match) bool {
		again := seen[m.text]
		seen[m.text] = true
		return again
	})
}

// reply puts the result into the protocol's form, which counts code points.
func (r *result) reply(text string) wire.CompleteReply {
	from := utf8.RuneCountInString(text[:r.from])
	to := from + utf8.RuneCountInString(text[r.from:r.to])
	reply := wire.CompleteReply{CursorStart: from, CursorEnd: to, Matches: []string{}}
	kinds := []wire.CompletionType{}
	for _, m := range r.matches {
		reply.Matches = append(reply.Matches, m.text)
		kinds = append(kinds, wire.CompletionType{Start: from, End: to, Text: m.text, Type: m.kind, Signature: m.signature})
	}
	reply.Metadata = map[string]any{wire.CompletionTypesKey: kinds}
	return reply
}

// matchOf describes an object.
func (c *checked) matchOf(obj types.Object, rank int) match {
	m := match{text: obj.Name(), kind: "instance", rank: rank}
	switch obj := obj.(type) {
	case *types.Func:
		m.kind = "function"
		sig := obj.Signature()
		if sig.Recv() != nil {
			m.kind = "method"
		}
		m.signature = strings.TrimPrefix(types.TypeString(sig, c.qualify), "func")
	case *types.Builtin:
		m.kind = "function"
	case *types.PkgName:
		m.kind = "module"
	case *types.TypeName:
		m.kind = "type"
	case *types.Var:
		if obj.IsField() {
			m.kind = "property"
		}
		if sig, ok := obj.Type().Underlying().(*types.Signature); ok {
			m.signature = strings.TrimPrefix(types.TypeString(sig, c.qualify), "func")
		}
	}
	return m
}

// members adds what can be selected at the cursor from the operand called name.
func (r *result) members(c *checked, pkgs *packages, name string) {
	tv, pkg := c.selected()
	if pkg == nil {
		for _, obj := range c.members(tv) {
			r.add(c.matchOf(obj, near))
		}
		if tv.Type != nil {
			return
		}
	}
	list := []*types.Package{pkg}
	if pkg == nil || c.guessed[name] {
		// It may be any package of that name.
		for _, path := range pkgs.named(name, nil) {
			if p, err := pkgs.Import(path); err == nil {
				list = append(list, p)
			}
		}
	}
	for _, p := range list {
		if p == nil {
			continue
		}
		for _, n := range p.Scope().Names() {
			if token.IsExported(n) {
				r.add(c.matchOf(p.Scope().Lookup(n), near))
			}
		}
	}
}

// names adds what has a name at the cursor.
func (r *result) names(c *checked, pkgs *packages) {
	for _, field := range c.keys() {
		r.add(c.matchOf(field, near))
	}
	seen := map[string]bool{}
	for s := c.scope(); s != nil; s = s.Parent() {
		for _, n := range s.Names() {
			obj := c.lookup(n)
			if obj == nil || seen[n] || n == bodyName {
				continue
			}
			seen[n] = true
			rank := near
			if _, ok := obj.(*types.PkgName); ok {
				rank = imported
			} else if s == types.Universe {
				rank = language
			}
			r.add(c.matchOf(obj, rank))
		}
	}
	if r.prefix == "" {
		return
	}
	for t := token.BREAK; t <= token.VAR; t++ {
		r.add(match{text: t.String(), kind: "keyword", rank: language})
	}
	for path, n := range pkgs.names() {
		if importable(path, n) {
			r.add(match{text: n, kind: "module", rank: far + min(tier(path), 1)})
		}
	}
	for path, n := range pkgs.module {
		if importable(path, n) {
			r.add(match{text: n, kind: "module", rank: far})
		}
	}
}

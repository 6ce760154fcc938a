package complete

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/session"
)

// A virtual is a cell as one Go file: the imports and the live declarations of the session, the cell's own
// declarations, and its statements in a function. It need not compile.
type virtual struct {
	text    string
	cursor  int               // the cell's cursor, as an offset into text
	imports map[string]string // name to path, of the session and the cell
	guessed map[string]bool   // names of packages that nothing but their mention in the cell imports
}

// bodyName is the name of the function that holds a cell's statements.
const bodyName = "cellʹ"

// A virtualWriter writes a virtual.
type virtualWriter struct {
	view     session.View
	packages *packages
	text     string // the cell's, with what makes half-typed code parse
	at       int    // the cursor in it
	parts    []cell.Part
	imports  map[string]string
	guessed  map[string]bool
	dot      []string
	aliases  map[string]string // path to the name that only declarations of the session use
	declared map[string]bool   // by the cell
	methods  map[string]bool   // "Type.Method", by the cell
	out      strings.Builder
	cursor   int
}

// newVirtual writes the file for a cell's text with the cursor at a byte.
func newVirtual(view session.View, pkgs *packages, text string, at int) *virtual {
	w := &virtualWriter{view: view, packages: pkgs, at: at, cursor: -1,
		imports: map[string]string{}, guessed: map[string]bool{}, aliases: map[string]string{}, declared: map[string]bool{}, methods: map[string]bool{}}
	w.text = text
	if needsName(text, at) {
		w.text = text[:at] + "_" + text[at:]
	}
	w.parts = w.whole(cell.Parts(w.text))
	w.findDeclared()
	w.findImports()
	body := w.body()
	w.header()
	w.cursor += w.out.Len()
	return &virtual{text: w.out.String() + body, cursor: w.cursor, imports: w.imports, guessed: w.guessed}
}

// whole leaves out the parts that do not parse, but for the one at the cursor: they would take what
// follows with them.
func (w *virtualWriter) whole(parts []cell.Part) []cell.Part {
	var list []cell.Part
	for _, p := range parts {
		if p.Kind == cell.Directive {
			continue
		}
		if blank(w.text[min(p.End, w.at):w.at]) {
			p.End = max(p.End, w.at)
		}
		if w.holds(p) || parses(p, w.text) {
			list = append(list, p)
		}
	}
	return list
}

func (w *virtualWriter) holds(p cell.Part) bool { return p.Start <= w.at && w.at <= p.End }

// blank tells whether text is white space within a line.
func blank(text string) bool { return strings.Trim(text, " \t") == "" }

func parses(p cell.Part, text string) bool {
	_, err := parsePart(p, text)
	return err == nil
}

// parsePart parses one part alone; the file may hold something even if there is an error.
func parsePart(p cell.Part, text string) (*ast.File, error) {
	source := "package p;" + p.In(text) + "\n"
	if p.Kind == cell.Stmt {
		source = "package p;func _(){" + p.In(text) + "\n}"
	}
	return parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
}

// findDeclared notes what the cell's own declarations declare.
func (w *virtualWriter) findDeclared() {
	for _, p := range w.parts {
		if p.Kind == cell.Stmt || p.Kind == cell.Import {
			continue
		}
		file, _ := parsePart(p, w.text)
		if file == nil {
			continue
		}
		for _, d := range file.Decls {
			w.declare(d)
		}
	}
}

func (w *virtualWriter) declare(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			w.declared[d.Name.Name] = true
		} else if len(d.Recv.List) > 0 {
			w.methods[receiverName(d.Recv.List[0].Type)+"."+d.Name.Name] = true
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				w.declared[spec.Name.Name] = true
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					w.declared[id.Name] = true
				}
			}
		}
	}
}

// receiverName returns the name of a receiver's type.
func receiverName(t ast.Expr) string {
	name := ""
	ast.Inspect(t, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}

// findImports decides what the names of packages mean, as the session will.
func (w *virtualWriter) findImports() {
	if in := w.view.Imports; in != nil {
		maps.Copy(w.imports, in.Named)
		w.dot = slices.Clone(in.Dot)
	}
	maps.DeleteFunc(w.imports, func(name, _ string) bool { return w.declared[name] || w.view.World[name] != nil })
	for _, p := range w.parts {
		if p.Kind == cell.Import {
			file, _ := parsePart(p, w.text)
			if file != nil {
				w.addImports(file)
			}
		}
	}
	for name, selectors := range selectors(w.text) {
		if w.imports[name] != "" || w.declared[name] || w.view.World[name] != nil {
			continue
		}
		if fits := w.packages.named(name, selectors); len(fits) > 0 {
			w.imports[name], w.guessed[name] = fits[0], true
			w.packages.stay[name] = fits[0]
		}
	}
	for name, p := range w.packages.stay {
		if w.imports[name] == "" && !w.declared[name] && w.view.World[name] == nil && w.packages.known(p) {
			w.imports[name], w.guessed[name] = p, true
		}
	}
}

func (w *virtualWriter) addImports(file *ast.File) {
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil || p == "" || p == "C" {
			continue
		}
		name := cmp.Or(w.packages.names()[p], w.packages.module[p], path.Base(p))
		if spec.Name != nil {
			name = spec.Name.Name
		}
		switch name {
		case "_":
		case ".":
			w.dot = append(w.dot, p)
		default:
			w.imports[name] = p
		}
	}
}

// body writes all but the imports.
func (w *virtualWriter) body() string {
	var b strings.Builder
	for _, d := range w.view.World.Decls() {
		if slices.ContainsFunc(d.Names, func(n string) bool { return !w.declared[n] }) {
			w.decl(&b, d)
		}
	}
	var stmts []cell.Part
	for _, p := range w.parts {
		switch p.Kind {
		case cell.Stmt:
			stmts = append(stmts, p)
		case cell.Import:
		default:
			w.part(&b, p)
		}
	}
	if len(stmts) < len(w.parts) {
		w.inferred(&b, stmts)
	}
	fmt.Fprintf(&b, "func %s() {\n", bodyName)
	for _, p := range stmts {
		if w.cursor < 0 && p.Start > w.at {
			w.cursor = b.Len()
			b.WriteString("\n")
		}
		w.part(&b, p)
	}
	if w.cursor < 0 {
		w.cursor = b.Len()
	}
	b.WriteString("\n}\n")
	return b.String()
}

// part copies a part of the cell. What is open at the end of the one at the cursor is closed.
func (w *virtualWriter) part(b *strings.Builder, p cell.Part) {
	if w.holds(p) && w.cursor < 0 {
		w.cursor = b.Len() + w.at - p.Start
		b.WriteString(p.In(w.text))
		b.WriteString(closers(p.In(w.text)))
	} else {
		b.WriteString(p.In(w.text))
	}
	b.WriteString("\n")
}

// inferred declares the variables that statements define, for the cell's functions, which see them.
func (w *virtualWriter) inferred(b *strings.Builder, stmts []cell.Part) {
	for _, p := range stmts {
		file, err := parsePart(p, w.text)
		if err != nil {
			continue
		}
		for _, stmt := range file.Decls[0].(*ast.FuncDecl).Body.List {
			n, ok := stmt.(*ast.AssignStmt)
			if !ok || n.Tok != token.DEFINE {
				continue
			}
			names := make([]string, len(n.Lhs))
			for i, x := range n.Lhs {
				names[i] = "_"
				if id, ok := x.(*ast.Ident); ok && !w.declared[id.Name] && w.view.World[id.Name] == nil {
					names[i] = id.Name
					w.declared[id.Name] = true
				}
			}
			from := int(n.Rhs[0].Pos()) - 1 - len("package p;func _(){") + p.Start
			to := int(n.End()) - 1 - len("package p;func _(){") + p.Start
			fmt.Fprintf(b, "var %s = %s\n", strings.Join(names, ", "), w.text[from:to])
		}
	}
}

// decl writes a live declaration and its methods, without the bodies of functions.
func (w *virtualWriter) decl(b *strings.Builder, d *compose.Decl) {
	for i, part := range append([]*compose.Decl{d}, d.Methods...) {
		if i > 0 && w.methods[d.Name+"."+part.Name] {
			continue
		}
		text := part.Text
		if part.Kind == cell.Func && part.Body >= 0 {
			text = text[:part.Body]
		}
		b.WriteString(map[cell.Kind]string{cell.Type: "type ", cell.Var: "var "}[part.Kind])
		at := 0
		for _, r := range part.Refs {
			p := part.Imports.Named[r.Name]
			if p == "" || r.At < at || r.At+len(r.Name) > len(text) || r.Key {
				continue
			}
			b.WriteString(text[at:r.At])
			b.WriteString(w.importName(r.Name, p))
			at = r.At + len(r.Name)
		}
		b.WriteString(text[at:])
		b.WriteString("\n")
	}
}

// importName returns the file's name for a package that a declaration calls by name.
func (w *virtualWriter) importName(name, p string) string {
	if w.imports[name] == p {
		return name
	}
	for _, other := range slices.Sorted(maps.Keys(w.imports)) {
		if w.imports[other] == p {
			return other
		}
	}
	if w.aliases[p] == "" {
		w.aliases[p] = fmt.Sprintf("%sʹ%d", name, len(w.aliases))
	}
	return w.aliases[p]
}

func (w *virtualWriter) header() {
	w.out.WriteString("package main\n\n")
	for _, name := range slices.Sorted(maps.Keys(w.imports)) {
		fmt.Fprintf(&w.out, "import %s %q\n", name, w.imports[name])
	}
	for _, p := range slices.Sorted(maps.Keys(w.aliases)) {
		fmt.Fprintf(&w.out, "import %s %q\n", w.aliases[p], p)
	}
	for _, p := range w.dot {
		fmt.Fprintf(&w.out, "import . %q\n", p)
	}
}

package notebook

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	ghtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// A heading is a line of the table of contents.
type heading struct {
	Level    int
	ID, Text string
}

// A markdown renders the Markdown cells of one notebook.
type markdown struct {
	engine   goldmark.Markdown
	dir      string // images are looked up here
	ids      headingIDs
	headings []heading
}

// newMarkdown returns a renderer for a notebook that stands in the folder dir.
func newMarkdown(dir string) *markdown {
	return &markdown{dir: dir, ids: headingIDs{}, engine: goldmark.New(
		goldmark.WithExtensions(extension.GFM, extension.Footnote),
		goldmark.WithParserOptions(
			parser.WithAutoHeadingID(),
			parser.WithInlineParsers(util.Prioritized(mathParser{}, 150)),
		),
		goldmark.WithRendererOptions(
			ghtml.WithUnsafe(), // notebooks hold HTML, and a report shows what they hold
			renderer.WithNodeRenderers(util.Prioritized(nodeRenderer{}, 100)),
		),
	)}
}

// render returns source as HTML. Attachments are those of its cell and may be nil.
func (m *markdown) render(source string, attachments map[string]any) (string, error) {
	src := []byte(source)
	doc := m.engine.Parser().Parse(text.NewReader(src), parser.WithContext(parser.NewContext(parser.WithIDs(m.ids))))
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			id, _ := n.AttributeString("id")
			name, _ := id.([]byte)
			m.headings = append(m.headings, heading{n.Level, string(name), plainText(n, src)})
		case *ast.Image:
			n.Destination = m.image(string(n.Destination), attachments)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := m.engine.Renderer().Render(&b, src, doc); err != nil {
		return "", fmt.Errorf("render Markdown: %w", err)
	}
	return b.String(), nil
}

// image returns the address of an image as one that needs no other file, or nil if there is none.
func (m *markdown) image(address string, attachments map[string]any) []byte {
	if strings.HasPrefix(address, "data:") {
		return []byte(address)
	}
	name, err := url.PathUnescape(address)
	if err != nil {
		return nil
	}
	if name, ok := strings.CutPrefix(name, "attachment:"); ok {
		data, _ := attachments[name].(map[string]any)
		for kind, v := range data {
			if s, ok := joinLines(v).(string); ok && strings.HasPrefix(kind, "image/") {
				return dataAddress(kind, s)
			}
		}
		return nil
	}
	kind := mime.TypeByExtension(filepath.Ext(name))
	if strings.Contains(name, "://") || !strings.HasPrefix(kind, "image/") {
		return nil
	}
	content, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil
	}
	return dataAddress(kind, base64.StdEncoding.EncodeToString(content))
}

// dataAddress returns a data URL for content, which is base64 of any line length.
func dataAddress(kind, content string) []byte {
	content = strings.Join(strings.Fields(content), "")
	return []byte("data:" + kind + ";base64," + content)
}

// plainText returns the text of a node without its markup.
func plainText(n ast.Node, src []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			switch n := n.(type) {
			case *ast.Text:
				b.Write(n.Segment.Value(src))
			case *ast.String:
				b.Write(n.Value)
			case *math:
				b.WriteString(n.tex)
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// headingIDs makes the IDs of headings as JupyterLab does, so that links to them work, and keeps them
// apart across the cells of a notebook.
type headingIDs map[string]bool

// Generate returns a new ID for a heading with the given text.
func (ids headingIDs) Generate(value []byte, _ ast.NodeKind) []byte {
	base := strings.Join(strings.Fields(string(value)), "-")
	if base == "" {
		base = "section"
	}
	id := base
	for n := 2; ids[id]; n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	ids[id] = true
	return []byte(id)
}

// Put takes an ID that the text gives by itself.
func (ids headingIDs) Put(value []byte) { ids[string(value)] = true }

// A math is TeX between dollar signs.
type math struct {
	ast.BaseInline
	tex     string
	display bool // it stands on lines of its own
}

var kindMath = ast.NewNodeKind("Math")

// Kind implements ast.Node.
func (*math) Kind() ast.NodeKind { return kindMath }

// Dump implements ast.Node.
func (m *math) Dump(source []byte, level int) {
	ast.DumpHelper(m, source, level, map[string]string{"tex": m.tex}, nil)
}

// mathParser finds $x$ and $$x$$, which would else lose their underscores and backslashes.
type mathParser struct{}

// Trigger implements parser.InlineParser.
func (mathParser) Trigger() []byte { return []byte{'$'} }

// Parse implements parser.InlineParser.
func (mathParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	row, pos := block.Position()
	line, _ := block.PeekLine()
	fence := "$"
	if bytes.HasPrefix(line, []byte("$$")) {
		fence = "$$"
	}
	block.Advance(len(fence))
	var tex strings.Builder
	for {
		line, _ := block.PeekLine()
		if line == nil {
			block.SetPosition(row, pos)
			return nil
		}
		before, after, found := bytes.Cut(line, []byte(fence))
		tex.Write(before)
		if found {
			s := tex.String()
			if fence == "$" && !isInlineMath(s, after) {
				block.SetPosition(row, pos)
				return nil
			}
			block.Advance(len(before) + len(fence))
			return &math{tex: strings.TrimSpace(s), display: fence == "$$"}
		}
		block.AdvanceLine()
	}
}

// isInlineMath tells formulas from prices: no space inside of the signs, no digit after them.
func isInlineMath(tex string, after []byte) bool {
	if tex == "" || strings.TrimSpace(tex) != tex {
		return false
	}
	return len(after) == 0 || after[0] < '0' || after[0] > '9'
}

// nodeRenderer renders what goldmark would not render as a report wants it.
type nodeRenderer struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (nodeRenderer) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(kindMath, renderMath)
	reg.Register(ast.KindFencedCodeBlock, renderFence)
	reg.Register(ast.KindImage, renderImage)
}

// renderMath typesets TeX, or shows it as code where it is beyond what mathML knows.
func renderMath(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if m := n.(*math); entering {
		_, _ = w.WriteString(mathHTML(m.tex, m.display))
	}
	return ast.WalkSkipChildren, nil
}

// mathHTML returns TeX as HTML.
func mathHTML(tex string, display bool) string {
	if markup, ok := mathML(tex, display); ok {
		return markup
	}
	class := "math"
	if display {
		class = "math display"
	}
	return fmt.Sprintf(`<code class="%s">%s</code>`, class, html.EscapeString(tex))
}

// renderFence colours a fenced block of code in its language.
func renderFence(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	block := n.(*ast.FencedCodeBlock)
	code := string(block.Lines().Value(source))
	fmt.Fprintf(w, "<pre class=\"code\"><code>%s</code></pre>\n", highlight(code, string(block.Language(source))))
	return ast.WalkSkipChildren, nil
}

// renderImage shows an image, or says which one is missing.
func renderImage(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if image := n.(*ast.Image); entering {
		alt := html.EscapeString(plainText(image, source))
		if len(image.Destination) == 0 {
			fmt.Fprintf(w, `<span class="missing">[image not embedded: %s]</span>`, alt)
		} else {
			fmt.Fprintf(w, `<img src="%s" alt="%s">`, html.EscapeString(string(image.Destination)), alt)
		}
	}
	return ast.WalkSkipChildren, nil
}

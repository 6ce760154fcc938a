package notebook

import (
	"html"
	"strings"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
)

// highlight returns code as HTML in which each token is a span of the class of its kind. A language
// that is not known stays plain.
func highlight(code, language string) string {
	lexer := lexers.Get(language)
	if lexer == nil {
		return html.EscapeString(code)
	}
	tokens, err := chroma.Coalesce(lexer).Tokenise(nil, code)
	if err != nil {
		return html.EscapeString(code)
	}
	var b strings.Builder
	for _, t := range tokens.Tokens() {
		class := tokenClass(t.Type)
		if class == "" {
			b.WriteString(html.EscapeString(t.Value))
			continue
		}
		b.WriteString(`<span class="` + class + `">` + html.EscapeString(t.Value) + `</span>`)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// tokenClass returns the class of a kind of token in the report's style sheet; few colours read
// better than many.
func tokenClass(t chroma.TokenType) string {
	switch {
	case t.InCategory(chroma.Comment):
		return "tc"
	case t.InSubCategory(chroma.LiteralString):
		return "ts"
	case t.InSubCategory(chroma.LiteralNumber), t == chroma.KeywordConstant:
		return "tn"
	case t == chroma.KeywordType, t == chroma.NameBuiltin:
		return "ty"
	case t.InCategory(chroma.Keyword):
		return "tk"
	case t == chroma.NameFunction, t == chroma.NameClass:
		return "tf"
	}
	return ""
}

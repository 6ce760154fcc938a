package notebook

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mathML returns TeX as MathML, which browsers typeset by themselves. It knows what the formulas of
// notebooks are made of: letters, symbols, fractions, roots, scripts, accents and brackets. ok is
// false for TeX that it does not know, which a reader then gets as it stands.
func mathML(tex string, display bool) (markup string, ok bool) {
	p := texParser{rest: tex, display: display}
	body := p.row("")
	if p.failed || p.rest != "" {
		return "", false
	}
	block := ""
	if display {
		block = ` display="block"`
	}
	return fmt.Sprintf(`<math%s alttext="%s">%s</math>`, block, html.EscapeString(tex), body), true
}

// A texParser reads a formula from left to right.
type texParser struct {
	rest    string
	display bool // limits of sums go below and above
	failed  bool // it met something unknown
	depth   int
}

// maxTexDepth bounds how deep groups may nest.
const maxTexDepth = 50

// fail gives up on the formula.
func (p *texParser) fail() string {
	p.failed, p.rest = true, ""
	return ""
}

// next takes the next token: a command with its backslash, a run of digits, or one character. Space
// before it is skipped. It is "" at the end.
func (p *texParser) next() string {
	p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace)
	if p.rest == "" {
		return ""
	}
	_, size := utf8.DecodeRuneInString(p.rest)
	isPart := func(r rune) bool { return false }
	switch c := p.rest[0]; {
	case c == '\\' && len(p.rest) > 1:
		_, second := utf8.DecodeRuneInString(p.rest[1:])
		size += second
		if isLetter(rune(p.rest[1])) {
			isPart = isLetter
		}
	case c >= '0' && c <= '9':
		isPart = func(r rune) bool { return r >= '0' && r <= '9' || r == '.' }
	}
	for size < len(p.rest) && isPart(rune(p.rest[size])) {
		size++
	}
	token := p.rest[:size]
	p.rest = p.rest[size:]
	return token
}

// isLetter reports whether r can stand in the name of a command.
func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// row reads atoms with their scripts up to the token end, which it takes.
func (p *texParser) row(end string) string {
	if p.depth++; p.depth > maxTexDepth {
		return p.fail()
	}
	defer func() { p.depth-- }()
	var b strings.Builder
	for !p.failed {
		token := p.next()
		if token == end {
			return "<mrow>" + b.String() + "</mrow>"
		}
		if token == "" {
			return p.fail()
		}
		b.WriteString(p.scripts(token))
	}
	return ""
}

// scripts reads the atom that starts with token and what stands below and above it.
func (p *texParser) scripts(token string) string {
	limits := p.display && limitOperators[token]
	base := p.atom(token)
	var sub, sup string
	for !p.failed {
		saved := p.rest
		switch p.next() {
		case "_":
			sub += p.argument()
		case "^":
			sup += p.argument()
		case "'":
			sup += "<mo>′</mo>"
		default:
			p.rest = saved
			return withScripts(base, sub, sup, limits)
		}
	}
	return ""
}

// withScripts puts sub and sup, which may be empty, to base.
func withScripts(base, sub, sup string, limits bool) string {
	tags := [...]string{"msub", "msup", "msubsup"}
	if limits {
		tags = [...]string{"munder", "mover", "munderover"}
	}
	sub, sup = asRow(sub), asRow(sup)
	tag, inner := "", base+sub+sup
	switch {
	case sub != "" && sup != "":
		tag = tags[2]
	case sup != "":
		tag = tags[1]
	case sub != "":
		tag = tags[0]
	default:
		return base
	}
	return "<" + tag + ">" + inner + "</" + tag + ">"
}

// asRow makes one element of markup, if there is any.
func asRow(markup string) string {
	if markup == "" {
		return ""
	}
	return "<mrow>" + markup + "</mrow>"
}

// argument reads what a command or script applies to: a group or one token.
func (p *texParser) argument() string {
	switch token := p.next(); token {
	case "", "}", "_", "^", "&":
		return p.fail()
	case "{":
		return p.row("}")
	default:
		if c := token[0]; c >= '0' && c <= '9' { // x^10 is x to the 1, then 0
			p.rest = token[1:] + p.rest
			return "<mn>" + token[:1] + "</mn>"
		}
		return p.atom(token)
	}
}

// word reads a group as text.
func (p *texParser) word() string {
	if p.next() != "{" {
		return p.fail()
	}
	text, rest, found := strings.Cut(p.rest, "}")
	if !found || strings.ContainsAny(text, `{\$`) {
		return p.fail()
	}
	p.rest = rest
	return text
}

// atom returns the markup of what starts with token.
func (p *texParser) atom(token string) string {
	first, _ := utf8.DecodeRuneInString(token)
	switch {
	case token == "{":
		return p.row("}")
	case strings.ContainsAny(token, "}_^&$#%"):
		if s, ok := symbols[token]; ok {
			return "<mo>" + s + "</mo>"
		}
		return p.fail()
	case strings.HasPrefix(token, `\`):
		return p.command(token)
	case first >= '0' && first <= '9':
		return "<mn>" + token + "</mn>"
	case unicode.IsLetter(first):
		return "<mi>" + token + "</mi>"
	case token == "-":
		return "<mo>−</mo>"
	case token == "*":
		return "<mo>∗</mo>"
	case strings.Contains("()[]|", token):
		return `<mo stretchy="false">` + token + "</mo>"
	}
	return "<mo>" + html.EscapeString(token) + "</mo>"
}

// command returns the markup of a command.
func (p *texParser) command(name string) string {
	if s, ok := letters[name]; ok {
		return "<mi>" + s + "</mi>"
	}
	if s, ok := symbols[name]; ok {
		if strings.Contains("‖|⟨⟩", s) {
			return `<mo stretchy="false">` + s + "</mo>"
		}
		return "<mo>" + s + "</mo>"
	}
	if width, ok := spaces[name]; ok {
		return `<mspace width="` + width + `"/>`
	}
	if accent, ok := accents[name]; ok {
		return "<mover>" + p.argument() + `<mo stretchy="false">` + accent + "</mo></mover>"
	}
	if alphabet, ok := alphabets[name]; ok {
		return "<mi>" + html.EscapeString(inAlphabet(p.wordOrLetter(), alphabet)) + "</mi>"
	}
	if functions[name] {
		return `<mo lspace="0.17em" rspace="0.17em" movablelimits="false">` + name[1:] + "</mo>"
	}
	switch name {
	case `\frac`, `\tfrac`, `\dfrac`:
		return "<mfrac>" + p.argument() + p.argument() + "</mfrac>"
	case `\sqrt`:
		return "<msqrt>" + p.argument() + "</msqrt>"
	case `\text`, `\mathrm`, `\textrm`, `\operatorname`, `\textbf`, `\textit`, `\mathsf`, `\mathtt`:
		return "<mtext>" + html.EscapeString(strings.ReplaceAll(p.word(), " ", "\u00a0")) + "</mtext>"
	case `\left`:
		return p.fence()
	}
	return p.fail()
}

// wordOrLetter reads the argument of an alphabet.
func (p *texParser) wordOrLetter() string {
	saved := p.rest
	token := p.next()
	if token == "{" {
		p.rest = saved
		return p.word()
	}
	if len(token) != 1 {
		return p.fail()
	}
	return token
}

// fence reads \left( … \right).
func (p *texParser) fence() string {
	left := p.bracket()
	body := p.row(`\right`)
	return "<mrow>" + left + body + p.bracket() + "</mrow>"
}

// bracket reads one bracket, which grows with what it encloses.
func (p *texParser) bracket() string {
	token := p.next()
	if s, ok := symbols[token]; ok {
		token = s
	}
	switch {
	case token == ".":
		return ""
	case token != "" && strings.Contains("()[]|{}⟨⟩‖⌊⌋⌈⌉", token):
		return `<mo fence="true" stretchy="true">` + token + "</mo>"
	}
	return p.fail()
}

// inAlphabet returns text in the letters of an alphabet that starts at the code points given.
func inAlphabet(text string, a alphabet) string {
	return strings.Map(func(r rune) rune {
		if s, ok := a.other[r]; ok {
			return s
		}
		switch {
		case r >= 'A' && r <= 'Z':
			return a.upper + r - 'A'
		case r >= 'a' && r <= 'z' && a.lower != 0:
			return a.lower + r - 'a'
		case r >= '0' && r <= '9' && a.digit != 0:
			return a.digit + r - '0'
		}
		return r
	}, text)
}

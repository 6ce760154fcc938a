package cell

import (
	"regexp"
	"strings"
)

// A Line is a directive taken apart.
type Line struct {
	// Name is what it begins with: "%env", "%%" for the statements of a program, "%%bash" for one whose
	// text is the rest of the cell, "!" and "!*" for the shell, "?" and "??" for what shows documentation.
	Name string
	Rest string // what follows the name, lines that were continued joined
	Body string // of a directive that begins with %% and a letter: the lines after the first
}

// gonbPrefix may stand before a directive, so that a cell is Go for other programs.
const gonbPrefix = "//gonb:"

// ParseLine takes the text of a directive apart.
func ParseLine(text string) Line {
	text = strings.TrimPrefix(text, gonbPrefix)
	if hasBody(text) {
		first, body, _ := strings.Cut(text, "\n")
		name, rest := cutName(strings.TrimSuffix(first, "\r"))
		return Line{Name: name, Rest: rest, Body: body}
	}
	text = joined(text)
	if name, mark, ok := question(text); ok {
		return Line{Name: mark, Rest: name}
	}
	if rest, ok := strings.CutPrefix(text, "!*"); ok {
		return Line{Name: "!*", Rest: strings.TrimSpace(rest)}
	}
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		return Line{Name: "!", Rest: strings.TrimSpace(rest)}
	}
	// As in GoNB, white space may follow the sign.
	if rest, ok := strings.CutPrefix(text, "%"); ok && !strings.HasPrefix(rest, "%") {
		text = "%" + strings.TrimLeft(rest, " \t")
	}
	name, rest := cutName(text)
	return Line{Name: name, Rest: rest}
}

// cutName cuts a directive behind its first word.
func cutName(text string) (name, rest string) {
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		return text[:i], strings.TrimSpace(text[i:])
	}
	return text, ""
}

// joined makes one line of lines that end with a backslash and what follows them.
func joined(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimRight(line, "\r\n"), gonbPrefix)
		if before, more := strings.CutSuffix(line, `\`); more {
			line = before + " "
		}
		b.WriteString(line)
	}
	return strings.TrimSpace(b.String())
}

// Words cuts text at white space. Double quotes hold words together; within them a backslash may precede
// a quote, and \n and \t are what they are in Go.
func Words(text string) []string {
	var words []string
	var word strings.Builder
	quoted, begun := false, false
	for i := 0; i < len(text); i++ {
		ch := text[i]
		switch {
		case !quoted && (ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r'):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
			continue
		case ch == '"':
			quoted, begun = !quoted, true
			continue
		case ch == '\\' && quoted && i+1 < len(text):
			i++
			ch = text[i]
			if at := strings.IndexByte("nt", ch); at >= 0 {
				ch = "\n\t"[at]
			}
		}
		word.WriteByte(ch)
		begun = true
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

// hasBody tells whether the rest of the cell belongs to a directive.
func hasBody(text string) bool {
	rest, ok := strings.CutPrefix(text, "%%")
	return ok && rest != "" && ('a' <= rest[0] && rest[0] <= 'z' || 'A' <= rest[0] && rest[0] <= 'Z')
}

// asking matches a line that asks for documentation. A question mark stands nowhere in Go.
var asking = regexp.MustCompile(`^(\?{0,2})\s*([%!]*[\pL\pN_.]*)\s*(\?{0,2})$`)

// question returns the name that a line asks about, and "?" or "??".
func question(line string) (name, mark string, ok bool) {
	if !strings.Contains(line, "?") {
		return "", "", false
	}
	m := asking.FindStringSubmatch(strings.TrimSpace(line))
	if m == nil || m[2] == "" {
		return "", "", false
	}
	mark = m[1]
	if len(m[3]) > len(mark) {
		mark = m[3]
	}
	return m[2], mark, mark != ""
}

// directiveLength returns the length of the directive that text begins with, or 0 if it begins with none.
func directiveLength(text string) int {
	line := text[:lineLength(text)]
	_, _, ok := question(line)
	bare := strings.TrimPrefix(line, gonbPrefix)
	switch {
	case bare == "", !ok && bare[0] != '%' && bare[0] != '!':
		return 0
	case hasBody(bare):
		return len(text)
	}
	n := len(line)
	for strings.HasSuffix(strings.TrimSuffix(text[:n], "\r"), `\`) && n < len(text) {
		n += 1 + lineLength(text[n+1:])
	}
	return n
}

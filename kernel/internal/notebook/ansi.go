package notebook

import (
	"fmt"
	"html"
	"strconv"
	"strings"
)

// An ansiStyle is how a terminal shows text.
type ansiStyle struct {
	fg, bg                                 string // a CSS colour, or ""
	bold, dim, italic, underline, inverted bool
}

// ansiHTML returns text as HTML in which ANSI colours are spans. Other control sequences are left out.
func ansiHTML(text string) string {
	var b strings.Builder
	var style ansiStyle
	for text != "" {
		plain, rest, found := strings.Cut(text, "\x1b")
		style.write(&b, plain)
		if !found {
			break
		}
		var params string
		var final byte
		params, final, text = controlSequence(rest)
		if final == 'm' {
			style.apply(params)
		}
	}
	return b.String()
}

// controlSequence reads what follows an escape character: the parameters and the final byte of a
// control sequence. Final is 0 for what is none.
func controlSequence(s string) (params string, final byte, rest string) {
	if strings.HasPrefix(s, "]") { // an operating system command, such as a hyperlink
		if end := strings.IndexAny(s, "\a\x1b"); end >= 0 {
			return "", 0, strings.TrimPrefix(s[end+1:], `\`)
		}
		return "", 0, ""
	}
	if !strings.HasPrefix(s, "[") {
		return "", 0, s
	}
	for i := 1; i < len(s); i++ {
		if s[i] >= 0x40 && s[i] <= 0x7e {
			return s[1:i], s[i], s[i+1:]
		}
	}
	return "", 0, ""
}

// write writes plain text in the style.
func (a ansiStyle) write(b *strings.Builder, plain string) {
	if plain == "" {
		return
	}
	css := a.css()
	if css == "" {
		b.WriteString(html.EscapeString(plain))
		return
	}
	fmt.Fprintf(b, `<span style="%s">%s</span>`, css, html.EscapeString(plain))
}

// css returns the declarations of the style.
func (a ansiStyle) css() string {
	fg, bg := a.fg, a.bg
	if a.inverted {
		fg, bg = bg, fg
		if fg == "" {
			fg = "var(--page)"
		}
		if bg == "" {
			bg = "var(--text)"
		}
	}
	var css []string
	add := func(on bool, declaration string) {
		if on {
			css = append(css, declaration)
		}
	}
	add(fg != "", "color:"+fg)
	add(bg != "", "background:"+bg)
	add(a.bold, "font-weight:700")
	add(a.dim, "opacity:.7")
	add(a.italic, "font-style:italic")
	add(a.underline, "text-decoration:underline")
	return strings.Join(css, ";")
}

// apply applies the parameters of one "select graphic rendition".
func (a *ansiStyle) apply(params string) {
	codes := strings.FieldsFunc(params, func(r rune) bool { return r == ';' || r == ':' })
	if len(codes) == 0 {
		*a = ansiStyle{}
	}
	for len(codes) > 0 {
		code, err := strconv.Atoi(codes[0])
		codes = codes[1:]
		if err != nil {
			continue
		}
		switch {
		case code == 38:
			a.fg, codes = extendedColour(codes)
		case code == 48:
			a.bg, codes = extendedColour(codes)
		case code >= 30:
			a.colour(code)
		default:
			a.attribute(code)
		}
	}
}

// colour applies a code that sets or resets one of the 16 colours.
func (a *ansiStyle) colour(code int) {
	switch {
	case code <= 37:
		a.fg = paletteColour(code - 30)
	case code == 39:
		a.fg = ""
	case code >= 40 && code <= 47:
		a.bg = paletteColour(code - 40)
	case code == 49:
		a.bg = ""
	case code >= 90 && code <= 97:
		a.fg = paletteColour(code - 90 + 8)
	case code >= 100 && code <= 107:
		a.bg = paletteColour(code - 100 + 8)
	}
}

// attribute applies a code below 30.
func (a *ansiStyle) attribute(code int) {
	switch code {
	case 0:
		*a = ansiStyle{}
	case 1:
		a.bold = true
	case 2:
		a.dim = true
	case 3:
		a.italic = true
	case 4:
		a.underline = true
	case 7:
		a.inverted = true
	case 22:
		a.bold, a.dim = false, false
	case 23:
		a.italic = false
	case 24:
		a.underline = false
	case 27:
		a.inverted = false
	}
}

// paletteColour returns one of the 16 colours; the style sheet of the report says what they are.
func paletteColour(n int) string { return fmt.Sprintf("var(--ansi-%d)", n) }

// extendedColour reads a colour of the 256 or of 24 bits from the codes after 38 or 48.
func extendedColour(codes []string) (colour string, rest []string) {
	number := func(i int) int {
		n, _ := strconv.Atoi(codes[i])
		return min(max(n, 0), 255)
	}
	switch {
	case len(codes) >= 2 && codes[0] == "5":
		return indexedColour(number(1)), codes[2:]
	case len(codes) >= 4 && codes[0] == "2":
		return fmt.Sprintf("rgb(%d,%d,%d)", number(1), number(2), number(3)), codes[4:]
	}
	return "", nil
}

// indexedColour returns colour n of the 256: 16 of the palette, a cube of 6x6x6, and 24 greys.
func indexedColour(n int) string {
	switch {
	case n < 16:
		return paletteColour(n)
	case n >= 232:
		grey := 8 + 10*(n-232)
		return fmt.Sprintf("rgb(%d,%d,%d)", grey, grey, grey)
	}
	level := func(i int) int {
		if i == 0 {
			return 0
		}
		return 55 + 40*i
	}
	n -= 16
	return fmt.Sprintf("rgb(%d,%d,%d)", level(n/36), level(n/6%6), level(n%6))
}

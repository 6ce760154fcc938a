// Package display puts values on the page of a notebook, and prints them as plain text anywhere else.
//
// [Show] puts any value on the page at once, from any depth of a program and from any goroutine:
//
//	h := display.Show(display.Markdown("**warming up**"))
//	h.Update(display.Markdown("**training**"))
//
// The value of a cell's last expression is shown by the same rule, [BundleOf]: a struct or a slice of
// structs becomes a table, an image a picture, and so on. A type takes part by having any of the
// methods HTML, SVG, PNG, Markdown, LaTeX or MIMEBundle; each returns a string or []byte (MIMEBundle a
// map[string]any) and may return an error beside it. Plain text always goes with the richer forms.
//
// HTML made here has inline styles only, takes its colours from the page, so that it reads well on a
// light and on a dark one, and escapes every text.
package display

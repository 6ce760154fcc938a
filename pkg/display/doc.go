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
// A value that the reader is to choose is a [Widget], which takes part like any value, and is asked for what
// was chosen by the code that runs meanwhile or later:
//
//	rate := display.LogSlider("learning rate", 1e-5, 1e-1, 1e-3)
//	rate // as the last line of a cell
//
//	for step := range steps { train(rate.Value()) }
//
// Widgets speak the protocol of Jupyter's own: JupyterLab shows them where the package jupyterlab-widgets is
// installed beside it, VS Code and Colab as they are, and what is stored has no script.
//
// HTML made here has inline styles only, takes its colours from the page, so that it reads well on a
// light and on a dark one, and escapes every text.
package display

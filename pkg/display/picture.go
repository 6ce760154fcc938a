package display

import (
	"fmt"
	"html"
)

// pictureStyle tells JupyterLab when to show the picture of a widget: where the widget itself, which is the
// output below it, is not to be seen. There it says what is missing, if that can be mended.
const pictureStyle = `<style>
.jp-OutputArea-child:has(.lathe-widget):has(+ .jp-OutputArea-child .jp-OutputArea-output .jupyter-widgets),
.jp-OutputArea-child:has(.lathe-widget) + .jp-OutputArea-child:has(> .jp-OutputArea-output.jupyter-widgets){display:none}
.jp-NotebookPanel .jp-OutputArea-child:has(+ .jp-OutputArea-child > .jp-OutputArea-output[data-mime-type="text/plain"]) .lathe-widget::after
{content:"To use it: pip install jupyterlab-widgets, and load the page again.";opacity:.7;font-size:smaller}
</style>`

func escaped(s string) string { return html.EscapeString(s) }

// labelled returns what stands beside a label.
func labelled(label, rest string) string {
	return `<span style="display:inline-flex;align-items:center;gap:0.6em"><span>` + escaped(label) + `</span>` + rest + `</span>`
}

// boxed returns a text in a frame, like a field of a form.
func boxed(s string) string {
	return `<span style="white-space:pre-wrap;padding:0 0.5em;border:1px solid var(--jp-border-color1,rgba(128,128,128,.5));border-radius:3px">` +
		escaped(s) + `</span>`
}

// track returns a slider that stands at a part of its way, from 0 to 1.
func track(part float64) string {
	return fmt.Sprintf(`<span style="display:inline-block;width:10em;height:0.3em;border-radius:0.2em;background:var(--jp-layout-color3,rgba(128,128,128,.3))">`+
		`<span style="display:block;height:100%%;border-radius:0.2em;width:%.1f%%;background:var(--jp-brand-color1,#2f7ed8)"></span></span>`, 100*part)
}

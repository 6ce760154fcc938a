// Package spec installs the kernelspec: the folder by which Jupyter finds the kernel, with its
// kernel.json, its logo and whatever else frontends may load from it; and the Python package by which
// papermill knows Go.
//
// # Frontends
//
// JupyterLab, jupyter console, nbclient, nbconvert and papermill are run by the tests of package labtest.
// VS Code and Colab cannot be; this is what they need beyond the protocol, how it is met, and what of it
// those tests hold (testdata/snippets.py there, "editors").
//
// Both find the kernel by the kernelspec of the machine it runs on, so `lathe install` is all there is to
// install.
//
// VS Code
//
//   - asks a kernel that is not Python's for completions only if language_info names a MIME type that it
//     knows, text/x-go here, and drops an answer that is late. Completion does not wait for a running cell
//     and gives gopls 45 ms. Held: the fields, and an answer while a cell runs.
//   - shows HTML in a page without require.js and without Jupyter's style sheet, and shows a
//     text/javascript output as text. So a script stands inside the HTML, colours name VS Code's variables
//     beside JupyterLab's, and a chart has its picture inline, which stays where the script cannot load
//     ECharts from the kernelspec's folder. Held: every chart has an inline SVG and a PNG, nothing asks for
//     require.js, nothing has an address outside.
//   - draws application/vnd.jupyter.widget-view+json with a copy of ipywidgets of its own, or with one from
//     a CDN if its user allows that ("jupyter.widgetScriptSources"). Its choice between the versions 7 and 8
//     of ipywidgets is known to be wrong for some kernels; a widget that stays empty has its value as HTML
//     beside it.
//
// Colab
//
//   - has kernels of its own and reaches this one by "Connect to a local runtime", or, in a machine of its
//     own, when lathe is installed there and the notebook's metadata names the kernelspec "lathe".
//   - puts each output into a sandboxed frame of another origin, without require.js and without the
//     Jupyter server: the picture of a chart shows, and its interactive form does not. Held: as above.
//   - passes comms to ipywidgets' core widgets. Whether it does so for this kernel has not been tried; a
//     widget shows its last value as HTML where it does not.
package spec

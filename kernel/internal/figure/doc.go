// Package figure completes a chart on its way to the page. A cell sends a chart as data: an ECharts
// option with a size and a description. This package draws it, in the kernel process and without a
// browser, and adds the forms that frontends and exports understand: HTML that holds the picture inline
// and becomes interactive where ECharts can be loaded from the notebook server, SVG, and PNG.
//
// The picture is drawn by ECharts itself, which runs in a JavaScript interpreter written in Go and
// returns SVG. The option is data to it: it is parsed as JSON and no string in it is evaluated.
package figure

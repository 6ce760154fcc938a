// Package chart draws charts on the page of a notebook: interactive where the page can be, a picture
// everywhere else, and a line of text with its numbers in any case.
//
// A chart is a value. Its methods fill it in and return it, so that one expression ends a cell:
//
//	chart.Line("Loss").X("step").Y("loss").LogY().
//		Series("train", steps, trainLoss).
//		Series("valid", steps, validLoss)
//
// [Echarts] takes any chart of github.com/go-echarts/go-echarts/v2 in the same way, and [NewLive] makes
// a chart to which points are appended while something runs.
//
// No value empties a chart. A NaN or an infinity leaves a gap that is marked where it is, and the text
// of the chart lists the places. Long series are thinned for the page so that the first and the last
// point, every local extreme at the resolution of the page and every mark of a gap stay.
package chart

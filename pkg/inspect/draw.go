package inspect

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// A box is what stands in the picture: a layer, or an operation when the graph is drawn unfolded.
type box struct {
	lines  []string // the first is the title
	flops  float64
	layer  string
	inputs []edge
	rank   int // row, from the top
	x, y   int // middle, top
	w, h   int
}

type edge struct {
	from  int // index of a box
	shape string
}

const (
	lineHeight  = 15
	boxPadding  = 7
	letterWidth = 7
	rowGap      = 38
	boxGap      = 26
	maxOps      = 400 // operations up to which Unfolded draws
)

// String says what the view is in a few lines.
func (v *View) String() string {
	var b strings.Builder
	b.WriteString(v.headline())
	for _, l := range v.Layers {
		fmt.Fprintf(&b, "\n  %-24s %9s parameters  %4d operations  %10s FLOPs  %10s", l.Name, fmt.Sprint(l.Parameters), l.Ops, si(l.FLOPs, ""), si(l.Bytes, "B"))
	}
	return b.String()
}

func (v *View) headline() string {
	what := "a training step"
	if v.Forward {
		what = "predictions"
	}
	return fmt.Sprintf("%s: %s on %d examples, %d operations, %s FLOPs", v.Model, what, v.Batch, len(v.Ops), si(v.FLOPs(), ""))
}

// HTML draws the network, one box for each layer with its operations, and with shapes on what goes from one
// to the next.
func (v *View) HTML() string {
	return "<div><b>" + html.EscapeString(v.headline()) + "</b></div>" + v.paint(v.folded(), "the network, layer by layer")
}

// A Picture is a drawing of a graph.
type Picture struct{ svg, text string }

// HTML returns the drawing.
func (p Picture) HTML() string { return p.svg }

// String says what is drawn.
func (p Picture) String() string { return p.text }

// Unfolded draws every operation of the predictions, or of one layer if its name is given, at most 400.
func (v *View) Unfolded(layer string) Picture {
	boxes := v.unfolded(layer)
	text := fmt.Sprintf("%d operations of %s", len(boxes), v.Model)
	if layer != "" {
		text += ", layer " + layer
	}
	if len(boxes) > maxOps {
		return Picture{"<div>" + html.EscapeString(text) + ": too many to draw; name a layer</div>", text}
	}
	return Picture{v.paint(boxes, text), text}
}

// folded returns a box for each layer of the predictions.
func (v *View) folded() []box {
	place := map[string]int{}
	var boxes []box
	for _, l := range v.Layers {
		if l.Ops == 0 {
			continue
		}
		place[l.Name] = len(boxes)
		lines := []string{l.Name}
		if kinds := v.kinds(l.Name); kinds != "" {
			lines = append(lines, kinds)
		}
		if l.Parameters > 0 {
			lines = append(lines, fmt.Sprintf("%d parameters, %s FLOPs", l.Parameters, si(l.FLOPs, "")))
		}
		boxes = append(boxes, box{lines: lines, flops: l.FLOPs, layer: l.Name})
	}
	v.connect(boxes, place)
	if len(v.ends) > 0 {
		end := v.Ops[v.ends[0]]
		boxes = append(boxes, box{lines: []string{"predictions", end.Shape}, inputs: []edge{{place[end.Layer], ""}}})
	}
	return boxes
}

// connect adds the edges between layers, each once for a shape.
func (v *View) connect(boxes []box, place map[string]int) {
	for _, op := range v.Ops {
		to, ok := place[op.Layer]
		if !ok {
			continue
		}
		for _, in := range op.Inputs {
			from, ok := place[v.Ops[in].Layer]
			e := edge{from, v.Ops[in].Shape}
			if ok && from != to && v.Ops[in].size > 1 && !slices.Contains(boxes[to].inputs, e) {
				boxes[to].inputs = append(boxes[to].inputs, e)
			}
		}
	}
}

// plumbing are operations that a reader of the network does not miss.
var plumbing = []string{"Parameter", "Constant", "BroadcastInDim", "Reshape", "SplitNode", "Identity", "ConvertDType", "Iota"}

// kinds lists the operations of a layer in their order, as in "ConvGeneral, Add, Max".
func (v *View) kinds(layer string) string {
	var list []string
	for _, op := range v.Ops {
		if op.Layer == layer && !slices.Contains(plumbing, op.Kind) && (len(list) == 0 || list[len(list)-1] != op.Kind) {
			list = append(list, op.Kind)
		}
	}
	if len(list) > 6 {
		list = append(list[:6], fmt.Sprintf("and %d more", len(list)-6))
	}
	return strings.Join(list, ", ")
}

// unfolded returns a box for each operation of the predictions, or of one layer and what goes into it.
func (v *View) unfolded(layer string) []box {
	place := map[int]int{}
	var boxes []box
	for i, op := range v.Ops {
		if op.Layer == "" || layer != "" && op.Layer != layer {
			continue
		}
		b := box{lines: []string{op.Kind, op.Shape}, flops: op.FLOPs, layer: op.Layer}
		if op.Kind == "Parameter" {
			b.lines = []string{parameterName(op.Text), op.Shape}
		}
		for _, in := range op.Inputs {
			if from, ok := place[in]; ok {
				b.inputs = append(b.inputs, edge{from, ""})
			} else if layer != "" {
				place[in] = len(boxes)
				boxes = append(boxes, box{lines: []string{"from " + v.Ops[in].Layer, v.Ops[in].Shape}})
				b.inputs = append(b.inputs, edge{place[in], ""})
			}
		}
		place[i] = len(boxes)
		boxes = append(boxes, b)
	}
	return boxes
}

// parameterName finds the name in what GoMLX says of a parameter.
func parameterName(text string) string {
	if _, after, ok := strings.Cut(text, `name="`); ok {
		name, _, _ := strings.Cut(after, `"`)
		return name
	}
	return "Parameter"
}

// arrange puts each box one row below the lowest of its inputs, and orders rows so that lines cross little:
// each box stands near the mean place of its inputs (K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual
// Understanding of Hierarchical System Structures", 1981). It returns the size of the picture.
func arrange(boxes []box) (width, height int) {
	var rows [][]int
	for i := range boxes {
		b := &boxes[i]
		for _, e := range b.inputs {
			b.rank = max(b.rank, boxes[e.from].rank+1)
		}
		longest := 0
		for _, l := range b.lines {
			longest = max(longest, len([]rune(l)))
		}
		b.w, b.h = longest*letterWidth+2*boxPadding, len(b.lines)*lineHeight+2*boxPadding
		for len(rows) <= b.rank {
			rows = append(rows, nil)
		}
		rows[b.rank] = append(rows[b.rank], i)
	}
	y := 10
	for _, row := range rows {
		slices.SortStableFunc(row, func(a, b int) int { return middle(boxes, a) - middle(boxes, b) })
		x, tallest := 10, 0
		for _, i := range row {
			b := &boxes[i]
			b.x, b.y = x+b.w/2, y
			x += b.w + boxGap
			tallest = max(tallest, b.h)
		}
		width = max(width, x)
		y += tallest + rowGap
	}
	for _, row := range rows { // rows stand in the middle
		last := boxes[row[len(row)-1]]
		shift := (width - boxGap - (last.x + last.w/2)) / 2
		for _, i := range row {
			boxes[i].x += shift
		}
	}
	return width + 90, y
}

// middle is the mean place of the inputs of a box.
func middle(boxes []box, i int) int {
	sum := 0
	for _, e := range boxes[i].inputs {
		sum += boxes[e.from].x
	}
	return sum / max(len(boxes[i].inputs), 1)
}

// paint draws boxes, darker the more of all FLOPs they have.
func (v *View) paint(boxes []box, label string) string {
	width, height := arrange(boxes)
	most := 1.0
	for _, b := range boxes {
		most = max(most, b.flops)
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<div style="overflow:auto"><svg viewBox="0 0 %[1]d %[2]d" style="min-width:%[1]dpx" width="%[1]d" height="%[2]d" role="img" aria-label="%[3]s" font-size="12" font-family="monospace" fill="currentColor">`,
		width, height, html.EscapeString(label))
	for _, b := range boxes {
		for k, e := range b.inputs {
			s.WriteString(line(boxes[e.from], b, e.shape, k))
		}
	}
	for _, b := range boxes {
		fmt.Fprintf(&s, `<rect x="%d" y="%d" width="%d" height="%d" rx="5" fill="#0a7bc2" fill-opacity="%.2f" stroke="currentColor" stroke-opacity="0.5"/>`,
			b.x-b.w/2, b.y, b.w, b.h, 0.06+0.5*b.flops/most)
		for k, text := range b.lines {
			weight := ""
			if k == 0 {
				weight = ` font-weight="bold"`
			}
			fmt.Fprintf(&s, `<text x="%d" y="%d" text-anchor="middle"%s>%s</text>`, b.x, b.y+boxPadding+lineHeight*(k+1)-4, weight, html.EscapeString(text))
		}
	}
	return s.String() + "</svg></div>"
}

// line draws an edge. One that passes rows goes around at the right.
func line(from, to box, shape string, k int) string {
	x1, y1, x2, y2 := from.x, from.y+from.h, to.x, to.y
	path := fmt.Sprintf("M%d %d L%d %d", x1, y1, x2, y2)
	labelX, labelY := (x1+x2)/2+6, (y1+y2)/2+4+12*min(k, 1)
	if to.rank > from.rank+1 {
		side := max(x1+from.w/2, x2+to.w/2) + 40
		path = fmt.Sprintf("M%d %d C%d %d %d %d %d %d", x1+from.w/2, from.y+from.h/2, side, from.y+from.h/2, side, to.y+to.h/2, x2+to.w/2, to.y+to.h/2)
		labelX = side - 20
	}
	text := ""
	if shape != "" {
		text = fmt.Sprintf(`<text x="%d" y="%d" font-size="11" opacity="0.8">%s</text>`, labelX, labelY, html.EscapeString(shape))
	}
	return fmt.Sprintf(`<path d="%s" fill="none" stroke="currentColor" stroke-opacity="0.55" stroke-width="1.2"/>%s`, path, text)
}

package inspect

import (
	"fmt"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
)

// free are operations that only name, place or fill numbers.
var free = map[graph.NodeType]bool{
	graph.NodeTypeParameter: true, graph.NodeTypeConstant: true, graph.NodeTypeReshape: true,
	graph.NodeTypeSplitNode: true, graph.NodeTypeIdentity: true, graph.NodeTypeBitcast: true,
}

// movers are operations that move numbers without computing.
var movers = map[graph.NodeType]bool{
	graph.NodeTypeBroadcastInDim: true, graph.NodeTypeTranspose: true, graph.NodeTypeSlice: true,
	graph.NodeTypeConcatenate: true, graph.NodeTypePad: true, graph.NodeTypeReverse: true, graph.NodeTypeGather: true,
	graph.NodeTypeIota: true, graph.NodeTypeConvertDType: true, graph.NodeTypeDynamicSlice: true,
	graph.NodeTypeDynamicUpdateSlice: true, graph.NodeTypeWhere: true, graph.NodeTypeRNGBitGenerator: true,
}

// costOf returns an operation with what it costs.
func costOf(n *graph.Node) Op {
	op := Op{ID: int(n.Id()), Kind: strings.TrimPrefix(n.Type().String(), "NodeType"), Text: n.String()}
	if n.NumOutputs() != 1 {
		op.Shape = "several"
		return op
	}
	op.Shape, op.size = n.Shape().String(), n.Shape().Size()
	if free[n.Type()] {
		return op
	}
	op.Bytes = float64(n.Shape().ByteSize())
	largest := op.size
	for _, in := range n.Inputs() {
		if in.NumOutputs() == 1 {
			op.Bytes += float64(in.Shape().ByteSize())
			largest = max(largest, in.Shape().Size())
		}
	}
	switch {
	case movers[n.Type()]:
	case n.Type() == graph.NodeTypeDotGeneral:
		op.FLOPs = 2 * float64(op.size) * float64(contracted(n, op.Text))
	case n.Type() == graph.NodeTypeConvGeneral:
		op.FLOPs = convFLOPs(n, op.Text)
	case n.Type() == graph.NodeTypeFusedDense:
		in := n.Inputs()[0].Shape()
		op.FLOPs = float64(op.size) * (2*float64(in.Dimensions[in.Rank()-1]) + 1) // with its bias
	default:
		op.FLOPs = float64(largest) // elementwise, and reductions, which touch each input once
	}
	return op
}

var (
	contractingAxes = regexp.MustCompile(`lhsContractingAxes=\[([\d ]*)\]`)
	kernelOutput    = regexp.MustCompile(`KernelOutputChannels:(\d+)`)
	dilations       = regexp.MustCompile(`inputDilations=\[([\d ]*)\]`)
	batchGroups     = regexp.MustCompile(`batchGroupCount=(\d+)`)
)

// contracted returns how many products each number of a dot product sums up. GoMLX gives the axes only in
// words.
func contracted(n *graph.Node, text string) int {
	size := 1
	for _, axis := range ints(contractingAxes, text) {
		if dims := n.Inputs()[0].Shape().Dimensions; axis < len(dims) {
			size *= dims[axis]
		}
	}
	return size
}

// convFLOPs counts a convolution: each number of the output is a sum over the kernel without its axis of outputs. What
// falls on padding counts too. Zeros that a dilated input has between its numbers do not.
func convFLOPs(n *graph.Node, text string) float64 {
	kernel := n.Inputs()[1].Shape()
	outputs := 1
	if axes := ints(kernelOutput, text); len(axes) == 1 && axes[0] < kernel.Rank() {
		outputs = kernel.Dimensions[axes[0]]
	}
	flops := 2 * float64(n.Shape().Size()) * float64(kernel.Size()) / float64(outputs)
	for _, d := range ints(dilations, text) {
		flops /= float64(max(d, 1))
	}
	if groups := ints(batchGroups, text); len(groups) == 1 && groups[0] > 1 {
		flops /= float64(groups[0])
	}
	return flops
}

// ints returns the numbers of the first submatch.
func ints(r *regexp.Regexp, text string) []int {
	m := r.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	var list []int
	for _, f := range strings.Fields(m[1]) {
		if n, err := strconv.Atoi(f); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// A Cost is what operations of one kind cost in one part of the program.
type Cost struct {
	Part  string // a layer, or "loss, gradients, update"
	Kind  string
	Count int
	FLOPs float64
	Bytes float64
	Share float64 // of all FLOPs
}

// CostList is a table of costs, the largest first.
type CostList []Cost

// restPart is where operations stand that belong to no layer's predictions.
const restPart = "loss, gradients, update"

// Costs sums up operations by layer and kind, the most FLOPs first.
func (v *View) Costs() CostList {
	at := map[[2]string]int{}
	var list CostList
	total := v.FLOPs()
	for _, op := range v.Ops {
		if op.FLOPs == 0 && op.Bytes == 0 {
			continue
		}
		part := op.Layer
		if part == "" {
			part = restPart
		}
		key := [2]string{part, op.Kind}
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, Cost{Part: part, Kind: op.Kind})
		}
		list[i].Count++
		list[i].FLOPs += op.FLOPs
		list[i].Bytes += op.Bytes
	}
	for i := range list {
		list[i].Share = list[i].FLOPs / max(total, 1)
	}
	slices.SortStableFunc(list, func(a, b Cost) int {
		if a.FLOPs != b.FLOPs {
			return sign(b.FLOPs - a.FLOPs)
		}
		return sign(b.Bytes - a.Bytes)
	})
	return list
}

func sign(v float64) int {
	if v > 0 {
		return 1
	}
	if v < 0 {
		return -1
	}
	return 0
}

// shownCosts is how many rows of costs are shown.
const shownCosts = 24

// String returns the list as a table.
func (l CostList) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s %-22s %6s %12s %12s %7s", "part", "operation", "count", "FLOPs", "bytes", "share")
	for _, c := range l[:min(len(l), shownCosts)] {
		fmt.Fprintf(&b, "\n%-24s %-22s %6d %12s %12s %6.1f%%", c.Part, c.Kind, c.Count, si(c.FLOPs, ""), si(c.Bytes, "B"), 100*c.Share)
	}
	if more := len(l) - shownCosts; more > 0 {
		fmt.Fprintf(&b, "\nand %d more", more)
	}
	return b.String()
}

// HTML returns the list as a table with bars.
func (l CostList) HTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<table style="%s"><tr>`, tableStyle)
	for _, h := range []string{"part", "operation", "count", "FLOPs", "bytes", "share of FLOPs"} {
		fmt.Fprintf(&b, `<th style="%s">%s</th>`, cellStyle, h)
	}
	b.WriteString("</tr>")
	for _, c := range l[:min(len(l), shownCosts)] {
		bar := fmt.Sprintf(`<span style="display:inline-block;height:0.7em;width:%.1fpx;background:#0a7bc2"></span> %.1f %%`, 140*c.Share, 100*c.Share)
		fmt.Fprintf(&b, "<tr>")
		for _, cell := range []string{html.EscapeString(c.Part), c.Kind, fmt.Sprint(c.Count), si(c.FLOPs, ""), si(c.Bytes, "B"), bar} {
			fmt.Fprintf(&b, `<td style="%s">%s</td>`, cellStyle, cell)
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</table>")
	if more := len(l) - shownCosts; more > 0 {
		fmt.Fprintf(&b, "<div>and %d more</div>", more)
	}
	return b.String()
}

const (
	tableStyle = "border-collapse:collapse;font-size:var(--jp-code-font-size,13px)"
	cellStyle  = "text-align:left;vertical-align:top;padding:0.2em 0.8em;border-bottom:1px solid rgba(128,128,128,.3)"
)

// si writes a number with the prefix of a power of thousand.
func si(v float64, unit string) string {
	for _, p := range []struct {
		by     float64
		prefix string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= p.by {
			return fmt.Sprintf("%.3g %s%s", v/p.by, p.prefix, unit)
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%.3g %s", v, unit))
}

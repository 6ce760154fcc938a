package check

import (
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// A layer is a scope with trainable variables of its own, and what it gives on.
type layer struct {
	name string
	vars []*model.Variable
	out  *graph.Node // what comes of the data and the variables; nil if they do not meet
	act  *graph.Node // out after the activation function, or out itself
}

// elementwise are the operations of activation functions.
var elementwise = map[graph.NodeType]bool{
	graph.NodeTypeAbs: true, graph.NodeTypeAdd: true, graph.NodeTypeClamp: true, graph.NodeTypeConvertDType: true,
	graph.NodeTypeDiv: true, graph.NodeTypeErf: true, graph.NodeTypeExp: true, graph.NodeTypeExpm1: true,
	graph.NodeTypeFusedGelu: true, graph.NodeTypeGreaterOrEqual: true, graph.NodeTypeGreaterThan: true,
	graph.NodeTypeIdentity: true, graph.NodeTypeLessOrEqual: true, graph.NodeTypeLessThan: true,
	graph.NodeTypeLog: true, graph.NodeTypeLog1p: true, graph.NodeTypeLogistic: true, graph.NodeTypeMax: true,
	graph.NodeTypeMin: true, graph.NodeTypeMul: true, graph.NodeTypeNeg: true, graph.NodeTypePow: true,
	graph.NodeTypeRsqrt: true, graph.NodeTypeSign: true, graph.NodeTypeSqrt: true, graph.NodeTypeSub: true,
	graph.NodeTypeTanh: true, graph.NodeTypeWhere: true, graph.NodeTypeCos: true, graph.NodeTypeSin: true,
}

// origin is what a node is made of: nothing but variables and constants, or data too.
type origin struct {
	data  bool
	scope string // of the trainable variables it is made of, if it is made of nothing else but constants
}

// findLayers finds the layers of a graph without help from the model: a node at which something made of a
// scope's variables alone meets data is where that scope's layer computes, and the last such node is what
// the layer gives. The activation is what follows elementwise from that node alone.
func findLayers(g *graph.Graph, store *model.Store, predictions []*graph.Node) []*layer {
	layers, byScope, params := scopes(g, store)
	forward := ancestors(predictions)
	origins := make(map[*graph.Node]origin, len(forward))
	for _, n := range forward {
		o, meets := originOf(n, origins, params)
		origins[n] = o
		if l := byScope[meets]; l != nil {
			l.out = n
		}
	}
	firstOutputs(layers, forward)
	for _, l := range layers {
		if l.out != nil {
			l.act = activationOf(l.out, forward, origins)
		}
	}
	return layers
}

// firstOutputs replaces operations of several results, as batch normalisation is, by their first one.
func firstOutputs(layers []*layer, forward []*graph.Node) {
	for _, l := range layers {
		if l.out == nil || l.out.NumOutputs() == 1 {
			continue
		}
		i := slices.IndexFunc(forward, func(n *graph.Node) bool {
			return n.Type() == graph.NodeTypeSplitNode && slices.Contains(n.Inputs(), l.out)
		})
		if l.out = nil; i >= 0 {
			l.out = forward[i]
		}
	}
}

// scopes returns a layer for each scope with trainable variables that the graph uses, in the order of
// creation, and the scope of each parameter.
func scopes(g *graph.Graph, store *model.Store) (layers []*layer, byScope map[string]*layer, params map[*graph.Node]string) {
	byScope, params = map[string]*layer{}, map[*graph.Node]string{}
	for v := range store.IterVariables() {
		if !v.InUseByGraph(g) {
			continue
		}
		scope := ""
		if v.Trainable {
			scope = v.Scope()
			if byScope[scope] == nil {
				byScope[scope] = &layer{name: strings.TrimPrefix(scope, "/")}
				layers = append(layers, byScope[scope])
			}
			byScope[scope].vars = append(byScope[scope].vars, v)
		}
		params[v.NodeValue(g)] = scope
	}
	return layers, byScope, params
}

// ancestors returns all nodes that outputs depend on, inputs before what uses them.
func ancestors(outputs []*graph.Node) []*graph.Node {
	seen := map[*graph.Node]bool{}
	var list []*graph.Node
	stack := slices.Clone(outputs)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if n == nil || seen[n] {
			continue
		}
		seen[n] = true
		list = append(list, n)
		stack = append(stack, n.Inputs()...)
	}
	slices.SortFunc(list, func(a, b *graph.Node) int { return int(a.Id()) - int(b.Id()) })
	return list
}

// originOf tells what n is made of, and whose variables meet data in it.
func originOf(n *graph.Node, origins map[*graph.Node]origin, params map[*graph.Node]string) (o origin, meets string) {
	if n.Type() == graph.NodeTypeParameter {
		scope, isVariable := params[n]
		return origin{data: !isVariable, scope: scope}, ""
	}
	for _, in := range n.Inputs() {
		from := origins[in]
		o.data = o.data || from.data
		if from.scope != "" && !from.data {
			o.scope = from.scope
		}
	}
	if o.data && o.scope != "" {
		return origin{data: true}, o.scope
	}
	return o, ""
}

// activationOf returns the last node of the same shape that is computed elementwise from out alone.
func activationOf(out *graph.Node, forward []*graph.Node, origins map[*graph.Node]origin) *graph.Node {
	own := map[*graph.Node]bool{out: true}
	act := out
	for _, n := range forward {
		if n.Id() <= out.Id() || !elementwise[n.Type()] || !slices.Equal(n.Shape().Dimensions, out.Shape().Dimensions) {
			continue
		}
		from := false
		alone := !slices.ContainsFunc(n.Inputs(), func(in *graph.Node) bool {
			from = from || own[in]
			return !own[in] && (origins[in].data || origins[in].scope != "")
		})
		if from && alone {
			own[n] = true
			if n.DType().IsFloat() {
				act = n
			}
		}
	}
	return act
}

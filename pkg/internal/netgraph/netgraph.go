// Package netgraph reads the graphs that models build: which part of one is which layer.
package netgraph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/train"
)

// Predict builds the model's predictions, as Fit does.
func Predict(m train.Model, scope *model.Scope, spec any, inputs []*graph.Node) []*graph.Node {
	if m.Multi != nil {
		return m.Multi(scope, spec, inputs)
	}
	if len(inputs) != 1 {
		panic(fmt.Errorf("a batch has %d inputs and Model.Graph takes one; set Model.Multi instead", len(inputs)))
	}
	return []*graph.Node{m.Graph(scope, inputs[0])}
}

// A Layer is a scope with trainable variables of its own, and what it gives on.
type Layer struct {
	Name string
	Vars []*model.Variable
	Out  *graph.Node // what comes of the data and the variables; nil if they do not meet
	Act  *graph.Node // Out after the activation function, or Out itself
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

// Layers finds the layers of a graph without help from the model: a node at which something made of a
// scope's variables alone meets data is where that scope's layer computes, and the last such node is what
// the layer gives. The activation is what follows elementwise from that node alone.
func Layers(g *graph.Graph, store *model.Store, predictions []*graph.Node) []*Layer {
	layers, byScope, params := scopes(g, store)
	forward := Ancestors(predictions)
	origins := make(map[*graph.Node]origin, len(forward))
	for _, n := range forward {
		o, meets := originOf(n, origins, params)
		origins[n] = o
		if l := byScope[meets]; l != nil {
			l.Out = n
		}
	}
	firstOutputs(layers, forward)
	for _, l := range layers {
		if l.Out != nil {
			l.Act = activationOf(l.Out, forward, origins)
		}
	}
	return layers
}

// firstOutputs replaces operations of several results, as batch normalisation is, by their first one.
func firstOutputs(layers []*Layer, forward []*graph.Node) {
	for _, l := range layers {
		if l.Out == nil || l.Out.NumOutputs() == 1 {
			continue
		}
		i := slices.IndexFunc(forward, func(n *graph.Node) bool {
			return n.Type() == graph.NodeTypeSplitNode && slices.Contains(n.Inputs(), l.Out)
		})
		if l.Out = nil; i >= 0 {
			l.Out = forward[i]
		}
	}
}

// scopes returns a layer for each scope with trainable variables that the graph uses, in the order of
// creation, and the scope of each parameter.
func scopes(g *graph.Graph, store *model.Store) (layers []*Layer, byScope map[string]*Layer, params map[*graph.Node]string) {
	byScope, params = map[string]*Layer{}, map[*graph.Node]string{}
	for v := range store.IterVariables() {
		if !v.InUseByGraph(g) {
			continue
		}
		scope := ""
		if v.Trainable {
			scope = v.Scope()
			if byScope[scope] == nil {
				byScope[scope] = &Layer{Name: strings.TrimPrefix(scope, "/")}
				layers = append(layers, byScope[scope])
			}
			byScope[scope].Vars = append(byScope[scope].Vars, v)
		}
		params[v.NodeValue(g)] = scope
	}
	return layers, byScope, params
}

// Ancestors returns all nodes that outputs depend on, inputs before what uses them.
func Ancestors(outputs []*graph.Node) []*graph.Node {
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

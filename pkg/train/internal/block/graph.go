package block

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// product returns 2mnk where the operands and the result have mk, kn and mn elements.
func product(size float64, operands []*graph.Node) float64 {
	for _, o := range operands[:2] {
		size *= float64(o.Shape().Size())
	}
	return 2 * math.Sqrt(size)
}

// one is the graph of a call that makes one step.
func (r *Runner) one(scope *model.Scope, batch []*graph.Node) []*graph.Node {
	return r.step(scope, batch)
}

// count is the shape of the number of steps, the first argument of many.
func (r *Runner) count() shapes.Shape { return shapes.Make(dtypes.Int32) }

// stacked is the shape of the batches of a call side by side, each of shape s.
func (r *Runner) stacked(s shapes.Shape) shapes.Shape {
	return shapes.Make(s.DType, append([]int{r.most}, s.Dimensions...)...)
}

// The state of the loop: what has been done, what is to be done, the results, the batches, the variables.
// XLA's builder in go-xla does not let the body of a loop use what is outside, so all of it is state.
const (
	stateDone = iota
	stateSteps
	stateResults
)

// many is the graph of a call that makes several steps: a loop around a function of one step. It takes the
// number of steps and, for each tensor of a batch, the batches side by side. It returns a vector for each
// result of a step, whose places beyond the number of steps mean nothing.
func (r *Runner) many(scope *model.Scope, args []*graph.Node) []*graph.Node {
	g := args[0].Graph()
	var before []*graph.Node // the variables
	for _, v := range r.state {
		before = append(before, v.NodeValue(g))
	}
	batches := args[1:]
	step := r.function(scope, batches, before)
	state := []*graph.Node{number(g, 0), args[0]}
	for _, s := range r.outputs {
		state = append(state, graph.ConstTensor(g, tensors.FromShape(shapes.Make(s.DType, r.most))))
	}
	state = append(append(state, batches...), before...)
	after := graph.While(r.more(g, state), r.body(g, state, step), state...)
	r.setVariables(after[len(state)-len(before):], before)
	return after[stateResults : stateResults+len(r.outputs)]
}

// setVariables makes nodes the values of the variables that steps change. The others get back the nodes
// that they had before, by which GoMLX sees that they did not change.
func (r *Runner) setVariables(nodes, before []*graph.Node) {
	for i, v := range r.state {
		if v.changed {
			v.SetNodeValue(nodes[i])
		} else {
			v.SetNodeValue(before[i])
		}
	}
}

// function is one step: it takes a batch and the variables, and returns results and changed variables. It
// comes before everything else that makes constants: GoMLX makes each scalar once in a graph, and what one
// function made no other one can use.
func (r *Runner) function(scope *model.Scope, batches, variables []*graph.Node) *graph.Function {
	return graph.NewFunction(batches[0].Graph(), "step", func(g *graph.Graph) []*graph.Node {
		var batch []*graph.Node
		for i, b := range batches {
			s := b.Shape()
			batch = append(batch, graph.Parameter(g, fmt.Sprintf("batch_%d", i), shapes.Make(s.DType, s.Dimensions[1:]...)))
		}
		for i, v := range r.state {
			v.SetNodeValue(graph.Parameter(g, fmt.Sprintf("variable_%d", i), variables[i].Shape()))
		}
		out := r.step(scope, batch)
		for _, v := range r.state {
			if v.changed {
				out = append(out, v.NodeValue(g))
			}
		}
		return out
	})
}

// declare makes a parameter of the current function for each of the shapes, named by their place.
func declare(g *graph.Graph, name string, list []shapes.Shape) []*graph.Node {
	nodes := make([]*graph.Node, len(list))
	for i, s := range list {
		nodes[i] = graph.Parameter(g, fmt.Sprintf("%s_%d", name, i), s)
	}
	return nodes
}

// parameters declares the state as the parameters of a closure.
func parameters(g *graph.Graph, state []*graph.Node) []*graph.Node {
	list := make([]shapes.Shape, len(state))
	for i, s := range state {
		list[i] = s.Shape()
	}
	return declare(g, "state", list)
}

// number makes an integer without GoMLX's cache of scalars, see function.
func number(g *graph.Graph, n int32) *graph.Node {
	return graph.Reshape(graph.Const(g, []int32{n}))
}

// more is the condition of the loop.
func (r *Runner) more(g *graph.Graph, state []*graph.Node) *graph.Function {
	return graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		s := parameters(g, state)
		return []*graph.Node{graph.LessThan(s[stateDone], s[stateSteps])}
	})
}

// body is one turn of the loop.
func (r *Runner) body(g *graph.Graph, state []*graph.Node, step *graph.Function) *graph.Function {
	return graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		s := parameters(g, state)
		firstBatch := stateResults + len(r.outputs)
		firstVariable := len(s) - len(r.state)
		var in []*graph.Node
		for _, batches := range s[firstBatch:firstVariable] {
			in = append(in, element(batches, s[stateDone]))
		}
		out := step.Call(append(in, s[firstVariable:]...)...)
		results, changed := out[:len(r.outputs)], out[len(r.outputs):]
		for i, result := range results {
			at := &s[stateResults+i]
			*at = graph.DynamicUpdateSlice(*at, graph.Reshape(result, 1), []*graph.Node{s[stateDone]})
		}
		for i, v := range r.state {
			if v.changed {
				s[firstVariable+i], changed = changed[0], changed[1:]
			}
		}
		s[stateDone] = graph.Add(s[stateDone], number(g, 1))
		return s
	})
}

// element returns the i-th of what stands side by side in all, of shape [n, shape of an element].
func element(all, i *graph.Node) *graph.Node {
	dims := all.Shape().Dimensions
	starts, sizes := []*graph.Node{i}, []int{1}
	zero := number(all.Graph(), 0)
	for _, d := range dims[1:] {
		starts, sizes = append(starts, zero), append(sizes, d)
	}
	return graph.Reshape(graph.DynamicSlice(all, starts, sizes), dims[1:]...)
}

// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
)

// TestErrorsNamePlaces plants faults in models. Errors tell the line, the layer and the shapes, first.
func TestErrorsNamePlaces(t *testing.T) {
	hidden := func(s *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(s.In("hidden"), x, true, 8) }
	zeros := func(x *graph.Node, dims ...int) *graph.Node {
		return graph.Zeros(x.Graph(), shapes.Make(dtypes.Float32, dims...))
	}
	cases := map[string]struct {
		graph func(s *model.Scope, x *graph.Node) *graph.Node
		want  []string
	}{
		"sum of two shapes": {func(s *model.Scope, x *graph.Node) *graph.Node {
			return graph.Add(hidden(s, x), zeros(x, 32, 7))
		}, []string{"(Float32)[32, 8]", "(Float32)[32, 7]", "layer /hidden/dense", "(Float32)[32, 2]"}},
		"reshape": {func(s *model.Scope, x *graph.Node) *graph.Node {
			return graph.Reshape(hidden(s, x), 7, 3)
		}, []string{"[7 3]", "[32 8]", "layer /hidden/dense"}},
		"product": {func(s *model.Scope, x *graph.Node) *graph.Node {
			return graph.Dot(hidden(s, x), zeros(x, 9, 7)).Product()
		}, []string{"(Float32)[32, 8]", "(Float32)[9, 7]", "layer /hidden/dense"}},
		"scope used twice": {func(s *model.Scope, x *graph.Node) *graph.Node {
			return hidden(s, hidden(s, x))
		}, []string{"hidden", "already visited"}},
		"before any layer": {func(s *model.Scope, x *graph.Node) *graph.Node { return []*graph.Node{x}[x.Rank()] },
			[]string{"index out of range"}},
	}
	for name, c := range cases {
		m := classifier(4)
		m.Graph = c.graph
		_, err := Fit(nil, m, newBlobs("blobs", 60, 32), nil, NoCheckpoints(), Quiet(), pureGo(t))
		for _, want := range append(c.want, `"blobs"`, "errors_test.go:") {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want it to say %q", name, err, want)
			}
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "goroutine")) {
			t.Errorf("%s: there is a stack in %v", name, err)
		}
	}
	wide := classifier(4)
	wide.Graph = func(s *model.Scope, x *graph.Node) *graph.Node { return layers.Dense(s.In("hidden"), x, true, 3, 3) }
	_, err := Fit(nil, wide, newBlobs("blobs", 60, 32), nil, NoCheckpoints(), Quiet(), pureGo(t))
	if err == nil || !strings.Contains(err.Error(), "the loss of labels (Int32)[32, 1] and predictions (Float32)[32, 3, 3]") {
		t.Errorf("predictions of a wrong shape: %v", err)
	}
}

// TestErrorsOfLaterBatches has a model that fails on the last batch of a pass, which is smaller.
func TestErrorsOfLaterBatches(t *testing.T) {
	m := classifier(4)
	m.Graph = func(s *model.Scope, x *graph.Node) *graph.Node {
		return graph.Reshape(layers.Dense(s.In("out"), x, true, 3), 32, 3)
	}
	_, err := Fit(nil, m, newBlobs("blobs", 60, 32), nil, NoCheckpoints(), Quiet(), pureGo(t))
	for _, want := range []string{"step 1", "inputs (Float32)[28, 2]", "layer /out/dense", "errors_test.go:", "[32 3]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
}

// TestModelsThatSayTooLittle leaves out what Fit needs.
func TestModelsThatSayTooLittle(t *testing.T) {
	for want, change := range map[string]func(*Model){
		"Graph or Multi":  func(m *Model) { m.Graph = nil },
		"Epochs or Steps": func(m *Model) { m.Epochs = 0 },
	} {
		m := classifier(4)
		change(&m)
		if _, err := Fit(nil, m, newBlobs("blobs", 60, 32), nil, NoCheckpoints(), Quiet(), pureGo(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
}

// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package check_test

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/check"
	"github.com/lathe-go/lathe/pkg/dataset"
	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/train"
)

// fit trains a model for some steps without checkpoints.
func fit(t *testing.T, log metric.Sink, m train.Model, data gomlx.Dataset, opts ...train.Option) *train.Fitted {
	t.Helper()
	f, err := train.Fit(log, m, data, nil, append(opts, train.NoCheckpoints())...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestInternalsByHand compares what is measured with what the weights give by hand: activations before the
// first step, and the update of plain gradient descent, which is the gradient times the rate.
func TestInternalsByHand(t *testing.T) {
	const rate = 0.01
	p := sound(1)
	p.model.Steps = 5
	p.model.Optimizer = optimizer.StochasticGradientDescent().WithLearningRate(rate).WithDecay(false).Done()
	batches := p.learn.Batches(32, 1)
	initial, err := train.Initial(p.model, batches)
	if err != nil {
		t.Fatal(err)
	}
	w := check.NewWatcher(4)
	points := map[string]float64{}
	sink := metric.SinkFunc(func(step int, name string, v float64) {
		if step <= 1 {
			points[name] = v
		}
	})
	fit(t, sink, p.model, batches, w.Option(), train.Quiet())
	all := w.Measurements()
	if len(all) != 2 || all[0].Step != 0 || all[1].Step != 4 || len(all[0].Layers) != 2 {
		t.Fatalf("measured %+v", all)
	}
	hidden := all[0].Layers[0]
	mean, std, zeros, dead := activations(t, initial, firstBatch(t, p.learn))
	if hidden.Layer != "hidden/dense" || hidden.Units != 32 || hidden.Dead != dead ||
		math.Abs(hidden.Mean-mean) > 1e-5 || math.Abs(hidden.Std-std) > 1e-5 || math.Abs(hidden.Zeros-zeros) > 1e-9 {
		t.Errorf("measured %+v, by hand mean %v std %v zeros %v dead %d", hidden, mean, std, zeros, dead)
	}
	for _, l := range all[0].Layers {
		weights, biases := initial.MustValues("/"+l.Layer+"/weights"), initial.MustValues("/"+l.Layer+"/biases")
		n, size := float64(len(weights)+len(biases)), 0.0
		for _, v := range append(weights, biases...) {
			size += v * v
		}
		if want := math.Log10(rate * l.Gradient * math.Sqrt(n) / math.Sqrt(size)); math.Abs(l.Update-want) > 1e-3 {
			t.Errorf("%s: update %v, by its gradient %v", l.Layer, l.Update, want)
		}
	}
	if v := points["internals/hidden/dense/zeros"]; v != hidden.Zeros {
		t.Errorf("recorded zeros %v, want %v, of %v", v, hidden.Zeros, points)
	}
}

// firstBatch returns the rows of the first batch that training sees.
func firstBatch(t *testing.T, table dataset.Table) [][]float32 {
	t.Helper()
	for b, err := range table.Batches(32, 1).Iter() {
		if err != nil {
			t.Fatal(err)
		}
		var rows [][]float32
		b.Inputs[0].MustConstFlatData(func(flat any) { rows = slices.Collect(slices.Chunk(slices.Clone(flat.([]float32)), side*side)) })
		return rows
	}
	return nil
}

// activations computes the hidden layer of the perceptron in plain Go.
func activations(t *testing.T, initial *train.Fitted, rows [][]float32) (mean, std, zeros float64, dead int) {
	t.Helper()
	weights, biases := initial.MustValues("/hidden/dense/weights"), initial.MustValues("/hidden/dense/biases")
	units := len(biases)
	alive := make([]bool, units)
	var all []float64
	for _, row := range rows {
		for u := range units {
			sum := biases[u]
			for i, x := range row {
				sum += float64(x) * weights[i*units+u]
			}
			a := max(sum, 0)
			if a == 0 {
				zeros++
			} else {
				alive[u] = true
			}
			all = append(all, a)
		}
	}
	for _, a := range all {
		mean += a / float64(len(all))
	}
	for _, a := range all {
		std += (a - mean) * (a - mean) / float64(len(all))
	}
	for _, ok := range alive {
		if !ok {
			dead++
		}
	}
	return mean, math.Sqrt(std), zeros / float64(len(all)), dead
}

// everything is a model of many kinds of layers, with dropout, which draws from the random state.
func everything(scope *model.Scope, x *Node) *Node {
	x = activation.Swish(layers.Convolution(scope.In("conv"), x).Channels(6).KernelSize(3).PadSame().Done())
	h := Tanh(layers.Dense(scope.In("first"), flat(x), true, 12))
	h = layers.DropoutStatic(scope.In("drop"), h, 0.3)
	h = Add(h, activation.Relu(layers.Dense(scope.In("second"), h, true, 12)))
	return layers.Dense(scope.In("out"), h, true, kinds)
}

// TestInternalsChangeNothing holds that a training that is watched gives the same bytes, with the random
// state that dropout draws from.
func TestInternalsChangeNothing(t *testing.T) {
	p := sound(1)
	p.model.Graph, p.model.Steps = everything, 12
	plain := fit(t, nil, p.model, p.learn.Batches(32, 1), train.Quiet())
	w := check.NewWatcher(3)
	watched := fit(t, nil, p.model, p.learn.Batches(32, 1), train.Quiet(), w.Option())
	a, errA := train.Digest(plain.Store)
	b, errB := train.Digest(watched.Store)
	if a != b || errA != nil || errB != nil {
		t.Errorf("digests %s and %s (%v, %v)", a, b, errA, errB)
	}
	for i, name := range []string{"conv/conv", "first/dense", "second/dense", "out/dense"} {
		l := w.Measurements()[0].Layers[i]
		if l.Layer != name || !(l.Std > 0) || l.Units == 0 || (l.Zeros > 0.2) != (name == "second/dense") {
			t.Errorf("layer %d: %+v; want %s with activations, and zeros only after a ReLU", i, l, name)
		}
	}
}

// ill are models with something wrong inside, and the words that tell it.
var ill = []struct {
	name  string
	graph func(*model.Scope, *Node) *Node
	rate  float64
	want  string
}{
	{"dead units", func(scope *model.Scope, x *Node) *Node {
		x = activation.Relu(AddScalar(layers.Dense(scope.In("hidden"), flat(x), true, 32), -100))
		return layers.Dense(scope.In("out"), x, true, kinds)
	}, 1e-3, "hidden/dense: 32 of 32 units give 0"},
	{"no gradient", func(scope *model.Scope, x *Node) *Node {
		x = StopGradient(activation.Relu(layers.Dense(scope.In("hidden"), flat(x), true, 32)))
		return layers.Dense(scope.In("out"), x, true, kinds)
	}, 1e-3, "hidden/dense: steps change nothing"},
	{"vanishing gradients", func(scope *model.Scope, x *Node) *Node {
		x = flat(x)
		for i := range 8 {
			x = Sigmoid(layers.Dense(scope.In("deep%d", i), x, true, 16))
			x = MulScalar(x, 0.2)
		}
		return layers.Dense(scope.In("out"), x, true, kinds)
	}, 1e-3, "gradients vanish: that of deep0/dense"},
	{"large steps", perceptron, 1, "lower the learning rate"},
	{"small steps", perceptron, 1e-8, "it hardly learns"},
}

func TestWarnings(t *testing.T) {
	for _, c := range ill {
		p := sound(1)
		p.model.Graph, p.model.LearningRate, p.model.Steps = c.graph, c.rate, 9
		w := check.NewWatcher(2)
		fit(t, nil, p.model, p.learn.Batches(32, 1), train.Quiet(), w.Option())
		if text := w.String(); !strings.Contains(text, c.want) {
			t.Errorf("%s: no %q in\n%s", c.name, c.want, text)
		}
	}
	p := sound(1)
	p.model.Steps = 60
	w := check.NewWatcher(10)
	fit(t, nil, p.model, p.learn.Batches(32, 1), train.Quiet(), w.Option())
	if list := w.Warnings(); len(list) > 0 {
		t.Errorf("a good model is warned of: %v\n%s", list, w)
	}
}

// page counts the frames that come to a notebook.
type page struct {
	mu    sync.Mutex
	kinds map[frame.Kind]int
	text  string
}

func (p *page) Send(f frame.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kinds[f.Kind]++
	p.text += string(f.Payload)
	return nil
}

// TestInternalsShown holds that a chart and a table are on the page and end in their final state.
func TestInternalsShown(t *testing.T) {
	p := &page{kinds: map[frame.Kind]int{}}
	frame.Attach(p)
	defer frame.Attach(nil)
	s := sound(1)
	s.model.Steps = 30
	fit(t, nil, s.model, s.learn.Batches(32, 1), train.Quiet(), check.NewWatcher(10).Option())
	if p.kinds[frame.Display] != 2 || p.kinds[frame.Update] < 2 || !strings.Contains(p.text, "Layers at step 20") {
		t.Errorf("frames %v, and the last table is not of step 20", p.kinds)
	}
}

// BenchmarkInternals trains the network of the first notebook and a smaller one while their layers are
// looked at once in 200 steps, and compares the hundreds of steps with a look to those without: the overhead
// of a look each 100 steps, by medians, which a busy machine disturbs least.
func BenchmarkInternals(b *testing.B) {
	digits, err := dataset.LoadDigits(b.Context())
	if err != nil {
		b.Skipf("no digits here: %v", err)
	}
	half := digits.Scale(1.0 / 16).First(898)
	for name, m := range map[string]train.Model{
		"convnet": {Graph: convnet, LearningRate: 2e-3, Seed: 1, Steps: 3000},
		"perceptron": {LearningRate: 2e-3, Seed: 1, Steps: 10000, Graph: func(scope *model.Scope, x *Node) *Node {
			x = activation.Relu(layers.Dense(scope.In("hidden"), flat(x), true, 128))
			return layers.Dense(scope.In("out"), x, true, 10)
		}},
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				with, without := hundreds(b, m, half)
				b.ReportMetric(100*(with/without-1), "%overhead")
				b.ReportMetric(100/without, "steps/s")
			}
		})
	}
}

// hundreds returns the median times of 100 steps with a look at the layers and without, in seconds.
func hundreds(b *testing.B, m train.Model, table dataset.Table) (with, without float64) {
	var times [2][]float64
	last := time.Now()
	clock := train.Every(100, func(m *train.Moment) error {
		now := time.Now()
		if m.Step > 400 { // all is compiled
			// The look before step 200k falls into the hundred that ends with step 200k+100.
			i := m.Step / 100 % 2
			times[i] = append(times[i], now.Sub(last).Seconds())
		}
		last = now
		return nil
	})
	f, err := train.Fit(nil, m, table.Batches(64, 1), nil, train.Quiet(), train.NoCheckpoints(), train.On(xla(b)), clock, check.NewWatcher(200).Option())
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for i := range times {
		slices.Sort(times[i])
	}
	return times[1][len(times[1])/2], times[0][len(times[0])/2]
}

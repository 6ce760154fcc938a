// Command speed trains the models that are measured beside other frameworks. For each line of its input,
//
//	MODEL SIDE SECONDS
//
// it trains for about so long, after what compiles, and prints "rate" and the steps per second. The sides
// are fit, which is train.Fit with batches from the host, and bare, which is GoMLX's executable on batches
// that are on the device already.
package main

import (
	"bufio"
	"fmt"
	"os"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/train"
)

func main() {
	sides := map[string]*side{}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var name, kind string
		var seconds float64
		if _, err := fmt.Sscan(in.Text(), &name, &kind, &seconds); err != nil {
			fmt.Fprintf(os.Stderr, "speed: %q: %v\n", in.Text(), err)
			os.Exit(2)
		}
		s := sides[name+kind]
		if s == nil {
			s = start(name, kind)
			sides[name+kind] = s
		}
		fmt.Println("rate", s.window(time.Duration(seconds*float64(time.Second))))
	}
}

// A side trains one model in one way, in a goroutine that waits between windows.
type side struct {
	windows chan time.Duration
	rates   chan float64
}

// start begins to train, up to the end of the first step, which compiles.
func start(name, kind string) *side {
	s := &side{make(chan time.Duration), make(chan float64)}
	w := workloads()[name]
	if w.step == nil {
		panic(fmt.Sprintf("there is no model %q", name))
	}
	if kind == "bare" {
		go s.bare(w)
	} else {
		go s.fit(w)
	}
	return s
}

// window has the side train for about d and returns its steps per second.
func (s *side) window(d time.Duration) float64 {
	s.windows <- d
	return <-s.rates
}

// adam is the optimizer of all sides, those of other frameworks too.
func adam() optimizer.Interface { return optimizer.Adam().LearningRate(1e-3).Epsilon(1e-8).Done() }

// fit trains by train.Fit. A window ends where the data set sees that its time is over: then all steps but
// those of the device's last calls have been made, and the device is waited for before the clock stops.
func (s *side) fit(w workload) {
	gate := &gate{side: s, data: w.batches()}
	m := train.Model{Name: w.name, Multi: w.step, Loss: w.loss, Seed: 42, Optimizer: adam(), Steps: 1 << 40}
	opts := []train.Option{train.NoCheckpoints(), train.Quiet(), train.Every(w.every, gate.look)}
	if _, err := train.Fit(nil, m, gate, nil, opts...); err != nil {
		panic(err)
	}
}

// bare trains by the compiled graph alone. The loss stays on the device.
func (s *side) bare(w workload) {
	b := backend.Default().Backend
	store := model.NewStore()
	opt := adam()
	exec := model.MustNewExec(b, store, func(scope *model.Scope, x, y *graph.Node) *graph.Node {
		store.SetTraining(x.Graph(), true)
		loss := w.loss([]*graph.Node{y}, w.step(scope, nil, []*graph.Node{x}))
		if !loss.Shape().IsScalar() {
			loss = graph.ReduceAllMean(loss)
		}
		opt.UpdateGraph(scope, x.Graph(), loss)
		return loss
	})
	list := w.batches()
	for _, batch := range list {
		for _, t := range []*tensors.Tensor{batch.Inputs[0], batch.Labels[0]} {
			t.MustMaterializeOnDevice(b, true, 0)
		}
	}
	call := func(i int) *tensors.Tensor {
		batch := list[i%len(list)]
		out, err := exec.Call(batch.Inputs[0], batch.Labels[0])
		if err != nil {
			panic(err)
		}
		return out[0]
	}
	call(0).MustFinalizeAll()
	for d := range s.windows {
		began, n := time.Now(), 0
		var last *tensors.Tensor
		for time.Since(began) < d {
			for range w.every {
				if last != nil {
					last.MustFinalizeAll()
				}
				last = call(n)
				n++
			}
			_ = last.Value() // waits
		}
		last.MustFinalizeAll()
		s.rates <- float64(n) / time.Since(began).Seconds()
	}
}

// A gate gives batches while a window lasts and waits between windows.
type gate struct {
	side  *side
	data  []gomlx.Batch
	began time.Time // of the window; zero before the first
	ends  time.Time
	from  int // step at which it began
}

// look is called after each few steps, when the device has made them.
func (g *gate) look(m *train.Moment) error {
	now := time.Now()
	if now.Before(g.ends) {
		return nil
	}
	if !g.began.IsZero() {
		g.side.rates <- float64(m.Step-g.from) / now.Sub(g.began).Seconds()
	}
	d := <-g.side.windows
	g.began, g.from = time.Now(), m.Step
	g.ends = g.began.Add(d)
	return nil
}

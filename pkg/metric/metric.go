// Package metric is the vocabulary of measurements: what a training loop produces and what charts,
// worklogs and samplers take. It holds no machinery and imports the standard library only.
package metric

import (
	"math"
	"regexp"
	"time"
)

// RunID names one run in a worklog. IDs sort by the time at which their runs began.
type RunID string

// Step counts optimizer steps from 0. It is an alias, so that the counter of any loop is a step.
type Step = int

// A Point is one measured value.
type Point struct {
	Name  string    // which metric, for instance "valid/loss"
	Step  Step      // at which step
	Time  time.Time // when it was measured
	Value float64   // the value; NaN and infinities are values too
}

// Finite reports whether p's value can stand on an axis: it is neither NaN nor infinite.
func (p Point) Finite() bool { return !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) }

// A Sink takes measurements as they are made. Log is called from training loops: it must return at
// once and must be safe for concurrent use.
type Sink interface {
	Log(step Step, name string, value float64)
}

// A Recorder is a Sink that keeps a whole training together, as a run of a worklog does. What trains
// should tell it where it goes on and how it ended.
type Recorder interface {
	Sink
	// Resume makes points of the given step and later ones void: they were logged after the checkpoint
	// from which training goes on, and come again.
	Resume(step Step)
	// End says that training ended: well if err is nil, by its user if err is context.Canceled. What is
	// logged later begins it again.
	End(err error)
}

// SinkFunc makes a Sink of a function.
type SinkFunc func(step Step, name string, value float64)

// Log calls f.
func (f SinkFunc) Log(step Step, name string, value float64) { f(step, name, value) }

// Tee returns a Sink that hands each measurement to every one of sinks, in order; nil ones are left out.
func Tee(sinks ...Sink) Sink {
	var t tee
	for _, s := range sinks {
		if s != nil {
			t = append(t, s)
		}
	}
	return t
}

type tee []Sink

func (t tee) Log(step Step, name string, value float64) {
	for _, s := range t {
		s.Log(step, name, value)
	}
}

// lower and higher match metrics by what is better in them.
var (
	higher = regexp.MustCompile(`(?i)(acc|auc|f1|score|precision|recall|r2|bleu|iou|reward|map$|top-?[0-9]|throughput|per_sec)`)
	lower  = regexp.MustCompile(`(?i)(loss|err|mae|mse|rmse|nll|perplexity|ppl|bpc|cost|divergence|brier)`)
)

// Better says which values of a metric are better, judged by its name: -1 for low ones, as of a loss; 1
// for high ones, as of an accuracy; 0 where the name does not tell.
func Better(name string) int {
	switch {
	case lower.MatchString(name):
		return -1
	case higher.MatchString(name):
		return 1
	}
	return 0
}

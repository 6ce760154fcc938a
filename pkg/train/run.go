package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
)

// What a sink of measurements may know beside [metric.Recorder]. A run of a worklog knows all of it.
type (
	// remembering sinks tell which points they hold.
	remembering interface {
		Points(name string) ([]metric.Point, error)
	}
	// digester records the content of a program's own files.
	digester interface {
		Digest(name, path string)
	}
	// describer records data, facts and files.
	describer interface {
		Data(name, digest string)
		Fact(name, value string)
		File(path string)
	}
)

// runID names the run that records this training, if the log is one.
func (f *fitting) runID() string {
	if r, ok := f.log.(interface{ ID() metric.RunID }); ok {
		return string(r.ID())
	}
	return ""
}

// beginLog makes the log agree with the history as it is before the first step: a run that holds later
// points forgets them, and a run that is new learns what came before.
func (f *fitting) beginLog() {
	if f.log == nil {
		return
	}
	if d, ok := f.log.(describer); ok {
		d.Data(f.data.Name(), identify(f.data))
		if f.valid != nil {
			d.Data(f.valid.Name(), identify(f.valid))
		}
		for name, value := range f.fit.Device.Facts() {
			d.Fact(name, value)
		}
		d.Fact("recipe", f.fit.Recipe)
		d.Fact("parameters", fmt.Sprint(f.fit.Parameters()))
	}
	if d, ok := f.log.(digester); ok && f.fit.Device.Plugin != "" {
		d.Digest("PJRT plugin sha256", f.fit.Device.Plugin)
	}
	cut := 0
	if r, ok := f.log.(remembering); ok {
		points, err := r.Points("train/loss")
		if err != nil {
			f.note("the run's points cannot be read: %v", err)
		}
		cut = f.agreed(points)
		if r, ok := f.log.(metric.Recorder); ok && len(points) > 0 {
			r.Resume(cut)
		}
	}
	for _, c := range f.fit.History.Curves {
		for i, step := range c.Steps {
			if step >= cut {
				f.log.Log(step, c.Name, c.Values[i])
			}
		}
	}
}

// agreed returns the first step from which the points of a run are not those of the history.
func (f *fitting) agreed(points []metric.Point) metric.Step {
	c := f.fit.History.Curve("train/loss")
	if c == nil {
		return 0
	}
	for i, step := range c.Steps {
		same := i < len(points) && points[i].Step == step &&
			math.Float64bits(points[i].Value) == math.Float64bits(c.Values[i])
		if !same {
			return step
		}
	}
	return f.fit.Step
}

// logFiles records the newest checkpoint and the best one, whose sizes and digests the log takes, and which
// run made them if this one made no step.
func (f *fitting) logFiles(d describer) {
	if f.fit.Already && f.fit.Run != "" && f.fit.Run != f.runID() {
		d.Fact("trained by", f.fit.Run)
	}
	if f.fit.Checkpoints == "" {
		return
	}
	if list := checkpoint.List(f.fit.Checkpoints); len(list) > 0 {
		d.File(list[0])
	}
	if best := checkpoint.Best(f.fit.Checkpoints); best != "" {
		d.File(best)
	}
}

// endLog records the last checkpoint and how the training ended. What is logged later reopens a run.
func (f *fitting) endLog(err error) {
	if d, ok := f.log.(describer); ok {
		f.logFiles(d)
	}
	r, ok := f.log.(metric.Recorder)
	if !ok {
		return
	}
	var diverged *divergence
	switch {
	case err != nil:
	case f.fit.Interrupted:
		err = stop{f.fit.Step}
	case f.fit.Diverged && errors.As(f.ended, &diverged):
		err = diverged
	}
	r.End(err)
}

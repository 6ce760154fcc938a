package display

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A reader's changes are taken and answered: 10,000 in a second are wanted.
func BenchmarkWidgetUpdate(b *testing.B) {
	count := 0
	done := make(chan bool)
	frame.Attach(sinkFunc(func(f frame.Frame) error {
		if f.Kind == frame.CommFrame {
			count++
			if count == b.N+3 { // and three models are opened
				close(done)
			}
		}
		return nil
	}))
	defer frame.Attach(nil)
	x := Slider("x", 0, 1000, 0)
	BundleOf(x)
	id := x.main().id()
	data := [2]json.RawMessage{
		json.RawMessage(`{"method": "update", "state": {"value": 1}, "buffer_paths": []}`),
		json.RawMessage(`{"method": "update", "state": {"value": 2}, "buffer_paths": []}`),
	}
	b.ResetTimer()
	for i := range b.N {
		for frame.Deliver(frame.CommMessage{Type: frame.CommData, ID: id, Data: data[i%2]}) != nil {
			time.Sleep(time.Millisecond) // so many wait already
		}
	}
	<-done
	b.StopTimer()
	_ = x.Close()
}

func BenchmarkControlValue(b *testing.B) {
	x := Slider("x", 0, 1000, 0)
	for b.Loop() {
		x.Value()
	}
}

type sinkFunc func(frame.Frame) error

func (f sinkFunc) Send(m frame.Frame) error { return f(m) }

package display

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A page is a frontend with widgets, as Jupyter's protocol has it: a sink that keeps a copy of every model
// that is opened, and the outputs.
type page struct {
	t *testing.T

	mu      sync.Mutex
	models  map[string]map[string]any // by ID, the state
	sent    []string                  // the methods of the messages that came, with the class and state of what they are about
	outputs []frame.Bundle
	stray   []frame.CommMessage // of comms that the page has opened
}

// Send implements frame.Sink.
func (p *page) Send(f frame.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Kind != frame.CommFrame {
		return p.output(f)
	}
	var m frame.CommMessage
	var data struct {
		Method string
		State  map[string]any
		Paths  []any `json:"buffer_paths"`
	}
	var version struct{ Version string }
	if err := f.Decode(&m); err != nil {
		return err
	}
	if err := m.Decode(&data); err != nil || data.Paths == nil && m.Type != frame.CommClose {
		p.t.Errorf("%s: %v", f.Payload, err)
	}
	switch {
	case m.Type == frame.CommOpen:
		if m.Target != "jupyter.widget" || json.Unmarshal(m.Metadata, &version) != nil || version.Version != "2.1.0" {
			p.t.Errorf("no widget: %s", f.Payload)
		}
		p.refer(data.State)
		p.models[m.ID] = data.State
	case p.models[m.ID] == nil:
		p.stray = append(p.stray, m)
	case m.Type == frame.CommClose:
		p.log("close", m.ID, nil)
		delete(p.models, m.ID)
	case data.Method == "update":
		p.log(data.Method, m.ID, data.State)
		maps.Copy(p.models[m.ID], data.State)
	default:
		p.log(data.Method, m.ID, data.State)
	}
	return nil
}

// refer checks that every model that a state refers to is known.
func (p *page) refer(state map[string]any) {
	for _, v := range state {
		all, _ := v.([]any)
		for _, v := range append(all, v) {
			if s, ok := v.(string); ok && strings.HasPrefix(s, "IPY_MODEL_") && p.models[s[len("IPY_MODEL_"):]] == nil {
				p.t.Errorf("%v refers to %s, which is not open", state, s)
			}
		}
	}
}

func (p *page) log(method, id string, state map[string]any) {
	text := fmt.Sprint(method, " ", strings.TrimSuffix(p.models[id]["_model_name"].(string), "Model"))
	for _, key := range []string{"value", "index", "disabled", "step"} {
		if v, ok := state[key]; ok && (key != "disabled" || v == true) && (key != "step" || v != 1.0) {
			text += fmt.Sprint(" ", key, "=", v)
		}
	}
	p.sent = append(p.sent, text)
}

func (p *page) output(f frame.Frame) error {
	var b frame.Bundle
	if err := f.Decode(&b); err != nil {
		return err
	}
	if f.Kind == frame.Update {
		for i, o := range p.outputs {
			if o.DisplayID == b.DisplayID {
				p.outputs[i] = b
			}
		}
		p.sent = append(p.sent, "picture "+plainOf(b))
		return nil
	}
	p.outputs = append(p.outputs, b)
	return nil
}

// took returns what was sent since the last call, once all is quiet.
func (p *page) took() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent
	p.sent = nil
	return sent
}

// expect checks what was sent since the last look.
func (p *page) expect(want ...string) {
	p.t.Helper()
	if got := p.took(); !slices.Equal(got, want) {
		p.t.Errorf("the page got %q, want %q", got, want)
	}
}

// find returns the ID of the model of a widget.
func (p *page) find(w Widget) string { return w.shared().main().id() }

// tell sends the kernel a message of a widget.
func (p *page) tell(w Widget, data string) {
	p.t.Helper()
	if err := frame.Deliver(frame.CommMessage{Type: frame.CommData, ID: p.find(w), Data: json.RawMessage(data)}); err != nil {
		p.t.Error(err)
	}
	synctest.Wait()
}

// move sets a part of a widget's state, as a reader does.
func (p *page) move(w Widget, key, value string) {
	p.t.Helper()
	p.tell(w, fmt.Sprintf(`{"method": "update", "state": {%q: %s, "_view_count": 1}, "buffer_paths": []}`, key, value))
}

// withPage runs f with a page, in a world where time does not pass by itself.
func withPage(t *testing.T, f func(*testing.T, *page)) {
	synctest.Test(t, func(t *testing.T) {
		p := &page{t: t, models: map[string]map[string]any{}}
		frame.Attach(p)
		defer frame.Attach(nil)
		defer closeModels()
		f(t, p)
		time.Sleep(time.Second) // what waits to be sent goes out
	})
}

// closeModels ends the goroutines of all comms.
func closeModels() {
	models.Lock()
	open := slices.Collect(maps.Values(models.open))
	models.Unlock()
	for _, m := range open {
		_ = m.close()
	}
}

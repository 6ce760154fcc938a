package display

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// What Jupyter's widget protocol calls the comms of widgets, and the versions of it that this is.
const (
	widgetTarget    = "jupyter.widget"
	widgetProtocol  = "2.1.0"
	controlTarget   = "jupyter.widget.control" // asked for the state of all widgets, by a page that was loaded again
	modelVersion    = "2.0.0"                  // of the modules below, which every page with widgets brings along
	baseModule      = "@jupyter-widgets/base"
	controlsModule  = "@jupyter-widgets/controls"
	modelPrefix     = "IPY_MODEL_" // before the ID of a model that is part of another's state
	mimeWidget      = "application/vnd.jupyter.widget-view+json"
	methodUpdate    = "update"
	methodEcho      = "echo_update"
	methodStates    = "update_states"
	maxUpdateLength = 1 << 20 // bytes of a page's message
)

// A model is a state that the pages have copies of, by Jupyter's widget protocol: a control, or how one
// looks. Its page is every frontend of the notebook.
type model struct {
	class  string                          // without the "Model" at the end
	state  func() map[string]any           // all of it, as it is now
	key    string                          // the one part of the state that a page may change, if any
	change func(raw json.RawMessage) error // takes what a page has set it to, or says why not
	event  func(name string)               // takes what happened on a page; may be nil

	// mu is held while the state is read and sent, so that the last that a page gets is the latest.
	mu   sync.Mutex
	comm *frame.Comm // nil while no page has a copy
}

// models are those that a page may ask for, by ID: it knows them by name alone, as it does the comms.
var models = struct {
	sync.Mutex
	open map[string]*model

	// whole is held while the models of a widget are opened or closed, which refer to one another.
	whole sync.Mutex
}{open: map[string]*model{}}

// id returns the ID of the model, or "" while no page has it.
func (m *model) id() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.comm == nil {
		return ""
	}
	return m.comm.ID()
}

// ref returns the model as a part of the state of another one: nil while no page has it.
func (m *model) ref() any {
	if id := m.id(); id != "" {
		return modelPrefix + id
	}
	return nil
}

// open gives the pages copies of the model, unless they have it.
func (m *model) open() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.comm != nil {
		return nil
	}
	data, err := json.Marshal(map[string]any{"state": m.state(), "buffer_paths": []string{}})
	if err != nil {
		return fmt.Errorf("display: state of %s: %w", m.class, err)
	}
	version := fmt.Sprintf("{%q: %q}", "version", widgetProtocol)
	c, err := frame.OpenComm(frame.CommMessage{Target: widgetTarget, Data: data, Metadata: json.RawMessage(version)}, m.handle)
	if err != nil {
		return fmt.Errorf("display: open %s: %w", m.class, err)
	}
	m.comm = c
	models.Lock()
	defer models.Unlock()
	if len(models.open) == 0 {
		frame.HandleComms(controlTarget, openControl)
	}
	models.open[c.ID()] = m
	return nil
}

// close takes the copies away from the pages.
func (m *model) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.comm == nil {
		return nil
	}
	c := m.forget()
	if err := c.Close(struct{}{}); err != nil && err != frame.ErrCommClosed {
		return fmt.Errorf("display: close %s: %w", m.class, err)
	}
	return nil
}

// forget makes m a model that no page has, and returns its comm. The caller holds mu.
func (m *model) forget() *frame.Comm {
	c := m.comm
	m.comm = nil
	models.Lock()
	defer models.Unlock()
	delete(models.open, c.ID())
	if len(models.open) == 0 {
		frame.HandleComms(controlTarget, nil)
	}
	return c
}

// send sends the pages all of the state as it is now.
func (m *model) send() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.comm == nil {
		return nil
	}
	return sendState(m.comm, methodUpdate, m.state())
}

func sendState(c *frame.Comm, method string, state any) error {
	return c.Send(map[string]any{"method": method, "state": state, "buffer_paths": []string{}})
}

// handle takes what a page sends. What is not understood is ignored, and a change that cannot be is
// answered with the state as it is.
func (m *model) handle(c *frame.Comm, msg frame.CommMessage) {
	if msg.Type == frame.CommClose {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.comm == c {
			m.forget()
		}
		return
	}
	var data struct {
		Method  string                     `json:"method"`
		State   map[string]json.RawMessage `json:"state"`
		Content json.RawMessage            `json:"content"`
	}
	if len(msg.Data) > maxUpdateLength || msg.Decode(&data) != nil {
		_ = m.send() // the page may be gone
		return
	}
	switch data.Method {
	case methodUpdate:
		m.update(c, data.State)
	case "request_state":
		_ = m.send()
	case "custom":
		var content struct {
			Event string `json:"event"`
		}
		if m.event != nil && json.Unmarshal(data.Content, &content) == nil {
			m.event(content.Event)
		}
	}
}

// update takes a page's changes, and tells the other pages. What the page counts for itself is its own.
func (m *model) update(c *frame.Comm, changes map[string]json.RawMessage) {
	raw, ok := changes[m.key]
	if !ok {
		return
	}
	if m.change(raw) != nil {
		_ = m.send()
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = sendState(c, methodEcho, map[string]any{m.key: raw})
}

// openControl answers a page that asks for the state of every model at once.
func openControl(*frame.Comm, frame.CommMessage) func(*frame.Comm, frame.CommMessage) {
	return func(c *frame.Comm, msg frame.CommMessage) {
		var data struct {
			Method string `json:"method"`
		}
		if msg.Type != frame.CommData || msg.Decode(&data) != nil || data.Method != "request_states" {
			return
		}
		_ = c.Send(map[string]any{"method": methodStates, "states": allStates(), "buffer_paths": []string{}})
	}
}

// allStates returns the state of every open model by its ID.
func allStates() map[string]any {
	models.Lock()
	open := make(map[string]*model, len(models.open))
	for id, m := range models.open {
		open[id] = m
	}
	models.Unlock()
	states := map[string]any{}
	for id, m := range open {
		s := m.state()
		states[id] = map[string]any{
			"model_name": s["_model_name"], "model_module": s["_model_module"],
			"model_module_version": s["_model_module_version"], "state": s,
		}
	}
	return states
}

// newModel returns a model of a class of the module of controls. state returns what it has beside the
// names of its classes, and must be safe for calls from any goroutine.
func newModel(class string, state func() map[string]any) *model {
	m := &model{class: class}
	m.state = func() map[string]any {
		return classNames(state(), controlsModule, class+"Model", controlsModule, class+"View")
	}
	return m
}

// newLayout returns the model of how a control lies on the page.
func newLayout(state map[string]any) *model {
	m := &model{class: "Layout"}
	m.state = func() map[string]any {
		return classNames(state, baseModule, "LayoutModel", baseModule, "LayoutView")
	}
	return m
}

// newStyle returns the model of how a control looks.
func newStyle(class string, state map[string]any) *model {
	m := &model{class: class}
	m.state = func() map[string]any {
		return classNames(state, controlsModule, class+"Model", baseModule, "StyleView")
	}
	return m
}

// classNames adds to a copy of state what tells a page which classes to make of it.
func classNames(state map[string]any, module, name, viewModule, view string) map[string]any {
	all := map[string]any{
		"_model_module": module, "_model_module_version": modelVersion, "_model_name": name,
		"_view_module": viewModule, "_view_module_version": modelVersion, "_view_name": view,
	}
	for k, v := range state {
		all[k] = v
	}
	return all
}

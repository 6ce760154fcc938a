package gonb

import (
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui/protocol"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// target names the comms of the script in the page.
const target = "gonb_comm"

const (
	// patience is how long a page may take to run the script.
	patience = 3 * time.Second
	// maxQueue bounds the values that wait for a page.
	maxQueue = 1000
	// The address by which a page says under which identifier it has found the script.
	displayAddress = "#lathe/display"
	pingAddress    = "#heartbeat/ping"
	pongAddress    = "#heartbeat/pong"
)

//go:embed page.js
var pageSource string

// A message carries a value to or from the page.
type message struct {
	Address string `json:"address"`
	Value   any    `json:"value,omitempty"`
	Request bool   `json:"read_request,omitempty"` // asks the page for the value
}

// A page is what of gonbui runs in the browser: a script that gives the scripts of gonbui and of its users
// the object gonb_comm. It is shown in the output of each execution that needs it, since the page may
// have been loaded again, and is erased when the page has run it.
type page struct {
	server   *Server
	instance string // tells the scripts of this worker from those of others in the same page
	kernel   string // by which Jupyter knows this kernel; "" if there is no Jupyter

	mu     sync.Mutex
	open   map[*frame.Comm]bool
	queue  []message // values that wait for a page
	shown  map[uint64]bool
	cell   uint64      // of the last script
	erase  *time.Timer // erases it if no page answers; nil if it is erased
	closed bool
}

// start lets pages open comms.
func (p *page) start(s *Server) {
	p.server, p.instance, p.kernel = s, rand.Text(), os.Getenv(protocol.GONB_JUPYTER_KERNEL_ID_ENV)
	p.open, p.shown = map[*frame.Comm]bool{}, map[uint64]bool{}
	frame.HandleComms(target, p.accept)
}

func (p *page) close() {
	frame.HandleComms(target, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.erase != nil {
		p.erase.Stop()
	}
}

// install shows the script in the output of a cell, unless that has been done and a page has it. Scripts
// that are shown after it find what they need, even before there is a connection.
func (p *page) install(cell uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.shown[cell] && p.cell == cell && (len(p.open) > 0 || p.erase != nil) {
		return
	}
	kind := frame.Display
	if p.shown[cell] {
		kind = frame.Update
	}
	p.shown[cell], p.cell = true, cell
	if p.erase != nil {
		p.erase.Stop()
	}
	p.erase = time.AfterFunc(patience, func() { p.giveUp(cell) })
	call, _ := json.Marshal([]string{p.instance, p.kernel, displayID(p.instance, cell)}) // cannot fail
	p.show(kind, cell, fmt.Sprintf("<script>%s(...%s)</script>", strings.TrimSpace(pageSource), call))
}

// displayID is the identifier of the script in the output of a cell.
func displayID(instance string, cell uint64) string {
	return fmt.Sprintf("lathe-gonb-%s-%d", instance, cell)
}

func (p *page) show(kind frame.Kind, cell uint64, markup string) {
	send(kind, cell, frame.Bundle{Data: map[string]any{mimeHTML: markup, mimePlain: ""}, DisplayID: displayID(p.instance, cell)})
}

// giveUp erases the script that no page has run.
func (p *page) giveUp(cell uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.erase == nil || p.cell != cell {
		return
	}
	p.erase = nil
	p.show(frame.Update, cell, "")
	if sink := frame.Attached(); sink != nil && len(p.open) == 0 {
		text := "note: no page has answered gonbui: its widgets, and values read from the page, need JupyterLab\n"
		_ = sink.Send(frame.Frame{Kind: frame.Stderr, Cell: cell, Payload: []byte(text)}) // as in send
	}
}

// ran erases the script with that identifier: a page has run it.
func (p *page) ran(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.erase == nil || id != displayID(p.instance, p.cell) {
		return
	}
	p.erase.Stop()
	p.erase = nil
	p.show(frame.Update, p.cell, "")
}

// choose returns the script that makes this worker's gonb_comm the one of the scripts behind it: pages of
// JupyterLab have several notebooks. It is "" as long as no script was shown.
func (p *page) choose() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.shown) == 0 {
		return ""
	}
	return fmt.Sprintf("<script>globalThis.gonb_comm=(globalThis.latheGonb||{})[%q]||globalThis.gonb_comm</script>", p.instance)
}

// send sends a value to every page, or to the first that comes.
func (p *page) send(cell uint64, m message) {
	p.install(cell)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) == 0 {
		if len(p.queue) < maxQueue {
			p.queue = append(p.queue, m)
		}
		return
	}
	for c := range p.open {
		p.sendTo(c, m)
	}
}

func (p *page) sendTo(c *frame.Comm, m message) {
	if err := c.Send(m); err != nil {
		note(err.Error())
	}
}

// accept takes a new page in.
func (p *page) accept(c *frame.Comm, m frame.CommMessage) func(*frame.Comm, frame.CommMessage) {
	var from struct{ Display string }
	_ = m.Decode(&from) // the script of GoNB says nothing
	p.ran(from.Display)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = true
	p.sendTo(c, message{Address: "#comm_open_ack", Value: true})
	for _, m := range p.queue {
		p.sendTo(c, m)
	}
	p.queue = nil
	return p.receive
}

// receive takes what a page sends.
func (p *page) receive(c *frame.Comm, m frame.CommMessage) {
	if m.Type == frame.CommClose {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, c)
		return
	}
	var got message
	if err := m.Decode(&got); err != nil {
		note("gonbui: " + err.Error())
		return
	}
	switch got.Address {
	case pingAddress:
		p.sendTo(c, message{Address: pongAddress, Value: true})
	case displayAddress:
		id, _ := got.Value.(string)
		p.ran(id)
	default:
		p.server.deliver(got)
	}
}

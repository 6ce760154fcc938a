package gonb

import (
	"bufio"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/comms"
	"github.com/janpfeifer/gonb/gonbui/dom"
	"github.com/janpfeifer/gonb/gonbui/plotly"
	"github.com/janpfeifer/gonb/gonbui/protocol"
	"github.com/janpfeifer/gonb/gonbui/widgets"
	kernelfigure "github.com/lathe-go/lathe/kernel/internal/figure"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// pipes are where the tests' gonbui finds its server: its packages read the environment when they are
// initialised, so TestMain starts the tests once more with it.
func TestMain(m *testing.M) {
	fuzzing := slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.fuzz") })
	if os.Getenv(protocol.GONB_PIPE_ENV) != "" || fuzzing {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "lathe-gonb-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), protocol.GONB_PIPE_ENV+"="+filepath.Join(dir, "out"),
		protocol.GONB_PIPE_BACK_ENV+"="+filepath.Join(dir, "back"), protocol.GONB_JUPYTER_KERNEL_ID_ENV+"=the-kernel")
	err = cmd.Run()
	os.RemoveAll(dir)
	if err != nil {
		os.Exit(1)
	}
}

// A kernel is a Sink that keeps what it is sent.
type kernel struct {
	mu   sync.Mutex
	sent []frame.Frame
}

func (k *kernel) Send(f frame.Frame) error {
	f.Payload = slices.Clone(f.Payload)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sent = append(k.sent, f)
	return nil
}

// took returns what was sent since the last call, a line for each frame.
func (k *kernel) took(t *testing.T) (lines []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.sent {
		lines = append(lines, describe(t, f))
	}
	k.sent = nil
	return lines
}

func describe(t *testing.T, f frame.Frame) string {
	switch f.Kind {
	case frame.Display, frame.Update:
		var b frame.Bundle
		if err := f.Decode(&b); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(b.Data)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(fmt.Sprintf("%s %s %s", map[frame.Kind]string{frame.Display: "display", frame.Update: "update"}[f.Kind], b.DisplayID, data))
	case frame.CommFrame:
		return "comm " + string(f.Payload)
	}
	return fmt.Sprintf("%d %s", f.Kind, f.Payload)
}

// wait waits for a frame that contains text, and returns all up to it.
func (k *kernel) wait(t *testing.T, text string) []string {
	t.Helper()
	var all []string
	for range 3000 {
		all = append(all, k.took(t)...)
		if slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, text) }) {
			return all
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("nothing with %q came, but\n%s", text, strings.Join(all, "\n"))
	return nil
}

// The gonbui of this process opens its pipes once, so its tests share a server. They reach it through the
// pipes like another program: the hooks of the worker's package os are missing here.
var (
	once   sync.Once
	shared *kernel
	server *Server
	cell   uint64 = 1
	asked  []string
)

func serve(t *testing.T) *kernel {
	t.Helper()
	if !gonbui.IsNotebook {
		t.Skip("gonbui was started without its pipes, for fuzzing")
	}
	once.Do(func() {
		shared = &kernel{}
		frame.Attach(shared)
		var err error
		server, err = Serve(Options{Cell: func() uint64 { return cell }, Owner: func() func() { return func() {} },
			Ask: func(prompt string, password bool) { asked = append(asked, fmt.Sprint(prompt, password)) }})
		if err != nil {
			t.Fatal(err)
		}
	})
	gonbui.Sync()
	shared.took(t)
	return shared
}

func expect(t *testing.T, k *kernel, want ...string) {
	t.Helper()
	gonbui.Sync()
	got := k.took(t)
	if !slices.Equal(got, want) {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEveryForm(t *testing.T) {
	k := serve(t)
	gonbui.DisplayHTML("<b>bold</b> &amp; <script>no()</script>plain")
	gonbui.DisplayMarkdown("*m*")
	gonbui.DisplaySVG("<svg/>")
	gonbui.ScriptJavascript("f()")
	gonbui.DisplayPNG([]byte("png"))
	gonbui.SendData(&protocol.DisplayData{Data: map[protocol.MIMEType]any{protocol.MIMEImageSVG: []byte("<svg/>"), protocol.MIMETextPlain: "p"},
		Metadata: map[string]any{"width": 3}})
	expect(t, k,
		`display  {"text/html":"\u003cb\u003ebold\u003c/b\u003e \u0026amp; \u003cscript\u003eno()\u003c/script\u003eplain","text/plain":"bold \u0026 plain"}`,
		`display  {"text/markdown":"*m*","text/plain":"*m*"}`,
		`display  {"text/html":"\u003cdiv\u003e\u003csvg/\u003e\u003c/div\u003e","text/plain":""}`,
		`display  {"text/javascript":"f()","text/plain":"(text/javascript)"}`,
		`display  {"image/png":"cG5n","text/plain":"(image/png)"}`,
		`display  {"image/svg+xml":"\u003csvg/\u003e","text/plain":"p"}`)
	if err := gonbui.DisplayImage(image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	gonbui.Sync()
	if got := k.took(t); len(got) != 1 || !strings.Contains(got[0], "iVBORw0KGgo") {
		t.Errorf("an image is sent as %q", got)
	}
}

func TestUpdates(t *testing.T) {
	k := serve(t)
	gonbui.UpdateHTML("a", "1")
	gonbui.UpdateMarkdown("b", "2")
	gonbui.UpdateHTML("a", "3")
	gonbui.UpdateHTML("a", "")
	expect(t, k,
		`display a {"text/html":"1","text/plain":"1"}`,
		`display b {"text/markdown":"2","text/plain":"2"}`,
		`update a {"text/html":"3","text/plain":"3"}`,
		`update a {"text/html":"","text/plain":""}`)
}

// A script of package dom goes to the output of the execution that runs it.
func TestTransientScripts(t *testing.T) {
	k := serve(t)
	for cell = 11; cell <= 12; cell++ {
		dom.TransientJavascript("f()")
		dom.TransientJavascript("g()")
		got := k.took(t)
		gonbui.Sync()
		got = append(got, k.took(t)...)
		want := []string{"display", "update", "update", "update"}
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i], want[i]+" "+transientPrefix) || !strings.Contains(got[i], fmt.Sprintf("_%d {", cell)) {
				t.Fatalf("cell %d: sent\n%s\nwant of them %v", cell, strings.Join(got, "\n"), want)
			}
		}
	}
	cell = 1
}

// fakePage is the script of the page.
type fakePage struct {
	t  *testing.T
	k  *kernel
	id string
}

func openPage(t *testing.T, k *kernel, id string) *fakePage {
	t.Helper()
	for _, line := range k.wait(t, "(function (instance, kernel, display)") {
		if at := strings.Index(line, "lathe-gonb-"); at >= 0 && strings.Contains(line, "the-kernel") {
			display, _, _ := strings.Cut(line[at:], " ")
			p := &fakePage{t, k, id}
			p.deliver(frame.CommMessage{Type: frame.CommOpen, Target: target, Data: json.RawMessage(fmt.Sprintf(`{"display":%q}`, display))})
			k.wait(t, `"value":true`) // acknowledged
			return p
		}
	}
	t.Fatal("the script was not shown")
	return nil
}

func (p *fakePage) deliver(m frame.CommMessage) {
	p.t.Helper()
	m.ID = p.id
	if err := frame.Deliver(m); err != nil {
		p.t.Fatal(err)
	}
}

func (p *fakePage) send(address string, value any) {
	p.t.Helper()
	data, err := json.Marshal(map[string]any{"address": address, "value": value})
	if err != nil {
		p.t.Fatal(err)
	}
	p.deliver(frame.CommMessage{Type: frame.CommData, Data: data})
}

func TestValues(t *testing.T) {
	k := serve(t)
	cell = 21
	got := make(chan any, 10)
	ints := comms.Subscribe("/n", func(_ string, v int) { got <- v })
	comms.Subscribe("/list", func(_ string, v []float64) { got <- v })
	comms.Subscribe("/words", func(_ string, v map[string]string) { got <- v })
	comms.Send("/early", 7)
	p := openPage(t, k, "page")
	defer p.deliver(frame.CommMessage{Type: frame.CommClose})
	for address, v := range map[string]any{"/n": 5.0, "/list": []float64{1, 2}, "/words": map[string]string{"a": "b"}} {
		p.send(address, v)
		if back := <-got; fmt.Sprint(back) != fmt.Sprint(v) {
			t.Errorf("%s: sent %v, got %v", address, v, back)
		}
	}
	comms.Unsubscribe(ints)
	gonbui.Sync()
	k.took(t)
	p.send("/n", 6)
	p.send("#heartbeat/ping", true)
	k.wait(t, "#heartbeat/pong")
	comms.Send("/x", []string{"a"})
	gonbui.Sync()
	if lines := k.took(t); len(lines) != 1 || !strings.Contains(lines[0], `"address":"/x","value":["a"]`) {
		t.Errorf("a value for the page is sent as %q", lines)
	}
	read := make(chan string)
	go func() { read <- comms.ReadValue[string]("/r") }()
	k.wait(t, `"address":"/r","read_request":true`)
	p.send("/r", "there")
	if v := <-read; v != "there" {
		t.Errorf("read %q", v)
	}
	select {
	case v := <-got:
		t.Errorf("after the end of the subscription came %v", v)
	default:
	}
}

// Widgets wait for the page, and hear of what is done to them.
func TestWidgets(t *testing.T) {
	k := serve(t)
	cell = 31
	done := make(chan *widgets.SliderBuilder)
	go func() { done <- widgets.Slider(0, 10, 3).WithAddress("/slider").Done() }()
	p := openPage(t, k, "widgets")
	defer p.deliver(frame.CommMessage{Type: frame.CommClose})
	p.send("/slider", "3")
	slider := <-done
	moves := slider.Listen()
	gonbui.Sync()
	p.send("/slider", "8")
	if v := <-moves.C; v != 8 {
		t.Errorf("the slider is at %d", v)
	}
	comms.Send(slider.Address(), 4)
	k.wait(t, `"address":"/slider","value":4`)

	pressed := make(chan *widgets.ButtonBuilder)
	go func() { pressed <- widgets.Button("Ok").WithAddress("/button").Done() }()
	k.wait(t, `newSyncedVariable(\"/button\", 0)`)
	p.send("/button", 0)
	button := <-pressed
	clicks := button.Listen()
	gonbui.Sync()
	p.send("/button", 1)
	if v := <-clicks.C; v != 1 {
		t.Errorf("the button says %d", v)
	}
}

// A figure for Plotly becomes a chart: no output asks the network for a script.
func TestPlotly(t *testing.T) {
	k := serve(t)
	const fig = `{"data":[{"type":"scatter","name":"it's","x":[1,10,100],"y":[0,2,3],"mode":"lines+markers"},
		{"type":"bar","x":[1,10],"y":[1,2]}],"layout":{"title":{"text":"loss"},"xaxis":{"type":"log","title":{"text":"Steps"}}}}`
	for _, into := range []string{"", "element"} {
		var err error
		if into == "" {
			err = plotly.DisplayFigAsJSON([]byte(fig))
		} else {
			err = plotly.AppendFigAsJSON(into, []byte(fig))
		}
		if err != nil {
			t.Fatal(err)
		}
		gonbui.Sync()
		var chart string
		for _, line := range k.took(t) {
			if strings.Contains(line, "cdn.plot.ly") {
				t.Errorf("asks the network: %.200s", line)
			}
			if strings.Contains(line, mimeChart) {
				chart = line
			}
		}
		for _, want := range []string{`"loss\n  it's: scatter of 3 values from 0 to 3, the last 3`, `"type":"log"`, `"name":"Steps"`, `"name":"trace 1"`, `"scale":false`} {
			if !strings.Contains(chart, want) {
				t.Errorf("into %q: no %s in %s", into, want, chart)
			}
		}
		if into != "" && !strings.Contains(chart, `"into":"`) {
			t.Errorf("the chart does not go into its element: %s", chart)
		}
	}
}

// Every kind of figure that is converted is drawn, and what is not says so and what it holds.
func TestFiguresAreDrawn(t *testing.T) {
	r := kernelfigure.NewRenderer()
	defer r.Close()
	for fig, drawn := range map[string]bool{
		`{"data":[{"y":[3,1,2]}]}`: true,
		`{"data":[{"x":["2026-01-02","2026-02-03"],"y":[3,1],"mode":"markers","marker":{"color":"red"}}],"layout":{"title":"t","yaxis":{"type":"log","range":[0,2]}}}`:  true,
		`{"data":[{"type":"scattergl","x":[1,2,3],"y":[0,null,2],"fill":"tozeroy","line":{"dash":"dot","shape":"spline","color":"#123456"},"name":"a"},{"y":[1,2,3]}]}`: true,
		`{"data":[{"type":"bar","orientation":"h","x":[1,2],"y":["a","b"]},{"type":"bar","orientation":"h","x":[3,1],"y":["a","b"]}],"layout":{"barmode":"stack"}}`:     true,
		`{"data":[{"type":"histogram","x":[1,1,2,3,3,3,7]}],"layout":{"width":300,"height":200}}`:                                                                       true,
		`{"data":[{"type":"pie","labels":["a","b"],"values":[1,2],"hole":0.4}]}`:                                                                                        true,
		`{"data":[{"type":"heatmap","z":[[1,2],[3,null]],"x":["a","b"]}]}`:                                                                                              true,
		`{"data":[{"type":"surface","z":[[1,2],[3,4]],"y":[1,2]}]}`:                                                                                                     false,
		`{"data":[{"y":[1],"yaxis":"y2"}]}`:              false,
		`{"data":[{"y":{"dtype":"f8","bdata":"AAAA"}}]}`: false,
		`{"data":[]}`: false,
	} {
		f, ok := findFigure("<script>let data = JSON.parse('" + fig + "');\n\tmodule.newPlot('id', data);</script>")
		if !ok {
			t.Fatalf("%s is not found", fig)
		}
		b, err := r.Complete(t.Context(), f.bundle("", false))
		page, _ := b.Data[mimeHTML].(string)
		if err != nil || drawn != strings.Contains(page, "<svg") || drawn != (b.Data["image/png"] != nil) {
			t.Errorf("%s: %v, with the page %.60q and the text %q", fig, err, page, b.Data[mimePlain])
		}
		if text := b.Data[mimePlain].(string); !drawn && !strings.HasPrefix(text, "A figure of Plotly that cannot be drawn without its script: it has ") {
			t.Errorf("%s: the text is %q", fig, text)
		}
	}
}

// What this process writes is served before Write returns, and one message at a time is read.
func TestHooks(t *testing.T) {
	serve(t)
	k := &kernel{}
	frame.Attach(k)
	defer frame.Attach(shared)
	out, err := os.OpenFile(server.out, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	enc := gob.NewEncoder(hooked{out})
	for i := range 3 {
		if err := enc.Encode(&protocol.DisplayData{Data: map[protocol.MIMEType]any{protocol.MIMETextHTML: fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
		if got := k.took(t); len(got) != 1 || !strings.Contains(got[0], fmt.Sprintf(`"text/plain":"%d"`, i)) {
			t.Fatalf("message %d is sent as %q", i, got)
		}
	}
	if err := enc.Encode(&protocol.DisplayData{Data: map[protocol.MIMEType]any{protocol.MIMEJupyterInput: &protocol.InputRequest{Prompt: "name", Password: true}}}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(asked, []string{"nametrue"}) {
		t.Errorf("asked %q", asked)
	}
	var joined []int
	for i := range 3 {
		server.own.inbox.put(protocol.CommValue{Address: fmt.Sprint("/", i), Value: i}, func() { joined = append(joined, i) })
	}
	dec := gob.NewDecoder(bufio.NewReader(server.own.inbox))
	for i := range 3 {
		var v protocol.CommValue
		if err := dec.Decode(&v); err != nil || v.Value != i || len(joined) != i+1 {
			t.Fatalf("read %v, %v after joining %v", v, err, joined)
		}
	}
}

// hooked writes as the worker's package os does.
type hooked struct{ f *os.File }

func (h hooked) Write(b []byte) (int, error) {
	if !server.Write(h.f, b) {
		return 0, fmt.Errorf("%s was not taken", h.f.Name())
	}
	return len(b), nil
}

// Pieces of any size make the same messages.
func TestPieces(t *testing.T) {
	var all, got []string
	var s stream
	enc := gob.NewEncoder(writer(func(b []byte) {
		for i := range b {
			if err := s.write(b[i:i+1], func(d *protocol.DisplayData) { got = append(got, fmt.Sprint(d.Data[protocol.MIMETextHTML])) }); err != nil {
				t.Fatal(err)
			}
		}
	}))
	for i := range 20 {
		text := strings.Repeat("x", i*i*50)
		all = append(all, text)
		if err := enc.Encode(&protocol.DisplayData{Data: map[protocol.MIMEType]any{protocol.MIMETextHTML: text}}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, all) {
		t.Errorf("of %d messages came %d", len(all), len(got))
	}
}

type writer func(b []byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

func FuzzStream(f *testing.F) {
	var wire []byte
	enc := gob.NewEncoder(writer(func(b []byte) { wire = append(wire, b...) }))
	for range 2 {
		if err := enc.Encode(&protocol.DisplayData{Data: map[protocol.MIMEType]any{protocol.MIMETextHTML: "x"}}); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(wire)
	f.Fuzz(func(t *testing.T, data []byte) {
		var s stream
		defer s.close()
		_ = s.write(data, func(*protocol.DisplayData) {}) // most of it cannot be read
	})
}

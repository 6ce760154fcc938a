package golang

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// words returns what a message shows: the text of a stream or the plain text of a bundle.
func words(t *testing.T, m wire.Message) string {
	t.Helper()
	var content struct {
		Text string
		Data map[string]any
	}
	if err := json.Unmarshal(m.Content, &content); err != nil {
		t.Fatal(err)
	}
	if content.Data != nil {
		return fmt.Sprint(content.Data["text/plain"], "\n")
	}
	return content.Text
}

// TestGonbuiOrder: what is printed and what is shown with gonbui come in the order of the program.
func TestGonbuiOrder(t *testing.T) {
	f := startWhole(t)
	code := "for i := range 1000 {\n\tfmt.Println(\"a\", i)\n\tgonbui.DisplayHTML(fmt.Sprint(\"b \", i))\n}"
	r := f.Execute(code)
	r.ExpectBusy()
	r.ExpectInput(code)
	var got, want strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&want, "a %d\nb %d\n", i, i)
	}
	for got.Len() < want.Len() {
		got.WriteString(words(t, r.NextOutput()))
	}
	if got.String() != want.String() {
		t.Errorf("shown is\n%s", got.String())
	}
	r.ExpectReply("ok")
	r.ExpectIdle()
}

// A gonbPage is what gonbui's script in a page does.
type gonbPage struct {
	t *testing.T
	f *kerneltest.Frontend
}

// comm sends a message of the page and returns what it caused up to the word that the kernel is idle. The
// program answers when it likes, before that word or after it.
func (p *gonbPage) comm(msgType string, content map[string]any) (r *kerneltest.Request, caused string) {
	content["comm_id"] = "page"
	r = p.f.Send(kerneltest.Outgoing{Channel: kerneltest.Shell, Type: msgType, Content: content})
	r.ExpectBusy()
	for {
		m := r.NextOutput()
		if m.Header.MsgType == wire.StatusType {
			return r, caused
		}
		caused += string(m.Content)
	}
}

func (p *gonbPage) send(address string, value any) {
	p.comm("comm_msg", map[string]any{"data": map[string]any{"address": address, "value": value}})
}

// until takes what a cell shows up to a message that contains text, and returns that.
func until(r *kerneltest.Request, text string) wire.Message {
	for {
		if m := r.NextOutput(); strings.Contains(string(m.Content), text) {
			return m
		}
	}
}

// TestGonbuiWidgets: a slider of gonbui waits for the page, has its values, and a callback prints in the
// output of the cell that has made it, long after that has ended.
func TestGonbuiWidgets(t *testing.T) {
	f := startWhole(t)
	page := &gonbPage{t, f}
	code := "slider := widgets.Slider(0, 10, 3).WithAddress(\"/slider\").Done()\nfmt.Println(\"at\", slider.Value())"
	first := f.Execute(code)
	script := until(first, "function (instance, kernel, display)")
	var shown wire.DisplayData
	if err := json.Unmarshal(script.Content, &shown); err != nil {
		t.Fatal(err)
	}
	until(first, "newSyncedVariable(\\\"/slider\\\"")
	opened, caused := page.comm("comm_open", map[string]any{"target_name": "gonb_comm", "data": map[string]any{"display": shown.Transient.DisplayID}})
	if m := until(first, shown.Transient.DisplayID); m.Header.MsgType != wire.UpdateDisplayType || words(t, m) != "\n" {
		t.Errorf("the script that a page has run is not erased, but %s", m.Content)
	}
	if !strings.Contains(caused, "#comm_open_ack") {
		until(opened, "#comm_open_ack")
	}
	page.send("/slider", "5")
	until(first, "at 5")
	first.ExpectReply("ok")
	first.ExpectIdle()

	code = "_ = comms.Subscribe(\"/text\", func(_ string, v string) { fmt.Println(\"heard\", v) })"
	second := f.Execute(code)
	script = until(second, "function (instance, kernel, display)") // the page may be another one
	if err := json.Unmarshal(script.Content, &shown); err != nil {
		t.Fatal(err)
	}
	second.ExpectReply("ok")
	second.ExpectIdle()
	page.send("#lathe/display", shown.Transient.DisplayID)
	until(second, shown.Transient.DisplayID)

	code = "slider.SetValue(7)\nselect {}"
	third := f.Execute(code)
	script = until(third, "function (instance, kernel, display)")
	if err := json.Unmarshal(script.Content, &shown); err != nil {
		t.Fatal(err)
	}
	until(third, `"value":7`)
	page.send("#lathe/display", shown.Transient.DisplayID)
	until(third, shown.Transient.DisplayID)
	page.send("/text", "from the page")
	until(second, "heard from the page")
	f.Interrupt()
	third.ExpectError("Interrupt")
	third.ExpectReply("error")
	third.ExpectIdle()
}

// child is a program that uses gonbui.
const child = `package main

import (
	"fmt"
	"os"

	"github.com/janpfeifer/gonb/gonbui"
)

func main() {
	gonbui.DisplayHTML("shown by " + os.Args[1])
	gonbui.Sync()
	fmt.Println("synced", gonbui.Error())
}
`

// TestGonbuiInPrograms: programs that cells start show things as well, one after the other.
func TestGonbuiInPrograms(t *testing.T) {
	f := startWhole(t)
	program := filepath.Join(t.TempDir(), "child")
	if err := os.WriteFile(program+".go", []byte(child), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", program, program+".go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code := fmt.Sprintf("for i := range 3 {\n\tout, err := exec.Command(%q, fmt.Sprint(\"number \", i)).CombinedOutput()\n\tfmt.Printf(\"%%s%%v\\n\", out, err)\n}", program)
	r := f.Execute(code)
	for i := range 3 {
		until(r, fmt.Sprint("shown by number ", i))
	}
	until(r, "synced \\u003cnil\\u003e\\n\\u003cnil\\u003e")
	r.ExpectReply("ok")
	r.ExpectIdle()
	r = f.Execute("!" + program + " shell")
	r.ExpectBusy()
	r.ExpectInput("!" + program + " shell")
	// What a command prints does not come through the worker: either may be first.
	if both := words(t, r.NextOutput()) + words(t, r.NextOutput()); !strings.Contains(both, "shown by shell\n") || !strings.Contains(both, "synced <nil>\n") {
		t.Errorf("the command shows %q", both)
	}
	r.ExpectReply("ok")
	r.ExpectIdle()
}

package golang

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// answerTo takes what the kernel publishes for a message of a comm that is answered by another one, which it
// returns: it may come before and after the kernel says that it is idle.
func answerTo(r *kerneltest.Request) (answer wire.Message) {
	r.ExpectBusy()
	for range 2 {
		if m := r.NextOutput(); m.Header.MsgType != wire.StatusType {
			answer = m
		}
	}
	return answer
}

// TestWidget: a reader moves a slider while a cell runs and presses a button, by the protocol of Jupyter's
// widgets; the cell sees it, the page is answered, and the picture for reports follows.
func TestWidget(t *testing.T) {
	f := startWhole(t)
	code := `n := display.Slider("n", 0, 9, 3)
stop := make(chan bool)
display.Row(n, display.Button("stop", func() { fmt.Println("stopping"); close(stop) }))`
	opener := f.Execute(code)
	opener.ExpectBusy()
	opener.ExpectInput(code)
	ids := map[string]string{}
	for range 8 {
		var open struct {
			ID   string `json:"comm_id"`
			Data struct {
				State struct {
					Model string `json:"_model_name"`
				}
			}
		}
		if err := json.Unmarshal(opener.NextOutput().Content, &open); err != nil {
			t.Fatal(err)
		}
		ids[open.Data.State.Model] = open.ID
	}
	if text := opener.ExpectDisplay("text/html").Data["text/plain"]; text != "n: 3 · [stop]" {
		t.Errorf("the picture is of %q", text)
	}
	view := opener.ExpectResult("").Data["application/vnd.jupyter.widget-view+json"]
	if id := ids["HBoxModel"]; fmt.Sprint(view) != fmt.Sprintf("map[model_id:%s version_major:2 version_minor:0]", id) || id == "" {
		t.Errorf("the view is %v; open are %v", view, ids)
	}
	opener.ExpectReply("ok")
	opener.ExpectIdle()

	loop := "<-stop\nn.Value()"
	cell := f.Execute(loop)
	cell.ExpectBusy()
	cell.ExpectInput(loop)
	send := func(model string, data map[string]any) *kerneltest.Request {
		return f.Request(kerneltest.Shell, "comm_msg", map[string]any{"comm_id": ids[model], "data": data}, nil)
	}
	moved := send("IntSliderModel", map[string]any{"method": "update", "state": map[string]any{"value": 7}, "buffer_paths": []any{}})
	echo := answerTo(moved) // to the message itself: a page waits for that
	if want := fmt.Sprintf(`{"comm_id":%q,"data":{"buffer_paths":[],"method":"echo_update","state":{"value":7}}}`, ids["IntSliderModel"]); string(echo.Content) != want {
		t.Errorf("the page got %s, want %s", echo.Content, want)
	}
	if text := opener.ExpectUpdate("text/html").Data["text/plain"]; text != "n: 7 · [stop]" {
		t.Errorf("the picture is of %q", text)
	}
	time.Sleep(600 * time.Millisecond) // after which there is a new picture at once
	click := send("ButtonModel", map[string]any{"method": "custom", "content": map[string]any{"event": "click"}})
	click.ExpectBusy()
	click.ExpectIdle()
	if text := opener.ExpectUpdate("text/html").Data["text/plain"]; text != "n: 7 · [stop] pressed once" {
		t.Errorf("the picture is of %q", text)
	}
	opener.ExpectStream("stdout", "stopping\n")
	cell.ExpectResult("7")
	cell.ExpectReply("ok")
	cell.ExpectIdle()
}

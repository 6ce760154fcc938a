package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// A speaker is a kernel whose part of the protocol is measured, with cells of its language. A kernel
// without a cell for a measure is left out of that.
type speaker struct {
	program
	empty string // does nothing
	lines string // prints the numbers below manyLines, each in a line and by a call of its own
	keep  string // makes a value that must outlive an interrupt
	loop  string // says that it loops, and does so for ever
	kept  string // prints the value
	comms string // answers messages of the target "bench" whose data is {"n": commMessages}
}

const (
	manyLines    = 100_000
	commMessages = 20_000
	keptValue    = "kept 41"
)

// speakers returns the kernels that are here.
func (b *bench) speakers(gonb *program) []speaker {
	all := []speaker{{
		program: b.lathe(),
		lines:   fmt.Sprintf("for i := range %d {\n\tfmt.Println(i)\n}", manyLines),
		keep:    "value := 41",
		loop:    "fmt.Println(\"looping\")\nfor {\n}",
		kept:    "fmt.Println(\"kept\", value)",
		comms: fmt.Sprintf(`frame.HandleComms("bench", func(*frame.Comm, frame.CommMessage) func(*frame.Comm, frame.CommMessage) {
	return func(c *frame.Comm, m frame.CommMessage) {
		var d struct{ N int }
		if m.Type == frame.CommData && m.Decode(&d) == nil && d.N == %d {
			c.Send(d)
		}
	}
})`, commMessages),
	}}
	if b.Python != "" {
		all = append(all, speaker{
			program: program{name: "ipykernel", path: b.Python, args: []string{"-m", "ipykernel_launcher", "-f"}},
			lines:   fmt.Sprintf("for i in range(%d): print(i)", manyLines),
			keep:    "value = 41",
			loop:    "print('looping', flush=True)\nwhile True: pass",
			kept:    "print('kept', value)",
			comms: fmt.Sprintf(`def opened(comm, msg):
    def on(msg):
        if msg["content"]["data"].get("n") == %d: comm.send({"N": 0})
    comm.on_msg(on)
get_ipython().kernel.comm_manager.register_target("bench", opened)`, commMessages),
		})
	}
	if gonb != nil {
		all = append(all, speaker{
			program: *gonb,
			lines:   fmt.Sprintf("import \"fmt\"\n%%%%\nfor i := range %d {\n\tfmt.Println(i)\n}", manyLines),
			loop:    "import \"fmt\"\n%%\nfmt.Println(\"looping\")\nfor {\n}",
		})
	}
	return all
}

// protocol measures, in turns, what frontends wait for.
func (b *bench) protocol(ctx context.Context) error {
	var gonb *program
	if p, err := b.gonb(ctx); err == nil {
		gonb = &p
	}
	measures := []struct {
		name, unit string
		aims       []Aim // of Lathe
		has        func(speaker) bool
		one        func(context.Context, *kernel, speaker) (float64, error)
		times      int
	}{
		{"round trip of an empty cell", "ms", nil, func(s speaker) bool { return s.keep != "" }, emptyCell, 3 * b.Effort.Cells},
		{"100,000 lines, all there and in order", "ms", []Aim{most(50, 300)}, func(s speaker) bool { return s.lines != "" }, lines, b.Effort.Starts},
		{"interrupt of a loop to the reply", "ms", []Aim{most(50, 50)}, func(s speaker) bool { return s.loop != "" }, interruption, b.Effort.Starts},
		{"comm messages taken", "a second", []Aim{least(50, 10_000)}, func(s speaker) bool { return s.comms != "" }, commRate, b.Effort.Starts},
	}
	all := b.speakers(gonb)
	kernels := make([]*kernel, len(all))
	for i, s := range all {
		k, err := b.start(ctx, s.program)
		if err != nil {
			b.report.leaveOut(s.name, err)
			continue
		}
		defer k.stop()
		kernels[i] = k
	}
	time.Sleep(settled)
	for _, m := range measures {
		samples := map[string]*Sample{}
		for range m.times {
			for i, s := range all {
				if kernels[i] == nil || !m.has(s) {
					continue
				}
				v, err := m.one(ctx, kernels[i], s)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", s.name, m.name, err)
				}
				if samples[s.name] == nil {
					var aims []Aim
					if i == 0 {
						aims = m.aims
					}
					samples[s.name] = b.report.sample("the protocol, in turns", m.name+", "+s.name, m.unit, aims...)
				}
				samples[s.name].Values = append(samples[s.name].Values, v)
			}
		}
		if ours, theirs := samples["lathe"], samples["ipykernel"]; m.aims == nil && ours != nil && theirs != nil {
			b.report.sample("the protocol, in turns", m.name+": Lathe / ipykernel, by p50", "times", most(50, 1)).Values =
				[]float64{ours.Percentile(50) / theirs.Percentile(50)}
		}
	}
	return nil
}

// milliseconds is a duration as a number.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func emptyCell(ctx context.Context, k *kernel, s speaker) (float64, error) {
	took, _, err := k.execute(ctx, s.empty, "")
	return milliseconds(took), err
}

// lines measures how long many lines take to arrive.
func lines(ctx context.Context, k *kernel, s speaker) (float64, error) {
	took, text, err := k.execute(ctx, s.lines, "")
	if err != nil {
		return 0, err
	}
	next := 0
	for line := range strings.Lines(text) {
		if line != fmt.Sprintln(next) {
			return 0, fmt.Errorf("line %d is %q", next, line)
		}
		next++
	}
	if next != manyLines {
		return 0, fmt.Errorf("%d lines came", next)
	}
	return milliseconds(took), nil
}

// interruption measures from a SIGINT to the end of an endless cell. What was before must be there still,
// unless the kernel keeps nothing.
func interruption(ctx context.Context, k *kernel, s speaker) (float64, error) {
	if s.keep != "" {
		if _, _, err := k.execute(ctx, s.keep, ""); err != nil {
			return 0, err
		}
	}
	id, _, err := k.send(wire.ExecuteRequestType, wire.ExecuteRequest{Code: s.loop, StoreHistory: true,
		UserExpressions: map[string]string{}, StopOnError: true})
	if err != nil {
		return 0, err
	}
	if err := k.until(ctx, func(m arrival) bool {
		return m.ParentID() == id && m.Header.MsgType == wire.StreamType && strings.Contains(string(m.Content), "looping")
	}); err != nil {
		return 0, err
	}
	time.Sleep(100 * time.Millisecond)
	sent := time.Now()
	if err := k.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return 0, err
	}
	a, err := k.await(ctx, id, patience)
	if err != nil {
		return 0, err
	}
	if s.kept != "" {
		if _, _, err := k.execute(ctx, s.kept, keptValue); err != nil {
			return 0, err
		}
	}
	return milliseconds(a.ended.Sub(sent)), nil
}

// until waits for a message.
func (k *kernel) until(ctx context.Context, is func(arrival) bool) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case m := <-k.messages:
			if is(m) {
				return nil
			}
		case <-late.C:
			return errPatience
		case <-k.dead:
			return errors.New("it has ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// commRate measures how many messages of a comm reach the code of a cell in a second: from the first until
// the answer to the last.
func commRate(ctx context.Context, k *kernel, s speaker) (float64, error) {
	if _, _, err := k.execute(ctx, s.comms, ""); err != nil {
		return 0, err
	}
	comm := wire.NewID()
	if _, _, err := k.send(wire.CommOpenType, map[string]any{"comm_id": comm, "target_name": "bench", "data": struct{}{}}); err != nil {
		return 0, err
	}
	began := time.Now()
	failed := make(chan error, 1)
	go func() {
		for i := 1; i <= commMessages; i++ {
			data := json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))
			if _, _, err := k.send(wire.CommMsgType, wire.Comm{CommID: comm, Data: data}); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	err := k.until(ctx, func(m arrival) bool {
		return m.Header.MsgType == wire.CommMsgType && strings.Contains(string(m.Content), comm)
	})
	took := time.Since(began)
	if err := errors.Join(err, <-failed); err != nil {
		return 0, err
	}
	return commMessages / took.Seconds(), nil
}

package kerneltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// Echo is a Handler of a language that only shows things: each line of a cell is a command of
// Commands. A line that is none is its own value, as a result. Its comms send every message back, and its
// expressions are their own values. It keeps nothing of a cell, so shells run at once without a lock.
type Echo struct {
	late sync.WaitGroup
}

// Commands lists the commands of Echo with what they do.
func Commands() map[string]string {
	return map[string]string{
		"print":     "print TEXT: write a line to stdout",
		"err":       "err TEXT: write a line to stderr",
		"lines":     "lines N: write N numbered lines to stdout",
		"html":      "html TEXT: display TEXT as HTML",
		"show":      "show ID TEXT: display TEXT under an identifier",
		"update":    "update ID TEXT: replace what was displayed under ID",
		"clear":     "clear [wait]: clear the output",
		"page":      "page TEXT: show TEXT in the pager",
		"fail":      "fail NAME VALUE: end with an error of the user",
		"broken":    "broken TEXT: end with another error",
		"panic":     "panic TEXT: panic",
		"sleep":     "sleep DURATION: wait, or end when interrupted",
		"late":      "late DURATION TEXT: write a line to stdout after the cell has ended",
		"input":     "input PROMPT: ask for a line and write it to stdout",
		"unwritten": "unwritten TEXT: display a value that JSON cannot hold",
		"open":      "open ID TARGET: open a comm",
		"send":      "send ID JSON: send data on a comm",
		"close":     "close ID: close a comm",
		"shell":     "shell: show the subshell that runs the cell",
	}
}

// Info implements server.Handler.
func (e *Echo) Info() wire.KernelInfo {
	return wire.KernelInfo{
		Implementation: "echo", ImplementationVersion: "1.0", Banner: "Echo",
		LanguageInfo: wire.LanguageInfo{Name: "echo", Version: "1.0", MIMEType: "text/plain", FileExtension: ".txt"},
	}
}

// Execute implements server.Handler.
func (e *Echo) Execute(ctx context.Context, req server.ExecuteRequest, out server.Output) error {
	for line := range strings.Lines(req.Code) {
		if line == "shell" {
			line = fmt.Sprintf("print %q", req.Subshell)
		}
		if err := e.command(ctx, strings.TrimSuffix(line, "\n"), out); err != nil {
			return err
		}
	}
	return nil
}

// command runs one line.
func (e *Echo) command(ctx context.Context, line string, out server.Output) error {
	word, rest, _ := strings.Cut(line, " ")
	first, second, _ := strings.Cut(rest, " ")
	switch word {
	case "print":
		out.Stream("stdout", rest+"\n")
	case "err":
		out.Stream("stderr", rest+"\n")
	case "lines":
		return lines(first, out)
	case "html":
		out.Display(frame.Bundle{Data: map[string]any{"text/html": rest, "text/plain": "html"}})
	case "show":
		out.Display(text(second, first))
	case "update":
		out.Update(text(second, first))
	case "clear":
		out.Clear(rest == "wait")
	case "page":
		out.(server.Pager).Page(text(rest, ""))
	case "fail":
		return &server.CellError{Name: first, Value: second, Traceback: []string{"In[1]:1 " + line, first + ": " + second}}
	case "broken":
		return errors.New(rest)
	case "panic":
		panic(rest)
	case "sleep":
		return sleep(ctx, first)
	case "late":
		e.late.Go(func() {
			if sleep(context.Background(), first) == nil {
				out.Stream("stdout", second+"\n")
			}
		})
	case "input":
		return input(ctx, rest, out)
	case "unwritten":
		out.Display(frame.Bundle{Data: map[string]any{"text/plain": rest, "application/json": func() {}}})
	case "open", "send", "close":
		return comm(word, first, second, out)
	case "":
	default:
		out.Result(text(line, ""))
	}
	return nil
}

// comm sends a message on a comm.
func comm(word, id, rest string, out server.Output) error {
	m := frame.CommMessage{Type: "comm_" + word, ID: id}
	switch word {
	case "open":
		m.Target = rest
	case "send":
		m.Type, m.Data = wire.CommMsgType, json.RawMessage(rest)
		if !json.Valid(m.Data) {
			return fmt.Errorf("%s is no JSON", rest)
		}
	}
	out.Comm(m)
	return nil
}

// Comm implements server.Commer: every message is sent back as it came. A comm cannot be opened for the
// target "refused".
func (e *Echo) Comm(_ context.Context, m frame.CommMessage, out server.Output) error {
	switch {
	case m.Target == "refused":
		return errors.New("this target is refused")
	case m.Type == wire.CommMsgType:
		out.Comm(m)
	}
	return nil
}

// Evaluate implements server.Evaluator: an expression is its own value, unless it is a "fail NAME VALUE".
func (e *Echo) Evaluate(_ context.Context, expression string) (frame.Bundle, error) {
	if rest, fails := strings.CutPrefix(expression, "fail "); fails {
		name, value, _ := strings.Cut(rest, " ")
		return frame.Bundle{}, &server.CellError{Name: name, Value: value}
	}
	return text(expression, ""), nil
}

// text is a bundle of plain text.
func text(s, id string) frame.Bundle {
	return frame.Bundle{Data: map[string]any{"text/plain": s}, DisplayID: id}
}

// lines writes numbered lines, each in a call of its own.
func lines(n string, out server.Output) error {
	count, err := strconv.Atoi(n)
	for i := range count {
		out.Stream("stdout", strconv.Itoa(i)+"\n")
	}
	return err
}

// sleep waits for a duration or the end of ctx.
func sleep(ctx context.Context, duration string) error {
	d, err := time.ParseDuration(duration)
	if err != nil {
		return err
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// input asks the user for a line.
func input(ctx context.Context, prompt string, out server.Output) error {
	in, ok := out.(server.Inputter)
	if !ok {
		return errors.New("this frontend takes no input")
	}
	line, err := in.Input(ctx, prompt, false)
	if err == nil {
		out.Stream("stdout", line+"\n")
	}
	return err
}

// IsComplete implements server.Handler: a backslash at the end asks for more, "!" is an error.
func (e *Echo) IsComplete(code string) wire.IsCompleteReply {
	switch {
	case strings.Contains(code, "!"):
		return wire.IsCompleteReply{Status: wire.Invalid}
	case strings.HasSuffix(code, `\`):
		return wire.IsCompleteReply{Status: wire.Incomplete, Indent: "  "}
	}
	return wire.IsCompleteReply{Status: wire.Complete}
}

// Complete implements server.Completer: it completes commands.
func (e *Echo) Complete(_ context.Context, code string, cursor int) (wire.CompleteReply, error) {
	before := string([]rune(code)[:cursor])
	prefix := before[strings.LastIndexAny(before, " \n")+1:]
	reply := wire.CompleteReply{CursorStart: cursor - len([]rune(prefix)), CursorEnd: cursor}
	for name := range Commands() {
		if strings.HasPrefix(name, prefix) {
			reply.Matches = append(reply.Matches, name)
		}
	}
	return reply, nil
}

// Inspect implements server.Inspector: it explains the command that the code begins with.
func (e *Echo) Inspect(_ context.Context, code string, _, _ int) (wire.InspectReply, error) {
	word, _, _ := strings.Cut(code, " ")
	usage, ok := Commands()[word]
	if !ok {
		return wire.InspectReply{}, nil
	}
	return wire.InspectReply{Found: true, Data: map[string]any{"text/plain": usage}}, nil
}

// Shutdown implements server.Handler: it waits for late lines.
func (e *Echo) Shutdown(ctx context.Context, _ bool) error {
	done := make(chan struct{})
	go func() { e.late.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("echo: late lines: %w", ctx.Err())
	}
}

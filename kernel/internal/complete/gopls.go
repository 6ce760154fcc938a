package complete

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf16"
)

// A server is gopls as a child process, with the virtual file in its memory alone.
type server struct {
	path   string        // of gopls
	dir    string        // of the module that the file belongs to
	hung   time.Duration // after which a question without an answer ends the process
	cancel context.CancelFunc
	done   chan struct{} // closed when the process is gone for good

	mu      sync.Mutex // guards what follows
	process *os.Process
	conn    *conn // nil until it is warm, and when it is gone
	busy    bool  // with a question that nobody may wait for any longer
	version int
	text    string // of the file, as the server knows it
	err     error  // why there is none
}

// overlay is the folder, below the module's, that the virtual file seems to be in. It does not exist.
const overlay = "lathe_overlay"

// warmTime is how long gopls may take to load the module.
const warmTime = 2 * time.Minute

// settings keep gopls from what only editors need, and from looking at more than the virtual file.
func settings() map[string]any {
	return map[string]any{
		"directoryFilters":               []string{"-**", "+" + overlay},
		"completeUnimported":             true,
		"deepCompletion":                 false,
		"completionBudget":               "10ms",
		"matcher":                        "CaseInsensitive",
		"usePlaceholders":                false,
		"hoverKind":                      "FullDocumentation",
		"linksInHover":                   false,
		"diagnosticsTrigger":             "Save",
		"diagnosticsDelay":               "1h",
		"staticcheck":                    false,
		"vulncheck":                      "Off",
		"semanticTokens":                 false,
		"experimentalPostfixCompletions": false,
	}
}

// startServer starts gopls in the background and warms it with a first text. It is for a module at dir.
// Close ends it.
func startServer(path, dir, text string) *server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{path: path, dir: dir, hung: hangTime, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		// What dies once may have had bad luck; what dies twice does not get better.
		for deaths := 0; deaths < 2 && ctx.Err() == nil; deaths++ {
			began := time.Now()
			err := s.serve(ctx, text)
			s.mu.Lock()
			s.conn, s.err = nil, err
			s.mu.Unlock()
			if time.Since(began) > steadyTime {
				deaths = 0
			}
		}
	}()
	return s
}

// steadyTime is how long a process lives whose death says nothing of the next one.
const steadyTime = 10 * time.Minute

// Close ends the process and waits for its end.
func (s *server) Close() {
	s.cancel()
	<-s.done
}

// serve runs one process to its end.
func (s *server) serve(ctx context.Context, text string) error {
	cmd := exec.CommandContext(ctx, s.path, "serve")
	cmd.Dir = s.dir
	env, err := goplsEnv(filepath.Dir(s.path))
	if err != nil {
		return fmt.Errorf("start gopls: %w", err)
	}
	cmd.Env = env
	cmd.WaitDelay = time.Second
	// An interrupt for the kernel's group is for the cell. A kernel that is killed takes gopls with it. The signal comes when this thread ends, which must
	// therefore be this goroutine's alone until the process is gone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start gopls: %w", err)
	}
	s.mu.Lock()
	s.process = cmd.Process
	s.mu.Unlock()
	// Cells come first.
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, 5)
	c := newConn(in, settings())
	read := make(chan error, 1)
	go func() { read <- c.read(out) }()
	if err := s.warm(ctx, c, text); err != nil {
		_ = cmd.Process.Kill()
		<-read
		return errors.Join(fmt.Errorf("warm gopls: %w", err), cmd.Wait())
	}
	err = <-read
	return errors.Join(err, cmd.Wait())
}

// warm opens the module and the file, and completes once, so that everything is loaded.
func (s *server) warm(ctx context.Context, c *conn, text string) error {
	ctx, cancel := context.WithTimeout(ctx, warmTime)
	defer cancel()
	params := map[string]any{
		"processId": os.Getpid(), "rootUri": fileURI(s.dir), "initializationOptions": settings(),
		"workspaceFolders": []any{map[string]string{"uri": fileURI(s.dir), "name": "lathe"}},
		"capabilities": map[string]any{
			"workspace": map[string]any{"configuration": true},
			"textDocument": map[string]any{
				"hover":      map[string]any{"contentFormat": []string{"markdown"}},
				"completion": map[string]any{"completionItem": map[string]any{"snippetSupport": false}},
			},
		},
	}
	if err := c.call(ctx, "initialize", params, nil); err != nil {
		return err
	}
	if err := c.notify("initialized", struct{}{}); err != nil {
		return err
	}
	open := map[string]any{"uri": s.uri(), "languageId": "go", "version": 1, "text": text}
	if err := c.notify("textDocument/didOpen", map[string]any{"textDocument": open}); err != nil {
		return err
	}
	if err := c.call(ctx, "textDocument/completion", s.at(text, len(text)-len("\n}\n")), nil); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.text, s.version, s.busy = c, text, 1, false
	return nil
}

// uri is that of the virtual file.
func (s *server) uri() string { return fileURI(filepath.Join(s.dir, overlay, "cell.go")) }

func fileURI(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// at returns the parameters of a request about an offset into a text.
func (s *server) at(text string, offset int) map[string]any {
	before := text[:offset]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return map[string]any{
		"textDocument": map[string]string{"uri": s.uri()},
		"position":     map[string]int{"line": strings.Count(before, "\n"), "character": len(utf16.Encode([]rune(line)))},
	}
}

// errNotWarm says that gopls cannot be asked yet, or no longer, or that it is busy.
var errNotWarm = errors.New("gopls is not ready")

// hangTime is how long gopls may be at a question that nobody waits for any longer. It loads a large package in
// seconds.
const hangTime = 30 * time.Second

// ask makes the file what v says and sends a request about its cursor. It asks one thing at a time: where
// the imports have changed gopls takes long, and more questions would make it longer.
func (s *server) ask(ctx context.Context, method string, v *virtual, result any) error {
	c, err := s.show(v)
	if err != nil {
		return err
	}
	type answer struct {
		raw json.RawMessage
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.hung)
		defer cancel()
		var a answer
		a.err = c.call(late, method, s.at(v.text, v.cursor), &a.raw)
		s.mu.Lock()
		if s.conn == c {
			s.busy = false
			if late.Err() != nil {
				s.conn = nil
				_ = s.process.Kill() // one that is gone already is started again as well
			}
		}
		s.mu.Unlock()
		answered <- a
	}()
	select {
	case a := <-answered:
		if a.err != nil || len(a.raw) == 0 {
			return a.err
		}
		return json.Unmarshal(a.raw, result)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// show makes the file what v says, and the server busy.
func (s *server) show(v *virtual) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil || s.busy {
		return nil, errNotWarm
	}
	if v.text != s.text {
		s.version++
		s.text = v.text
		err := s.conn.notify("textDocument/didChange", map[string]any{
			"textDocument":   map[string]any{"uri": s.uri(), "version": s.version},
			"contentChanges": []any{map[string]string{"text": v.text}},
		})
		if err != nil {
			return nil, err
		}
	}
	s.busy = true
	return s.conn, nil
}

// An item is one completion of the protocol.
type item struct {
	Label  string `json:"label"`
	Kind   int    `json:"kind"`
	Detail string `json:"detail"`
}

// kinds are the protocol's kinds of completions in the words of Jupyter's frontends.
var kinds = map[int]string{2: "method", 3: "function", 5: "property", 6: "instance", 7: "type", 8: "type", 9: "module",
	14: "keyword", 21: "instance", 22: "type", 25: "type"}

// complete returns what gopls would put at the cursor.
func (s *server) complete(ctx context.Context, v *virtual) ([]match, error) {
	var list struct{ Items []item }
	if err := s.ask(ctx, "textDocument/completion", v, &list); err != nil {
		return nil, err
	}
	var matches []match
	for _, it := range list.Items {
		kind := kinds[it.Kind]
		if kind == "" || strings.Contains(it.Detail, "/internal/") || strings.HasPrefix(it.Detail, "\"internal/") {
			continue
		}
		m := match{text: it.Label, kind: kind, rank: near}
		if rest, ok := strings.CutPrefix(it.Detail, "func"); ok {
			m.signature = rest
		}
		switch kind {
		case "module":
			m.rank = far
		case "keyword":
			m.rank = language
		}
		matches = append(matches, m)
	}
	return matches, nil
}

// hover returns what gopls says of the name at the cursor, in markdown, or "".
func (s *server) hover(ctx context.Context, v *virtual) (string, error) {
	var found struct {
		Contents struct{ Value string }
	}
	err := s.ask(ctx, "textDocument/hover", v, &found)
	return found.Contents.Value, err
}

// definition returns the file and the line, from 1, where the name at the cursor is declared.
func (s *server) definition(ctx context.Context, v *virtual) (path string, line int, err error) {
	var list []struct {
		URI   string
		Range struct{ Start struct{ Line int } }
	}
	if err := s.ask(ctx, "textDocument/definition", v, &list); err != nil || len(list) == 0 {
		return "", 0, err
	}
	u, err := url.Parse(list[0].URI)
	if err != nil || u.Scheme != "file" || list[0].URI == s.uri() {
		return "", 0, err
	}
	return u.Path, list[0].Range.Start.Line + 1, nil
}

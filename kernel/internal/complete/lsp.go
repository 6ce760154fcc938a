package complete

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"sync"
)

// A conn speaks JSON-RPC with a language server, as the Language Server Protocol frames it.
type conn struct {
	settings any // what the server gets when it asks for its configuration

	mu      sync.Mutex // guards what follows, and writing
	w       io.Writer
	next    int
	pending map[string]chan reply
	closed  error
}

type reply struct {
	result json.RawMessage
	err    error
}

// A message is any message of the protocol.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// maxMessage bounds the size of a message from the server.
const maxMessage = 64 << 20

func newConn(w io.Writer, settings any) *conn {
	return &conn{w: w, settings: settings, pending: map[string]chan reply{}}
}

// read handles what the server sends, until it ends. All requests that are open fail then.
func (c *conn) read(from io.Reader) error {
	err := c.readAll(textproto.NewReader(bufio.NewReader(from)))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = fmt.Errorf("the language server has ended: %w", err)
	for id, ch := range c.pending {
		ch <- reply{err: c.closed}
		delete(c.pending, id)
	}
	return err
}

func (c *conn) readAll(r *textproto.Reader) error {
	for {
		header, err := r.ReadMIMEHeader()
		if err != nil {
			return err
		}
		size, err := strconv.Atoi(header.Get("Content-Length"))
		if err != nil || size < 0 || size > maxMessage {
			return fmt.Errorf("a message of %q bytes", header.Get("Content-Length"))
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(r.R, body); err != nil {
			return err
		}
		var m message
		if err := json.Unmarshal(body, &m); err != nil {
			return err
		}
		c.handle(m)
	}
}

// handle takes a reply to whom it is for, and answers the server's own requests.
func (c *conn) handle(m message) {
	if m.Method != "" {
		if len(m.ID) > 0 {
			_ = c.write(message{ID: m.ID, Result: c.answer(m)}) // the reader notices a server that is gone
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.pending[string(m.ID)]
	delete(c.pending, string(m.ID))
	if ch == nil {
		return // nobody waits any longer
	}
	r := reply{result: m.Result}
	if m.Error != nil {
		r.err = errors.New(m.Error.Message)
	}
	ch <- r
}

// answer returns what a request of the server gets: its settings, or nothing.
func (c *conn) answer(m message) json.RawMessage {
	var params struct{ Items []json.RawMessage }
	if m.Method != "workspace/configuration" || json.Unmarshal(m.Params, &params) != nil {
		return json.RawMessage("null")
	}
	list := make([]any, len(params.Items))
	for i := range list {
		list[i] = c.settings
	}
	data, err := json.Marshal(list)
	if err != nil {
		return json.RawMessage("null")
	}
	return data
}

func (c *conn) write(m message) error {
	m.Version = "2.0"
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return c.closed
	}
	_, err = fmt.Fprintf(c.w, "Content-Length: %d\r\n\r\n%s", len(data), data)
	return err
}

// notify sends what needs no reply.
func (c *conn) notify(method string, params any) error {
	data, err := json.Marshal(params)
	if err != nil {
		return err
	}
	return c.write(message{Method: method, Params: data})
}

// call sends a request and puts the result of its reply into result. At the end of ctx the server is told
// to give up.
func (c *conn) call(ctx context.Context, method string, params, result any) error {
	data, err := json.Marshal(params)
	if err != nil {
		return err
	}
	ch := make(chan reply, 1)
	c.mu.Lock()
	c.next++
	number := c.next
	id := strconv.Itoa(number)
	c.pending[id] = ch
	c.mu.Unlock()
	if err := c.write(message{ID: json.RawMessage(id), Method: method, Params: data}); err != nil {
		c.forget(id)
		return err
	}
	select {
	case r := <-ch:
		if r.err != nil {
			return fmt.Errorf("%s: %w", method, r.err)
		}
		if result == nil || len(r.result) == 0 {
			return nil
		}
		return json.Unmarshal(r.result, result)
	case <-ctx.Done():
		c.forget(id)
		_ = c.notify("$/cancelRequest", map[string]int{"id": number})
		return ctx.Err()
	}
}

func (c *conn) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

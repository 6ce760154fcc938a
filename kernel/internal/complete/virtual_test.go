package complete

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/token"
	"io"
	"net/textproto"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/session"
)

// The cursor stands behind the same name in the file as in the cell, whatever the cell holds.
func FuzzVirtual(f *testing.F) {
	for _, tt := range completions {
		before, after, _ := strings.Cut(tt.cell, "‸")
		f.Add(before+after, len(before))
	}
	f.Add("x.\n\n)}{(", 2)
	f.Add("package main\nx.", 15)
	view := session.View{World: compose.World{}, Imports: &compose.Imports{Named: map[string]string{}}}
	f.Fuzz(func(t *testing.T, text string, at int) {
		if at < 0 || at > len(text) || !utf8.ValidString(text) || !utf8.ValidString(text[:at]) {
			return
		}
		v := newVirtual(view, newPackages(token.NewFileSet()), text, at)
		if v.cursor < 0 || v.cursor > len(v.text) {
			t.Fatalf("the cursor is at %d of %d", v.cursor, len(v.text))
		}
		word := text[wordStart(text, at):at]
		_, directive := directiveAt(text, at)
		if directive || placeOf(text, at) != inCode || strings.ContainsAny(text, "\"'`/") {
			return
		}
		if !strings.HasSuffix(v.text[:v.cursor], word) && !strings.HasPrefix(text, "package") && !strings.Contains(text, "import") {
			t.Errorf("%q stands before the cursor of the cell, and not before that of\n%s|%s", word, v.text[:v.cursor], v.text[v.cursor:])
		}
		dot := dotBefore(text, wordStart(text, at))
		if dot >= 0 {
			operand(text, dot)
		}
		if i := calledBefore(text, at); i < 0 || i > at {
			t.Errorf("the call at %d is of a name at %d", at, i)
		}
	})
}

func TestClosers(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"fmt.Println(x", ")"}, {"f(a[1", "])"}, {"if x", " {\n}"}, {"if x {", "\n}"}, {"for i := range f(x", ") {\n}"}, {"x", ""}, {"f(\")\"", ")"},
	} {
		if got := closers(tt.text); got != tt.want {
			t.Errorf("%q is closed by %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestOperand(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"x := a.b", "a.b"}, {"f(a).b[1]", "f(a).b[1]"}, {"g(x, y", "y"}, {"strings.NewReader(\"a\")", "strings.NewReader(\"a\")"},
		{"T{1}", "T{1}"}, {"(x)", "(x)"},
	} {
		if got := strings.TrimSpace(operand(tt.text, len(tt.text))); !strings.HasSuffix(tt.text, got) || got != tt.want {
			t.Errorf("before the dot of %q stands %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestByteOffset(t *testing.T) {
	for _, tt := range []struct{ points, want int }{{0, 0}, {1, 2}, {2, 6}, {3, 7}, {9, 7}} {
		if got := byteOffset("é𝕏x", tt.points); got != tt.want {
			t.Errorf("%d code points are %d bytes, want %d", tt.points, got, tt.want)
		}
	}
}

// A fake server answers with the method, and asks for its settings first.
func TestConn(t *testing.T) {
	toServer, serverIn := io.Pipe()
	clientIn, fromServer := io.Pipe()
	c := newConn(serverIn, "mine")
	done := make(chan error, 1)
	go func() { done <- c.read(clientIn) }()
	go func() {
		r := textproto.NewReader(bufio.NewReader(toServer))
		read := func() string {
			header, err := r.ReadMIMEHeader()
			if err != nil {
				return ""
			}
			var n int
			fmt.Sscan(header.Get("Content-Length"), &n)
			body := make([]byte, n)
			io.ReadFull(r.R, body)
			return string(body)
		}
		write := func(text string) { fmt.Fprintf(fromServer, "Content-Length: %d\r\n\r\n%s", len(text), text) }
		read()
		write(`{"jsonrpc":"2.0","id":"a","method":"workspace/configuration","params":{"items":[{},{}]}}`)
		if got := read(); got != `{"jsonrpc":"2.0","id":"a","result":["mine","mine"]}` {
			t.Errorf("the settings are %s", got)
		}
		write(`{"jsonrpc":"2.0","id":7,"result":"nobody waits for this"}`)
		write(`{"jsonrpc":"2.0","id":1,"result":[1,2]}`)
		read()
		write(`{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"no"}}`)
		read() // the third is never answered
		read()
		fmt.Fprint(fromServer, "Content-Length: many\r\n\r\n")
		fromServer.Close()
		toServer.Close()
	}()
	var list []int
	if err := c.call(t.Context(), "first", nil, &list); err != nil || len(list) != 2 {
		t.Errorf("the first call gave %v, %v", list, err)
	}
	if err := c.call(t.Context(), "second", nil, nil); err == nil || !strings.Contains(err.Error(), "second: no") {
		t.Errorf("the second call ended with %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.call(ctx, "third", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the third call ended with %v", err)
	}
	if err := <-done; err == nil {
		t.Error("a message without a length is no mistake")
	}
	if err := c.call(t.Context(), "fourth", nil, nil); err == nil {
		t.Error("a connection that has ended takes requests")
	}
}

// No bytes of a server end anything but the connection.
func FuzzConn(f *testing.F) {
	f.Add([]byte("Content-Length: 2\r\n\r\n{}"))
	f.Add([]byte("Content-Length: -1\r\n\r\n"))
	f.Add([]byte("Content-Length: 45\r\n\r\n{\"id\":1,\"method\":\"workspace/configuration\"}  "))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := newConn(io.Discard, nil).read(bytes.NewReader(data)); err == nil {
			t.Error("the end is no error")
		}
	})
}

package server

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// session is a server that counts cells as a kernel of its own would.
func session(t *testing.T, path string) *Server {
	t.Helper()
	s := &Server{log: log.New(testWriter{t}, "", 0)}
	s.KeepHistory(path)
	return s
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(string(b))
	return len(b), nil
}

// told returns what a request for the history finds: session, number, code and value of each cell.
func told(t *testing.T, s *Server, q wire.HistoryRequest) string {
	t.Helper()
	found, err := s.find(q)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range found {
		fmt.Fprintf(&b, "%d.%d:%s", e.Session, e.Line, e.Input)
		if e.Output != nil {
			b.WriteString("=" + *e.Output)
		}
		b.WriteString(" ")
	}
	return strings.TrimSpace(b.String())
}

// TestHistoryOfSessions: the cells of earlier and of other kernels are found by tail, range and search.
func TestHistoryOfSessions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "history.jsonl")
	first := session(t, path)
	if got := told(t, first, wire.HistoryRequest{AccessType: "tail"}); got != "" {
		t.Errorf("at first there is %q", got)
	}
	value := "2"
	first.result(first.begin("a", true), &value)
	first.begin("hidden", false)
	second, third := session(t, path), session(t, path)
	third.begin("c", true) // it is the second to run a cell
	second.begin("a", true)
	third.begin("b\nb", true)
	first.begin("d", true)
	one, two := 1, 2
	tests := []struct {
		s    *Server
		q    wire.HistoryRequest
		want string
	}{
		{third, wire.HistoryRequest{AccessType: "tail"}, "1.1:a=2 1.2:d 2.1:c 2.2:b\nb 3.1:a"},
		{second, wire.HistoryRequest{AccessType: "tail", N: &two}, "2.2:b\nb 3.1:a"},
		{second, wire.HistoryRequest{AccessType: "range"}, "3.1:a"},
		{second, wire.HistoryRequest{AccessType: "range", Session: -1}, "2.1:c 2.2:b\nb"},
		{second, wire.HistoryRequest{AccessType: "range", Session: -2, Start: 2}, "1.2:d"},
		{second, wire.HistoryRequest{AccessType: "range", Session: 1, Start: 1, Stop: &two}, "1.1:a=2"},
		{second, wire.HistoryRequest{AccessType: "range", Session: -9}, ""},
		{first, wire.HistoryRequest{AccessType: "range", Session: 0, Start: 1}, "1.1:a=2 1.2:d"},
		{third, wire.HistoryRequest{AccessType: "search", Pattern: "a"}, "1.1:a=2 3.1:a"},
		{third, wire.HistoryRequest{AccessType: "search", Pattern: "a", N: &one}, "3.1:a"},
		{third, wire.HistoryRequest{AccessType: "search", Pattern: "?", Unique: true}, "1.2:d 2.1:c 3.1:a"},
		{session(t, path), wire.HistoryRequest{AccessType: "range", Session: -1}, "3.1:a"},
		{session(t, path), wire.HistoryRequest{AccessType: "range"}, ""},
	}
	for _, tt := range tests {
		if got := told(t, tt.s, tt.q); got != tt.want {
			t.Errorf("%+v finds %q, want %q", tt.q, got, tt.want)
		}
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if fi, err := os.Stat(p); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", p, fi.Mode(), err, want)
		}
	}
}

// TestDamagedHistory: lines that are no records, and a record that was cut, cost nothing but themselves.
func TestDamagedHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	old := session(t, path)
	old.begin("before", true)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "junk\n\x00\xff\n[]\n{\"session\":\"7\",\"line\":1,\"input\":\"x\"}\n{\"session\":-1,\"line\":1,\"input\":\"x\"}\n"+
		"{\"session\":1,\"line\":9,\"output\":\"of no cell\"}\n{\"session\":1,\"line\":2,\"inp")
	f.Close()
	old.begin("after", true)
	if got := told(t, session(t, path), wire.HistoryRequest{AccessType: "tail"}); got != "1.1:before 1.2:after" {
		t.Errorf("found %q", got)
	}
}

// TestHistoryOfManyKernels: kernels that run at once have numbers of their own, and no record is lost.
func TestHistoryOfManyKernels(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	const kernels, cells = 8, 50
	var wg sync.WaitGroup
	for k := range kernels {
		wg.Go(func() {
			s := session(t, path)
			for n := range cells {
				s.begin(fmt.Sprintf("%d-%d", k, n), true)
			}
		})
	}
	wg.Wait()
	s := session(t, path)
	seen := map[string]bool{}
	for n := 1; n <= kernels; n++ {
		got := strings.Fields(told(t, s, wire.HistoryRequest{AccessType: "range", Session: n}))
		if len(got) != cells {
			t.Fatalf("session %d has %d cells", n, len(got))
		}
		for i, e := range got {
			_, code, _ := strings.Cut(e, ":")
			kernel, number, _ := strings.Cut(code, "-")
			if number != fmt.Sprint(i) || seen[kernel] {
				t.Errorf("session %d: cell %d is %s", n, i, e)
			}
			if i == cells-1 {
				seen[kernel] = true
			}
		}
	}
}

// TestHistoryIsBounded: a full file becomes the one before it, for every kernel that has it open, and
// sessions keep their numbers. What is too long for one record is left out.
func TestHistoryIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	one, two := session(t, path), session(t, path)
	one.begin("of one", true)
	two.begin("of two", true)
	for range 2 * journalSize / maxInput {
		one.begin(strings.Repeat("x", maxInput), true)
	}
	two.begin("of two, later", true)
	one.begin(strings.Repeat("y", maxInput+1), true)
	var size int64
	for _, p := range []string{path, path + ".1"} {
		fi, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if size += fi.Size(); fi.Size() > journalSize+2*maxInput {
			t.Errorf("%s has %d bytes", p, fi.Size())
		}
	}
	later := session(t, path)
	later.begin("of three", true)
	if got := told(t, later, wire.HistoryRequest{AccessType: "range", Session: 2}); got != "2.2:of two, later" {
		t.Errorf("of the second session there is %q", got)
	}
	if got := told(t, later, wire.HistoryRequest{AccessType: "range"}); got != "3.1:of three" {
		t.Errorf("this session has %q", got)
	}
	if got := told(t, later, wire.HistoryRequest{AccessType: "search", Pattern: "y*"}); got != "" {
		t.Error("a record of more than its bound was kept")
	}
}

// TestHistoryCannotBeKept: cells run on, and this session is answered from memory.
func TestHistoryCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := session(t, filepath.Join(file, "history.jsonl"))
	if n := s.begin("a", true) + s.begin("b", true); n != 3 || s.reports.count("history") != 2 {
		t.Errorf("the numbers add up to %d, and %d failures are counted", n, s.reports.count("history"))
	}
	if got := told(t, s, wire.HistoryRequest{AccessType: "tail"}); got != "1.1:a 1.2:b" || s.reports.count("history") != 3 {
		t.Errorf("found %q, and %d failures are counted", got, s.reports.count("history"))
	}
}

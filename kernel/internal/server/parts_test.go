package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

func TestReadConnectionFile(t *testing.T) {
	good := `{"ip":"127.0.0.1","transport":"tcp","key":"k","signature_scheme":"hmac-sha256","shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5,"kernel_name":"lathe","more":[]}`
	tests := []struct {
		name, text, want string // want is part of the error; "" is none
	}{
		{"good", good, ""},
		{"no JSON", "port 1", "invalid character"},
		{"a list", "[]", "cannot unmarshal"},
		{"no key", strings.Replace(good, `"key":"k",`, "", 1), `no "key"`},
		{"no port", strings.Replace(good, `"hb_port":5,`, "", 1), `no "hb_port"`},
		{"text for a port", strings.Replace(good, `"hb_port":5`, `"hb_port":"5"`, 1), "hb_port"},
		{"a bad port", strings.Replace(good, `"hb_port":5`, `"hb_port":70000`, 1), "hb_port 70000"},
		{"every interface", strings.Replace(good, "127.0.0.1", "", 1), "ip is empty"},
		{"another transport", strings.Replace(good, "tcp", "udp", 1), `transport "udp"`},
		{"another scheme", strings.Replace(good, "sha256", "md5", 1), `"hmac-md5"`},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "c.json")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := ReadConnectionFile(path)
		if tt.want == "" {
			if err != nil || c.HeartbeatPort != 5 || c.Key != "k" || c.shared {
				t.Errorf("%s: %+v, %v", tt.name, c, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error is %v, want %s and the path", tt.name, err, tt.want)
		}
	}
	if _, err := ReadConnectionFile("absent.json"); !os.IsNotExist(err) && !strings.Contains(err.Error(), "absent.json") {
		t.Errorf("error is %v", err)
	}
}

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"*", "", true},
		{"*", "any\nlines/here", true},
		{"1?2*", "1+2+3", true},
		{"1?2*", "11+2", false},
		{"?", "世", true},
		{"a*b*c", "aXbXbXc", true},
		{"a*b*c", "aXcXb", false},
		{"*ab", "aab", true},
		{"a**", "a", true},
		{"[a]", "a", false},
		{strings.Repeat("*a", 50) + "b", strings.Repeat("a", 5000), false}, // and quickly
	}
	for _, tt := range tests {
		if got := glob(tt.pattern, tt.text); got != tt.want {
			t.Errorf("glob(%q, %q) = %v", tt.pattern, tt.text, got)
		}
	}
}

func TestHistory(t *testing.T) {
	var s Server
	for _, code := range []string{"a", "b", "a", "c"} {
		s.begin(code, true)
	}
	if n := s.begin("hidden", false); n != 5 {
		t.Errorf("a cell that is not stored has the number %d", n)
	}
	one, nine, none := 1, 9, 0
	tests := []struct {
		q    wire.HistoryRequest
		want string // code and number of each
	}{
		{wire.HistoryRequest{AccessType: "tail"}, "a1 b2 a3 c4"},
		{wire.HistoryRequest{AccessType: "tail", N: &one}, "c4"},
		{wire.HistoryRequest{AccessType: "tail", N: &nine}, "a1 b2 a3 c4"},
		{wire.HistoryRequest{AccessType: "tail", N: &none}, ""},
		{wire.HistoryRequest{AccessType: "range", Start: 2, Stop: &nine}, "b2 a3 c4"},
		{wire.HistoryRequest{AccessType: "range", Session: 1, Start: -3, Stop: &one}, ""},
		{wire.HistoryRequest{AccessType: "range", Session: 1}, "a1 b2 a3 c4"},
		{wire.HistoryRequest{AccessType: "range", Session: -1}, ""},
		{wire.HistoryRequest{AccessType: "search", Pattern: "a"}, "a1 a3"},
		{wire.HistoryRequest{AccessType: "search", Pattern: "a", Unique: true}, "a3"},
		{wire.HistoryRequest{AccessType: "search", Unique: true}, "b2 a3 c4"},
		{wire.HistoryRequest{AccessType: "search", N: &one}, "c4"},
	}
	for _, tt := range tests {
		found, err := s.find(tt.q)
		var got []string
		for _, e := range found {
			got = append(got, e.Input+string(rune('0'+e.Line)))
		}
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%+v: found %v, %v; want %s", tt.q, got, err, tt.want)
		}
	}
	if _, err := s.find(wire.HistoryRequest{AccessType: "all"}); err == nil {
		t.Error("an unknown access type is no error")
	}
}

// TestReplays: a signature is known until maxReplays others have come.
func TestReplays(t *testing.T) {
	var p replays
	if p.seen("first") || !p.seen("first") {
		t.Error("the second time is the first that counts")
	}
	for i := range maxReplays {
		p.seen(strings.Repeat("x", i%7) + string(rune(i+200)))
	}
	if p.seen("first") || len(p.set) != maxReplays {
		t.Errorf("%d signatures are remembered", len(p.set))
	}
}

func TestReports(t *testing.T) {
	for n, want := range map[int]bool{1: true, 2: false, 10: true, 20: false, 100: true, 101: false, 1000: true} {
		if powerOfTen(n) != want {
			t.Errorf("powerOfTen(%d) = %v", n, !want)
		}
	}
}

package printed

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var start = time.Unix(1000, 0)

func open(string) string { return "" }

// text puts parts into one text, with a mark for what is left out.
func text(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Skipped > 0 {
			fmt.Fprintf(&b, "[%d]", p.Skipped)
		}
		if p.Stream == Stderr {
			b.WriteString("!")
		}
		b.WriteString(p.Text)
	}
	return b.String()
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		what, want string
		writes     []string
	}{
		{"lines", "a\nb\n", []string{"a\n", "b\n"}},
		{"a line in parts", "abc\n", []string{"a", "b", "c\n"}},
		{"no last newline", "a\nb", []string{"a\nb"}},
		{"two streams", "a\n!b\nc\n", []string{"a\n", "!b\n", "c\n"}},
		{"streams within a line", "!b\nac\n", []string{"a", "!b\n", "c\n"}},
		{"a progress bar", "epoch\n100 %\ndone\n", []string{"epoch\n", "1 %\r", "50 %\r", "100 %\n", "done\n"}},
		{"one that returns first", "100 %", []string{"\r1 %", "\r50 %", "\r100 %"}},
		{"one in one piece", "3\n", []string{"1\r2\r3\n"}},
		{"lines of Windows", "a\nb\n", []string{"a\r\nb\r", "\n"}},
		{"nothing", "", nil},
	} {
		r := New(start, open)
		for _, w := range c.writes {
			if rest, ok := strings.CutPrefix(w, "!"); ok {
				r.Write(Stderr, []byte(rest))
			} else {
				r.Write(Stdout, []byte(w))
			}
		}
		if got := text(Join(r.Take(start, true))); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestBoundsAndGaps(t *testing.T) {
	r := New(start, open)
	var pieces []Piece
	var all strings.Builder
	now := start
	size := 0
	for i := range 200_000 {
		l := fmt.Sprintf("line %d of many that a loop prints\n", i)
		all.WriteString(l)
		r.Write(Stdout, []byte(l))
		if i%100 == 0 {
			now = now.Add(500 * time.Millisecond)
			for _, p := range r.Take(now, false) {
				pieces = append(pieces, p)
				for _, c := range p.Chunks {
					size += len(c.Text)
				}
			}
		}
	}
	pieces = append(pieces, r.Take(now, true)...)
	parts := Join(pieces)
	whole, at := all.String(), int64(0)
	for _, p := range parts {
		at += p.Skipped
		if got := whole[at : at+int64(len(p.Text))]; got != p.Text {
			t.Fatalf("at %d is %.40q, want %.40q", at, p.Text, got)
		}
		at += int64(len(p.Text))
	}
	if at != int64(len(whole)) {
		t.Errorf("it ends at %d of %d", at, len(whole))
	}
	first, last := parts[0], parts[len(parts)-1]
	if first.Skipped != 0 || len(first.Text) < headSize || len(last.Text) < tailSize {
		t.Errorf("the first %d and the last %d bytes, from %d", len(first.Text), len(last.Text), first.Skipped)
	}
	if n := len(parts); n < 20 || n > 1000/10+5 { // 1,000 s, and a glimpse every ten
		t.Errorf("%d parts", n)
	}
	if most := headSize + 120*2*glimpse; size > most {
		t.Errorf("%d bytes of pieces, at most %d", size, most)
	}
}

func TestAWholeTextComesBackInPieces(t *testing.T) {
	r := New(start, open)
	var pieces []Piece
	want := ""
	for i := range 30 {
		l := fmt.Sprintln("step", i)
		want += l
		r.Write(Stdout, []byte(l))
		pieces = append(pieces, r.Take(start.Add(time.Duration(i)*time.Minute), i == 29)...)
	}
	parts := Join(pieces)
	if got := text(parts); got != want {
		t.Errorf("%q", got)
	}
	if got := text(Join([]Piece{Split(1, parts)})); got != want {
		t.Errorf("again: %q", got)
	}
}

func TestSecretsAreLeftOut(t *testing.T) {
	secret := func(s string) string {
		switch {
		case strings.Contains(s, "-----BEGIN"):
			return "a key"
		case strings.Contains(s, "hush"):
			return "a word"
		}
		return ""
	}
	r := New(start, secret)
	r.Write(Stdout, []byte("a\nthe word is hush\n-----BEGIN KEY-----\nAAAA\nBBBB\n-----END KEY-----\nb\n"))
	want := "a\n(kept out of the worklog: a word)\n(kept out of the worklog: a key)\nb\n"
	pieces := r.Take(start, false)
	if got := text(Join(pieces)); got != want {
		t.Errorf("%q", got)
	}
	r.Write(Stdout, []byte("c\n"))
	if got := text(Join(append(pieces, r.Take(start, true)...))); got != want+"c\n" {
		t.Errorf("%q", got)
	}
}

func BenchmarkWrite(b *testing.B) {
	r := New(start, open)
	l := []byte("step 1000 loss 0.123456\n")
	b.ReportAllocs()
	for b.Loop() {
		r.Write(Stdout, l)
	}
}

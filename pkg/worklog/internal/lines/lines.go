// Package lines compares texts line by line.
package lines

import (
	"slices"
	"strings"
)

// A Diff is what two texts do not share, in order.
type Diff struct {
	A, B  []string // lines that only one of them has
	Same  int      // lines that both have, in the same order
	Edits []Edit
}

// An Edit is a line as a patch has it: Sign is '-' for one that only the first text has, '+' for one that only the
// second has, and ' ' for one that both have.
type Edit struct {
	Sign byte
	Line string
}

// most bounds the table that Compare fills.
const most = 4 << 20

// Compare compares two lists of lines by their longest common subsequence. Of lists so long that this would take
// seconds, it finds only what they share at their ends.
func Compare(a, b []string) Diff {
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var d Diff
	d.keep(a[:head])
	d.middle(a[head:len(a)-tail], b[head:len(b)-tail])
	d.keep(a[len(a)-tail:])
	return d
}

// Split cuts a text into lines without their ends.
func Split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func (d *Diff) keep(lines []string) {
	d.Same += len(lines)
	for _, l := range lines {
		d.Edits = append(d.Edits, Edit{' ', l})
	}
}

func (d *Diff) drop(l string) { d.A, d.Edits = append(d.A, l), append(d.Edits, Edit{'-', l}) }
func (d *Diff) add(l string)  { d.B, d.Edits = append(d.B, l), append(d.Edits, Edit{'+', l}) }

// middle compares what lies between equal ends.
func (d *Diff) middle(a, b []string) {
	if len(a)*len(b) > most {
		for _, l := range a {
			d.drop(l)
		}
		for _, l := range b {
			d.add(l)
		}
		return
	}
	// long[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
	long := make([][]int32, len(a)+1)
	for i := range long {
		long[i] = make([]int32, len(b)+1)
	}
	for i := range slices.Backward(a) {
		for j := range slices.Backward(b) {
			if a[i] == b[j] {
				long[i][j] = long[i+1][j+1] + 1
			} else {
				long[i][j] = max(long[i+1][j], long[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			d.keep(a[i : i+1])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && long[i+1][j] >= long[i][j+1]:
			d.drop(a[i])
			i++
		default:
			d.add(b[j])
			j++
		}
	}
}

// Short returns the edits with at most so many equal lines before and after each change; what is left out between
// is one line "…".
func (d Diff) Short(around int) []Edit {
	near := make([]bool, len(d.Edits))
	for i, e := range d.Edits {
		if e.Sign != ' ' {
			for k := max(0, i-around); k <= min(len(near)-1, i+around); k++ {
				near[k] = true
			}
		}
	}
	var out []Edit
	for i, e := range d.Edits {
		switch {
		case near[i]:
			out = append(out, e)
		case i == 0 || near[i-1]:
			out = append(out, Edit{' ', "…"})
		}
	}
	return out
}

package process

import (
	"fmt"
	"os"

	"github.com/lathe-go/lathe/kernel/internal/rt/gonb"
)

// serveGonb lets cells, and what they start, use GoNB's package gonbui.
func (w *worker) serveGonb() {
	var err error
	w.gonb, err = gonb.Serve(gonb.Options{Cell: w.cell, Owner: owner, Ask: w.stdin.expect})
	if err != nil {
		fmt.Fprintln(os.Stderr, "note: gonbui does not work here:", err)
	}
}

// cell returns the number of the calling goroutine's execution, or 0.
func (w *worker) cell() uint64 {
	if e := w.current(); e != nil {
		return e.Cell
	}
	return 0
}

// owner returns a function that makes its caller's goroutine belong to the execution of the goroutine that
// has called owner.
func owner() func() {
	label := getProfLabel()
	return func() { setProfLabel(label) }
}

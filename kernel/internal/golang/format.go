package golang

import (
	"errors"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/diag"
	"github.com/lathe-go/lathe/kernel/internal/format"
	"github.com/lathe-go/lathe/kernel/internal/server"
)

// formatWord asks, on the first line of a cell, for the layout of the cell.
const formatWord = "%fmt"

// errNoReplacement is what %fmt says where it can do nothing.
var errNoReplacement = errors.New("this frontend cannot replace the text of a cell; `lathe fmt NOTEBOOK` lays out a notebook that is saved")

// formatRequest returns the text below a first line that asks for the layout of a cell.
func formatRequest(code string) (string, bool) {
	first, rest, _ := strings.Cut(strings.TrimLeft(code, " \t\r\n"), "\n")
	return rest, strings.TrimSpace(first) == formatWord
}

// format replaces the text of the cell by its layout.
func (c *cells) format(name, text string, out server.Output) error {
	laid, err := format.Cell(text)
	var list diag.List
	if errors.As(err, &list) {
		for i := range list {
			// The line that asks is part of the cell as its user sees it.
			list[i].Cell, list[i].Offset, list[i].Text = name, list[i].Offset+len(formatWord)+1, formatWord+"\n"+list[i].Text
		}
		return cellError(list)
	}
	if err != nil || laid == "" {
		return err
	}
	next, ok := out.(server.NextInputter)
	if !ok {
		return errNoReplacement
	}
	next.NextInput(laid, true)
	return nil
}

package session

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/diag"
)

// build compiles and links a unit from its sources. Those that import "C" go through cgo first.
func (s *Session) build(ctx context.Context, unit *build.Unit, sources []*compose.Source) (*build.Library, error) {
	var withC []build.File
	for _, src := range sources {
		f := build.File{Name: src.Name, Text: src.Text()}
		if src.C {
			withC = append(withC, f)
		} else {
			unit.Files = append(unit.Files, f)
		}
	}
	var err error
	if len(withC) > 0 {
		if unit.Cgo, err = s.builder.Cgo(ctx, withC); err != nil {
			return nil, s.toolError(ctx, err)
		}
		unit.Files = append(unit.Files, unit.Cgo.Files...)
	}
	lib, err := s.builder.Build(ctx, *unit)
	if err == nil {
		return lib, nil
	}
	if unit.Cgo != nil {
		return nil, s.toolError(ctx, err)
	}
	if ctx.Err() != nil {
		return nil, interrupted()
	}
	return nil, fmt.Errorf("generated code does not compile (please report this): %w", err)
}

// placed finds the lines of a tool's output that speak of a place in a cell.
var placed = regexp.MustCompile(`(?m)^\S*?(In\[\d+\]):(\d+):(\d+): (.*)$`)

// toolError puts what a tool says of cells into diagnostics: mistakes in the use of C's names are found by
// cgo, the C compiler and the Go compiler alone.
func (s *Session) toolError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return interrupted()
	}
	var tool *build.Error
	if !errors.As(err, &tool) {
		return err
	}
	var list diag.List
	for _, m := range placed.FindAllStringSubmatch(tool.Out, -1) {
		line, _ := strconv.Atoi(m[2])
		column, _ := strconv.Atoi(m[3])
		text := s.sources.text(m[1])
		list = append(list, diag.Diagnostic{Cell: m[1], Text: text, Offset: offsetOf(text, line, column), Msg: compose.Plain(cNames(m[4]))})
	}
	if len(list) == 0 {
		return &RunError{Name: "C", Value: strings.TrimSpace(tool.Out)}
	}
	return list.Sort()
}

// cNames gives C's names in a message back the form that a cell has.
func cNames(msg string) string {
	for _, prefix := range []string{"_Ctype_struct_", "_Ctype_", "_Cfunc_", "_Cvar_", "_Cconst_"} {
		msg = strings.ReplaceAll(msg, prefix, "C.")
	}
	return msg
}

// offsetOf returns the place of a line and a column, which counts bytes as tools do.
func offsetOf(text string, line, column int) int {
	at := 0
	for ; line > 1; line-- {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	at = min(at+column-1, len(text))
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}

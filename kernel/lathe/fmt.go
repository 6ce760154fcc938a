package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/diag"
	"github.com/lathe-go/lathe/kernel/internal/format"
	"github.com/lathe-go/lathe/kernel/internal/notebook"
)

// fmtHelp is what follows the usage line of `lathe fmt`.
const fmtHelp = `
Lays out the Go in the code cells of notebooks as gofmt does, and changes nothing else in their files.
Directives, shell lines and cells that are not Go stay as they are. A cell that does not parse is named,
and stays as it is; the exit code is 1 then.

  -l   list the notebooks that would change, and change none
  -d   show what would change, and change none
`

// fmtCommand lays out the cells of notebooks.
func fmtCommand(_ context.Context, e env, args []string) error {
	flags := newFlags("fmt")
	f := &formatter{e: e}
	flags.BoolVar(&f.list, "l", false, "")
	flags.BoolVar(&f.diff, "d", false, "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(e.stdout, "usage: lathe %s\n%s", usageLine("fmt"), fmtHelp)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() == 0 {
		return fmt.Errorf("%w: give one or more notebooks", errUsage)
	}
	var failed []error
	for _, path := range flags.Args() {
		failed = append(failed, f.file(path))
	}
	return errors.Join(failed...)
}

// A formatter lays out notebooks.
type formatter struct {
	e          env
	list, diff bool
}

// file lays out one notebook.
func (f *formatter) file(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if language := languageOf(data); language != "" && language != "go" {
		return fmt.Errorf("%s is a notebook of %s, not of Go", path, language)
	}
	var failed []error
	changed := false
	out, err := notebook.EditSources(data, func(number int, source string) string {
		text, err := layOut(source)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: cell %d%w", path, number, err))
			return source
		}
		if text != source {
			changed = true
			f.show(path, number, source, text)
		}
		return text
	})
	switch {
	case err != nil:
		return fmt.Errorf("%s %w", path, err)
	case changed && f.list:
		fmt.Fprintln(f.e.stdout, path)
	case changed && !f.diff:
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		failed = append(failed, notebook.ReplaceFile(path, out, info.Mode().Perm()))
	}
	return errors.Join(failed...)
}

// languageOf returns the language that a notebook says it is in, or "".
func languageOf(data []byte) string {
	nb, err := notebook.Parse(data)
	if err != nil {
		return "" // EditSources says why
	}
	for _, place := range [][2]string{{"kernelspec", "language"}, {"language_info", "name"}} {
		m, _ := nb.Metadata[place[0]].(map[string]any)
		if name, _ := m[place[1]].(string); name != "" {
			return strings.ToLower(name)
		}
	}
	return ""
}

// layOut lays out a cell. A diagnostic of it begins with the place.
func layOut(source string) (string, error) {
	text, err := format.Cell(source)
	var list diag.List
	if errors.As(err, &list) && len(list) > 0 {
		return "", fmt.Errorf("%s", list[0]) // ":2:7: message"
	}
	return text, err
}

// show prints what changes in a cell, if it is to be shown.
func (f *formatter) show(path string, cell int, from, to string) {
	if !f.diff {
		return
	}
	fmt.Fprintf(f.e.stdout, "%s, cell %d\n%s", path, cell, format.Diff(from, to))
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
)

// reportHelp is what follows the usage line of `lathe report`.
const reportHelp = `
Writes NOTEBOOK with its stored outputs as one HTML page, by default beside it. The page holds all
that it shows, loads nothing over the network, and shows its charts with scripts turned off too. HTML
in the notebook is embedded as it is: trust the page as far as you trust the notebook. Cells tagged
remove-cell, remove-input, remove-output or hide-input are shown accordingly.

  -o OUT.html  write the page there
`

// reportCommand renders a notebook.
func reportCommand(_ context.Context, e env, args []string) error {
	flags := newFlags("report")
	out := flags.String("o", "", "")
	path, err := parseOne(flags, args, e, reportHelp)
	if err != nil || path == "" {
		return err
	}
	if *out == "" {
		*out = strings.TrimSuffix(path, filepath.Ext(path)) + ".html"
	}
	nb, err := notebook.ReadFile(path)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := notebook.Report(&page, nb, notebook.ReportOptions{Name: path, Dir: filepath.Dir(path)}); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := makeFolder(*out); err != nil {
		return err
	}
	if err := notebook.ReplaceFile(*out, page.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%s (%.1f MB)\n", *out, float64(page.Len())/1e6)
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
)

// paramsHelp is what follows the usage line of `lathe params`.
const paramsHelp = `
Lists the parameters of NOTEBOOK: the variables that its cell tagged "parameters" declares, with their
types, the values that they start with, and the comments beside or above them.

  --papermill     answer the question in this file instead; lathe install --papermill has papermill ask
`

// paramsCommand lists the parameters of a notebook.
func paramsCommand(_ context.Context, e env, args []string) error {
	flags := newFlags("params")
	papermill := flags.Bool("papermill", false, "")
	path, err := parseOne(flags, args, e, paramsHelp)
	if err != nil || path == "" {
		return err
	}
	if *papermill {
		return answerPapermill(e, path)
	}
	nb, err := notebook.ReadFile(path)
	if err != nil {
		return err
	}
	params, err := nb.Parameters()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
	for _, p := range params {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Name, p.Type, firstLine(p.Default), p.Help)
	}
	return w.Flush()
}

// A question is what the Python module of package spec asks.
type question struct {
	Cell     *string            `json:"cell"` // the source of the parameters cell; nil if there is none
	Settings []notebook.Setting `json:"settings"`
	Comment  string             `json:"comment"`
}

// An answer is what it gets.
type answer struct {
	Parameters []notebook.Parameter `json:"parameters"`
	Source     string               `json:"source"` // of the cell that assigns the settings
}

// answerPapermill answers the question in a file.
func answerPapermill(e env, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var q question
	d := json.NewDecoder(f)
	d.UseNumber()
	if err := d.Decode(&q); err != nil {
		return fmt.Errorf("read what papermill asks: %w", err)
	}
	var cell string
	if q.Cell != nil {
		cell = *q.Cell
	}
	a := answer{Parameters: notebook.Declared(cell)}
	if a.Source, err = notebook.Settings(cell, q.Cell != nil, q.Settings, q.Comment); err != nil {
		return err
	}
	return json.NewEncoder(e.stdout).Encode(a)
}

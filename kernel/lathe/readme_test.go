package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The tour of the README runs as it stands there; a blank line parts two cells.
func TestTour(t *testing.T) {
	realBase(t)
	readme, err := os.ReadFile("../../README.md")
	must(t, err)
	_, tour, _ := strings.Cut(string(readme), "## A tour")
	_, tour, _ = strings.Cut(tour, "```go\n")
	tour, _, found := strings.Cut(tour, "```")
	if !found {
		t.Fatal("the README has no tour")
	}
	var cells []any
	for source := range strings.SplitSeq(strings.TrimSpace(tour), "\n\n") {
		cells = append(cells, map[string]any{"cell_type": "code", "metadata": map[string]any{}, "outputs": []any{}, "source": source})
	}
	if len(cells) != 5 {
		t.Fatalf("the tour has %d cells, and the README says five", len(cells))
	}
	text, err := json.Marshal(map[string]any{"cells": cells, "metadata": map[string]any{}, "nbformat": 4, "nbformat_minor": 4})
	must(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "tour.ipynb")
	must(t, os.WriteFile(path, text, 0o644))
	o := runLathe(t, []string{"LATHE_WORKLOG=" + filepath.Join(dir, "log"), "LATHE_CHECKPOINTS=" + filepath.Join(dir, "checkpoints")}, "run", path)
	for _, want := range []string{"valid/accuracy", "digits", "accuracy 0.9", "Width=128 Epochs=10"} {
		if o.code != 0 || !strings.Contains(o.out, want) {
			t.Fatalf("the tour ended with %d and shows no %q:\n%s%s", o.code, want, o.out, o.errors)
		}
	}
}

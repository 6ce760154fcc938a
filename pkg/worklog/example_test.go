package worklog_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/lathe-go/lathe/pkg/worklog"
)

func Example() {
	dir, err := os.MkdirTemp("", "worklog")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	folder := worklog.Open(dir) // without worklog.In, a run goes to .lathe/worklog of the module

	type Config struct {
		Width int
		LR    float64
	}
	for _, width := range []int{64, 128} {
		run := worklog.Start("digits-mlp", Config{Width: width, LR: 1e-3}, worklog.In(folder))
		for step := range 100 {
			run.Log(step, "train/loss", 1/float64(step+width))
		}
		run.End(nil)
	}

	runs, err := folder.Runs("digits-mlp state:finished")
	if err != nil {
		panic(err)
	}
	for _, change := range worklog.Diff(runs[0].Previous(), runs[0]).List {
		fmt.Println(change.What, change.Path, change.A, change.B)
	}
	// Output:
	// parameter Width 64 128
	// metric train/loss 0.006135 0.0044053
}

// scratch returns a worklog in a new folder, and a function that removes it.
func scratch() (folder *worklog.Folder, remove func()) {
	dir, err := os.MkdirTemp("", "worklog")
	if err != nil {
		panic(err)
	}
	return worklog.Open(dir), func() { os.RemoveAll(dir) }
}

func ExampleStart() {
	folder, remove := scratch()
	defer remove()
	run := worklog.Start("digits-mlp", map[string]any{"width": 128, "lr": 1e-3},
		worklog.In(folder), worklog.Seed(7), worklog.Tags("baseline"),
		worklog.Question("Is the network too narrow?"),
		worklog.Hypothesis("128 is at least 1 % better than 64"))
	run.Log(0, "valid/accuracy", 0.97)
	run.End(nil)
	run.Verdict("it is not: 0.2 %")

	s := run.Summary()
	fmt.Println(s.State, s.Tags, *s.Seed)
	fmt.Println(s.Question, s.Hypothesis, s.Verdict)
	// Output:
	// finished [baseline] 7
	// Is the network too narrow? 128 is at least 1 % better than 64 it is not: 0.2 %
}

func ExampleDiff() {
	folder, remove := scratch()
	defer remove()
	train := func(lr float64, seed int64, data string) *worklog.Run {
		run := worklog.Start("mlp", struct {
			LR   float64
			Seed int64
		}{lr, seed}, worklog.In(folder))
		run.Data("train", data)
		run.Log(10, "loss", lr/2)
		run.End(nil)
		return run
	}
	d := worklog.Diff(train(0.1, 1, "digest a"), train(0.01, 2, "digest b"))
	for _, change := range d.List { // the likeliest cause first
		fmt.Println(change.What, change.Path, change.A, "->", change.B)
	}
	// Output:
	// data train digest a -> digest b
	// parameter LR 0.1 -> 0.01
	// parameter Seed 1 -> 2
	// metric loss 0.05 -> 0.005
}

func ExampleRestore() {
	folder, remove := scratch()
	defer remove()
	repository, err := os.MkdirTemp("", "repository")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(repository)
	before, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	defer os.Chdir(before)
	os.Chdir(repository)
	if err := exec.Command("git", "init", "-q").Run(); err != nil {
		panic(err)
	}

	os.WriteFile("model.go", []byte("package model // as it ran\n"), 0o666)
	run := worklog.Start("mlp", nil, worklog.In(folder))
	run.End(nil)
	os.WriteFile("model.go", []byte("package model // changed since\n"), 0o666)

	restored, err := worklog.Restore(run, filepath.Join(folder.Path(), "restored"))
	if err != nil {
		panic(err)
	}
	text, err := os.ReadFile(filepath.Join(restored.Folder, "model.go"))
	fmt.Printf("%d file: %s", restored.Files, text)
	// Output:
	// 1 file: package model // as it ran
}

func ExampleList_Curves() {
	folder, remove := scratch()
	defer remove()
	for _, lr := range []float64{0.1, 0.01} {
		run := worklog.Start("mlp", map[string]float64{"lr": lr}, worklog.In(folder))
		for step := range 100 {
			run.Log(step, "train/loss", math.Exp(-lr*float64(step)))
		}
		run.End(nil)
	}
	runs, err := folder.Runs("mlp")
	if err != nil {
		panic(err)
	}
	// In a cell, the chart as its last expression shows it.
	c := runs.Curves("train/loss", worklog.Smooth(0.9)).LogY()
	fmt.Println(c.Err(), len(c.Option()["series"].([]any)), "series: each run smoothed, and as logged")
	// Output:
	// <nil> 4 series: each run smoothed, and as logged
}

func ExampleList_Parallel() {
	folder, remove := scratch()
	defer remove()
	for _, width := range []int{32, 64, 128} {
		run := worklog.Start("mlp", map[string]int{"width": width, "depth": width / 32, "batch": 100}, worklog.In(folder))
		run.Log(0, "valid/accuracy", 1-1/float64(width))
		run.End(nil)
	}
	runs, err := folder.Runs("mlp")
	if err != nil {
		panic(err)
	}
	for _, axis := range runs.Parallel("valid/accuracy").Option()["parallelAxis"].([]any) {
		fmt.Println(axis.(map[string]any)["name"]) // what varies, and what came of it
	}
	// Output:
	// depth
	// width
	// valid/accuracy
}

func ExampleRun_Tee() {
	folder, remove := scratch()
	defer remove()
	run := worklog.Start("mlp", nil, worklog.In(folder))
	out := run.Tee(os.Stdout) // a program says what is kept; in a notebook all is
	fmt.Fprintln(out, "epoch 1")
	fmt.Println("not kept")
	run.End(nil)

	kept, err := run.Output()
	fmt.Printf("%q %v\n", kept.String(), err)
	// Output:
	// epoch 1
	// not kept
	// "epoch 1\n" <nil>
}

package worklog_test

import (
	"fmt"
	"os"

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

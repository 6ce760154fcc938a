package main

import (
	"context"
	"fmt"

	"github.com/lathe-go/lathe/pkg/worklog"
)

// two finds the runs that a verb compares: those that two words name, or the one that a word names and
// the run of the same name before it.
func (c logCall) two() (a, b *worklog.Run, err error) {
	if a, err = c.folder.Run(c.words[0]); err != nil {
		return nil, nil, err
	}
	if len(c.words) == 1 {
		return a.Previous(), a, nil
	}
	b, err = c.folder.Run(c.words[1])
	return a, b, err
}

func logPatch(_ context.Context, c logCall) error {
	a, b, err := c.two()
	if err != nil {
		return err
	}
	text, err := worklog.Patch(a, b)
	if err != nil {
		return err
	}
	fmt.Fprint(c.stdout, text)
	return nil
}

func logRestore(_ context.Context, c logCall) error {
	run, err := c.folder.Run(c.words[0])
	if err != nil {
		return err
	}
	restored, err := worklog.Restore(run, c.words[1])
	if err != nil {
		return err
	}
	fmt.Fprint(c.stdout, restored)
	return nil
}

func logClean(ctx context.Context, c logCall) error {
	cleaned, err := c.folder.Clean(ctx, ".")
	if err != nil {
		return err
	}
	for _, id := range cleaned.Dropped {
		fmt.Fprintf(c.stdout, "%s is gone, its source tree is let go\n", id)
	}
	fmt.Fprintf(c.stdout, "%d source trees kept, %d let go, %d of other worklogs\n", cleaned.Kept, len(cleaned.Dropped), cleaned.Others)
	return nil
}

// logVerify fails if anything is wrong.
func logVerify(ctx context.Context, c logCall) error {
	runs, faults, err := c.folder.Verify(ctx)
	if err != nil {
		return err
	}
	for _, f := range faults {
		fmt.Fprintf(c.stdout, "%s: %s\n", f.Run, f.What)
	}
	fmt.Fprintf(c.stdout, "%d runs, %d faults\n", runs, len(faults))
	if len(faults) > 0 {
		return fmt.Errorf("%d faults in %s", len(faults), c.folder.Path())
	}
	return nil
}

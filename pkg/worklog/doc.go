// Package worklog keeps the record of runs: what was tried, when, with which parameters, code, data and
// machine, what was measured, and what it showed.
//
//	run := worklog.Start("digits-mlp", cfg)          // parameters, code and machine by itself
//	run.Log(step, "train/loss", loss)                // in the training loop
//	run.File("model.ckpt")                           // size, time and digest
//	run.End(err)                                     // finished, failed or interrupted
//	worklog.Runs("digits-mlp")                       // a table; its reader sorts and filters it
//	worklog.Runs("digits-mlp").Curves("valid/loss")  // all of them in one chart
//	worklog.Watch("digits-mlp")                      // runs of other processes, as they go
//	worklog.Diff(run, run.Previous())                // what changed
//	run.Verdict("twice the width: 0.3 % better, not worth the time")
//
// # Why recording returns no error
//
// A run of hours must not end because a disk is full for a minute, and a notebook should not check an
// error at each value it logs. So Start always returns a Run, and no method that records fails. What
// cannot be written is counted and reported once, to standard error or to OnLoss; Run.Err tells it to
// programs; and when writing works again, the log itself says how many points are missing.
//
// # What is on the disk
//
// Each run has a file of its own in the folder that Find finds, to which only its process appends: framed
// records with a checksum, of events, points, cells and printed text. A reader skips the kinds of records that it
// does not know, and fields of events, so that older and later versions read the same logs. A crash leaves
// at most the end of the file unreadable, and everything before it is read. Points are written at least
// twice a second, so that a killed process loses less than a second of them; after Flush or End they are
// on the disk. Remarks on an earlier run are appended to its file. Environment variables and arguments are
// never recorded, because they may hold secrets, nor is the text of parameters with names such as Password.
//
// In a git repository the source tree goes into the repository itself: changed and untracked files, as
// they are, in a commit under refs/worklog/ and the run's ID. The index, the stash and the working tree
// stay untouched. Files that git ignores, files of more than 5 MiB, and files that seem to hold a secret
// are left out; of the last two the name is recorded. Restore writes the tree into a new folder.
//
// A run whose process is gone without End is lost: the process, the machine's boot and signs of life
// tell, never the absence of news.
//
// # What a run records by itself
//
// In a notebook, the source of every cell that the session executed before the run ended, and what cells print
// through package os while the run is open, from whichever cell: the first and the last 64 KiB, and a glimpse of
// what lies between. What other programs and C code print is not in it. NoOutput keeps all of it out; a program
// that is no notebook hands its writers to Tee. Cells, and lines of output, that seem to hold a secret are not
// kept, by the forms of common keys and tokens; a secret of another form that is printed is in the log.
//
// A run that lasts over two seconds measures its use of the machine every five: processors and memory of the
// process and of the machine, and of NVIDIA's GPUs, where nvidia-smi is, what they do. These are metrics whose
// names begin with system/: Summary.System and not Summary.Metrics has them, and Curves draws them.
//
// Data sets and files that a run reads are compared with those that earlier runs read under the same name. If they
// changed, a warning is printed and noted.
package worklog

import (
	"fmt"
	"os"
)

// Runs returns the runs that meet every term, those that began last first; without terms, all. Terms may
// stand in one string, apart by blanks:
//
//	digits-mlp           the name, in which * stands for any text
//	tag:baseline         one of its tags
//	state:finished       running, finished, failed, interrupted or lost
//	since:24h            when it began
//	LR<=0.01             a parameter, or the last value of a metric: < <= > >= = !=
//
// A folder that cannot be read, or a term that cannot be understood, is reported on standard error;
// Folder.Runs returns the error.
func Runs(terms ...string) List {
	folder, err := Find()
	var runs List
	if err == nil {
		runs, err = folder.Runs(terms...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return runs
}

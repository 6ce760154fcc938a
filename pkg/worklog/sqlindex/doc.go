// Package sqlindex answers SQL about the runs of a worklog.
//
// The index is an SQLite file in the user's cache folder, one for each folder of runs. It is made of the
// logs and can be deleted at any time. Update reads only the logs whose size or time changed; several
// processes may update and read one index at once. These are its tables:
//
//	runs     run, name, type, state, error, began, ended (UTC), took (seconds), seed, question, hypothesis,
//	         verdict, lives, points, lost, damage, code, branch, dirty, host, go, os, cpu, cpus, memory
//	params   run, param, type, value (exact text), number
//	metrics  run, metric, count, nonfinite, last, last_step, odd, best, best_step, min, min_step, max, max_step;
//	         use of the machine, system/..., is only among the points
//	tags     run, tag
//	notes    run, time, note
//	files    run, path, size, time, sha256, kind (file or data), name
//	points   run, metric, step, time, value, odd
//
// SQL has no NaN. A value that is NaN is NULL, an infinity is stored as REAL and compares as such, and
// the column odd holds NaN, +Inf or -Inf for either; it is NULL where the value (in metrics, the last one) is
// finite. The number of a parameter is NULL where its text is none.
//
// Points are many, so they are loaded on demand: see Index.LoadPoints.
package sqlindex

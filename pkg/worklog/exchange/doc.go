// Package exchange brings runs of other trackers into a worklog, and runs of a worklog out of it.
//
// Import reads what it is given by its content and name: TensorBoard's event files (scalars, also those that are
// encoded as tensors, and texts), W&B-style JSONL, CSV, MLflow's SQLite store, and the JSON and CSV that this package
// writes. An imported run keeps its times and, where the source has them, its state, parameters, tags and
// notes; the facts "imported from" and "imported as" say where it came from. A digest of the source is kept as
// the run's data "import", so that importing it again adds nothing. A source that ends in damage is read up to
// there. A source that does not say how a run ended makes a lost run, for that is what is known.
//
// Markdown and HTML write a page for each run that needs neither a script nor a network; JSON writes all that is
// known of runs, and CSV their points; both come back as they were.
package exchange

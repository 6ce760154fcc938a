// Package check looks at a training before it costs time and while it runs.
//
// [Preflight] tries a model and its data in about twenty seconds, after the recipe of A. Karpathy ("A
// Recipe for Training Neural Networks", 2019): is the first loss what it must be, does each answer depend
// on its own example and on nothing else, are the inputs of use, can four examples be learnt by heart, do
// shuffled labels teach nothing, does the same seed give the same bytes. Each line of its report says what
// was measured, what was expected and what to do.
//
//	check.MustPreflight(m, learn.Batches(32, 1), valid.Ordered(64))
//
// [Internals] is an option of train.Fit that measures every layer from time to time while it trains: the
// spread of its activations, units that are dead, gradients, and how large updates are beside what they
// change. [Examine] looks at a trained classifier: the confusion as a picture, each class with intervals,
// the examples that it gets most wrong, and whether its probabilities can be believed.
package check

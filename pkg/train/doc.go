// Package train fits GoMLX models and evaluates them, with everything around the loop that makes it
// pleasant and safe: a progress bar with a live loss chart, measurements that go to a worklog, a stop
// that keeps all state, and checkpoints from which training goes on exactly where it was.
//
// [Fit] trains a [Model] on batches and returns a [Fitted], which holds the live variables. Calling Fit
// again with the same recipe — the same graph, initial values and data — goes on where the last call
// stopped, in this process or a later one; once the recipe is trained to its end, Fit returns at once.
// On one machine the result is the same, bit for bit, as that of a training that was never stopped.
//
// [Evaluate] measures a Fitted on other data, and [VerifyResume] tests that a stop changes nothing.
package train

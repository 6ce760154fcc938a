// Package inspect opens what a model becomes: its graph as a picture, what each operation costs, the
// programs before and after XLA's optimisation, the memory that the compiled program needs, and how much of
// the machine it uses.
//
//	view := inspect.MustOpen(m, learn.Batches(64, 1))   // the program of one training step
//	view                                                // the network as a picture, with shapes and costs
//	view.Costs()                                        // operations by layer, with FLOPs and bytes
//	view.MustSpeed()                                    // time of a step against the machine's own peak
//	view.MustOptimized().Search("fusion")               // what XLA made of it
//	inspect.MustSource(layers.Dense)                    // the source of any function
//
// FLOPs and bytes of operations are counted on GoMLX's graph, before XLA fuses operations: the bytes are what
// would be moved without fusion. What the compiled program costs by XLA's own count is in
// [Program.Costs]. GoMLX and go-xla v0.4.1 have no call that gives the programs, so they are read from the
// memory of their values and through PJRT's C interface, by its published layout; where a later version has
// another layout, the error says so. There is no profile by operation: the CPU plugin of go-xla (0.11.2) offers
// none, for it has no profiler among its extensions, nor PJRT's cost analysis, of which the program's Notes
// tell. For whom FLOPs and the roofline are not enough, [View.LayerTimes] measures the predictions layer by layer.
package inspect

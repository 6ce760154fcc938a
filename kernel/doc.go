// Package kernel is documentation: how the packages below this folder work together. None of its code
// is here, and a user of Lathe imports packages of pkg instead.
//
// # Two processes
//
// The kernel process (`lathe kernel`, package lathe) speaks Jupyter, and parses, type-checks, compiles and
// links cells. Its worker process loads what was linked and runs it. All values live in the worker, and
// nothing that a cell does there can take the kernel down. `lathe run` and `lathe doctor` use the same
// kernel without Jupyter.
//
// # Life of a cell
//
// Say the notebook's third cell is
//
//	w := model.MustValues("/dense/weights")
//	chart.Histogram("weights", w, 40)
//
// and fit and train were used in earlier cells.
//
//  1. A frontend sends an execute_request to the shell socket. Package zmq reads its frames, package wire
//     checks the signature and makes a message of them.
//  2. Package server queues the request, tells everybody that the kernel is busy, and calls the Handler's
//     Execute when the cells before it have ended. From here on an Output belongs to this cell.
//  3. The Handler is in package golang, the only place where protocol and compiler meet. It gives
//     the cell a number and a name, In[3], and hands its text to package session.
//  4. Package cell takes the text apart: imports, declarations, statements, directives, each with its
//     place. Directives run now (package directive), commands among them (package shell). A text that is no Go ends here, as a list of
//     diagnostics (package diag) in the cell's own lines and columns, like every mistake up to step 8.
//  5. The session looks whether it has run the same text before, and whether all names in it still mean
//     what they meant. If so, the code is loaded already: on to step 11.
//  6. Package compose finds out what the cell declares and mentions (Analyse). The session adds an import
//     for each package name that nobody declared and that stands for exactly one package.
//  7. The session plans: which names get a new version, which earlier declarations must be compiled again
//     because what they mention has changed, which variables keep their value. It type-checks until
//     nothing changes any more. All this works on a copy; what other cells see is as it was.
//  8. Package compose writes the Go source of the unit: the cell's own code in full; of earlier declarations
//     only what the cell needs, functions without bodies and variables without values. Each statement
//     becomes a step with a mark after it, loops and functions look at a flag so that they can be
//     interrupted, and each piece of source knows the line of the cell that it came from.
//  9. Package build calls the Go compiler, writes a stub of the base library that has only the symbols that
//     the unit refers to, links the unit against the stub with the patched linker, and lets the system
//     linker make a shared library of some 100 KB. Meanwhile package vet looks in the cell's own text for
//     what is most likely a mistake; what it finds is noted before the cell runs, and fails nothing.
//  10. Package worker sends the library's path over a socket to the worker process (messages of package
//     rt/control). There package rt/process loads it, tells the Go runtime of it, and runs its
//     initialisation. References to functions, variables and types of the base library and of earlier
//     units are bound by the dynamic linker.
//  11. The worker runs the unit's code on a goroutine of its own. The code calls package rt, which holds the
//     little that generated code needs: marks, interruption, the value of the last expression. Here
//     Histogram returns a chart, which package pkg/display makes a bundle of: one value in several forms.
//  12. What the cell shows and prints travels back as frames (package pkg/display/frame), marked with the
//     number of the execution, also from goroutines that the cell started and that still run when it
//     has ended. What GoNB's package gonbui shows takes the same way (package rt/gonb).
//  13. The Handler leads each frame to the Output of its cell. A chart is data until here: package figure
//     draws it as SVG and PNG and adds the page that becomes interactive in JupyterLab.
//  14. Package server sends it to every frontend, joining small pieces of text and slowing down floods.
//  15. The worker says how the cell ended and how many marks it reached. The session commits: declarations
//     whose code ran are live now, the others stay what they were, and the user is told which. The
//     builder makes the unit's symbols known to the units that follow.
//  16. Package server sends the reply and says that the kernel is idle.
//
// # When something goes wrong
//
// Mistakes in the text (steps 4 to 8) are diagnostics; nothing was run. A panic unwinds to the end of the
// cell's goroutine, and its trace is cut down to lines of cells. A stop sets the flag, cancels the
// context that packages such as pkg/train look at, and after a grace period leaves a goroutine behind that
// does not heed either. When the worker dies, of a fault in C for example, the session starts another
// one, loads all units again, and says which variables have lost their values.
//
// # While a cell runs
//
// A cell of a subshell goes through the same steps at the same time: the session works on one cell at a time
// (its turn), but not while code runs. What a cell declares is committed on top of what others have committed
// meanwhile. A cell that reads the standard input, or calls frame.Ask, has a question put to its user. The
// messages of comms go to the worker at once, where each comm handles its own on a goroutine of the cell that
// has opened it (package pkg/display/frame).
//
// # While somebody types
//
// Completion and inspection do not wait for a cell that runs. Between two cells the session gives a View:
// what is live, what is imported, what can be imported. Package complete makes one Go file of it and of
// the text that is being typed, with a map of the cursor, and has the type checker look at it, which takes
// a millisecond. gopls, which the kernel starts when it has been idle for a second, sees the same file, in
// its memory only; what it adds is waited for some hundredths of a second.
//
// # What is made once
//
// `lathe setup` compiles the standard library, GoMLX and pkg into the base library (package build: Ensure)
// and fetches a PJRT plugin (package pjrt) and, where it can, gopls (package complete). Package rt/base lists what goes in. The key of a base library
// is a digest of the toolchain and of all sources in it, so a stale one is never used. A self-test decides
// how cells are linked: as above (build: Shared), or as ordinary Go plugins (build: Plugin) where that does
// not work; those take seconds for a cell and behave the same. `lathe doctor` says which one is in use.
package kernel

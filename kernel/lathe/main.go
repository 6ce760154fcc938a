// Command lathe is a Jupyter kernel for Go and the tools around its notebooks. `lathe help` lists
// what it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// A command is one word that lathe understands; its help is generated from it.
type command struct {
	name  string
	args  string // what follows the name, as help shows it
	short string // one line, no full stop
	run   func(ctx context.Context, e env, args []string) error
}

// env is what a command may touch of the process it runs in.
type env struct {
	stdout, stderr io.Writer
}

// errUsage is wrapped by errors of a call whose words are off; it makes the exit code 2.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, env{os.Stdout, os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run finds the command that args name and returns the exit code.
func run(ctx context.Context, e env, args []string) int {
	if len(args) == 0 {
		help(e.stdout)
		return 2
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, e, args[1:])
		if err == nil {
			return 0
		}
		fmt.Fprintf(e.stderr, "lathe %s: %v\n", c.name, err)
		if errors.Is(err, errUsage) {
			fmt.Fprintf(e.stderr, "usage: lathe %s %s\n", c.name, c.args)
			return 2
		}
		return 1
	}
	fmt.Fprintf(e.stderr, "lathe: there is no command %q; `lathe help` lists them\n", args[0])
	return 2
}

package main

import (
	"context"
	"fmt"
	"io"
)

// commands lists every command in the order of help. Each stands in the file of its name, uninstall
// with install.
func commands() []command {
	return []command{
		{"help", "", "show this list", func(_ context.Context, e env, _ []string) error {
			help(e.stdout)
			return nil
		}},
		{"setup", "[--module DIR]", "make the base library and fetch the PJRT plugin", setupCommand},
		{"doctor", "", "say what is found, what is missing and how to mend it", doctorCommand},
		{"install", "[--prefix DIR] [--name NAME] [--papermill PYTHON] [--list]", "tell Jupyter about this kernel", installCommand},
		{"uninstall", "[--prefix DIR] [--name NAME]", "take that back", uninstallCommand},
		{"run", "NOTEBOOK [-p name=value]... [-o OUT.ipynb]", "execute a notebook without a browser", runCommand},
		{"params", "NOTEBOOK", "list the parameters that a notebook takes", paramsCommand},
		{"report", "NOTEBOOK [-o OUT.html]", "render a notebook as one self-contained HTML page", reportCommand},
		{"fmt", "[-l] [-d] NOTEBOOK...", "lay out the cells of notebooks as gofmt does", fmtCommand},
		{"kernel", "CONNECTION_FILE", "serve Jupyter; Jupyter calls this itself", kernelCommand},
		{"log", "VERB ... [--dir DIR]", "list, show, compare, mark, export and import runs; `lathe log help`", logCommand},
		{"bench", "[--quick | --long] [--json FILE]", "measure the latency of cells and the speed of training", benchCommand},
	}
}

// help lists the commands.
func help(w io.Writer) {
	fmt.Fprintln(w, "Lathe is a Jupyter kernel for Go, for training deep-learning models with care.")
	fmt.Fprintln(w)
	for _, c := range commands() {
		fmt.Fprintf(w, "  lathe %-34s %s\n", c.name+" "+c.args, c.short)
	}
}

// Command goxla runs go-xla's own installer of PJRT plugins: the last resort of `lathe setup`, for systems
// and networks on which the pinned plugin cannot be had. It installs where go-xla looks by itself.
package main

import (
	"fmt"
	"os"

	"github.com/gomlx/go-xla/installer"
)

func main() {
	if err := installer.AutoInstall("", true, installer.Normal); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Command echo is the kernel of package kerneltest's Echo, for frontends that are other programs:
// `echo CONNECTION_FILE`. It keeps its history in the file that ECHO_HISTORY names, if that is set.
package main

import (
	"context"
	"log"
	"os"

	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/server"
)

func main() {
	if err := serve(os.Args[len(os.Args)-1]); err != nil {
		log.Fatal(err)
	}
}

// serve runs the kernel until it is shut down.
func serve(file string) error {
	info, err := server.ReadConnectionFile(file)
	if err != nil {
		return err
	}
	s, err := server.Listen(info, nil)
	if err != nil {
		return err
	}
	if path := os.Getenv("ECHO_HISTORY"); path != "" {
		s.KeepHistory(path)
	}
	return s.Serve(context.Background(), &kerneltest.Echo{})
}

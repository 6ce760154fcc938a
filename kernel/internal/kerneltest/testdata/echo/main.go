// Command echo is the kernel of package kerneltest's Echo, for frontends that are other programs:
// `echo CONNECTION_FILE`.
package main

import (
	"context"
	"log"
	"os"

	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/server"
)

func main() {
	info, err := server.ReadConnectionFile(os.Args[len(os.Args)-1])
	if err == nil {
		err = server.Serve(context.Background(), info, &kerneltest.Echo{})
	}
	if err != nil {
		log.Fatal(err)
	}
}

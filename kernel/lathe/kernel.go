package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/golang"
	"github.com/lathe-go/lathe/kernel/internal/home"
	"github.com/lathe-go/lathe/kernel/internal/server"
)

// kernelCommand serves Jupyter until it is told to shut down.
func kernelCommand(ctx context.Context, _ env, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%w: give the connection file that Jupyter has written", errUsage)
	}
	info, err := server.ReadConnectionFile(args[0])
	if err != nil {
		return err
	}
	s, err := server.Listen(info, nil)
	if err != nil {
		return err
	}
	if data, err := home.Data(); err == nil { // without a home there is the history of this session
		s.KeepHistory(filepath.Join(data, "history.jsonl"))
	}
	// A terminal's interrupt reaches every process in front of it: it interrupts the cell, not the kernel.
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	defer stop()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	ctx, orphaned := context.WithCancel(ctx)
	defer orphaned()
	go func() {
		alive := time.NewTicker(time.Second)
		defer alive.Stop()
		for parent := os.Getppid(); ; {
			select {
			case <-interrupts:
				s.Interrupt()
			case <-alive.C:
				// Jupyter may be killed before it can say that the kernel is to end.
				if os.Getenv("JPY_PARENT_PID") != "" && os.Getppid() != parent {
					orphaned()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	// What lives long here are type-checked packages; collecting them often costs more than it frees.
	debug.SetGCPercent(400)
	// Scripts in the page, such as gonbui's, find the kernel by the name that Jupyter has given it, and ask
	// their cells for it.
	if id, ok := strings.CutPrefix(strings.TrimSuffix(filepath.Base(args[0]), ".json"), "kernel-"); ok {
		os.Setenv("GONB_JUPYTER_KERNEL_ID", id)
	}
	h := golang.Start(ctx, "")
	go h.HelpEditors(ctx)
	return s.Serve(ctx, h)
}

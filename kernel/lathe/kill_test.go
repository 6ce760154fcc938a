package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Killing a set-up at any moment, and running it again, ends in an installation that works. The moments
// are drawn by chance over the time that a set-up takes; LATHE_TEST_KILLS says how many, and 2 are enough
// for every day.
func TestKilledSetup(t *testing.T) {
	realBase(t) // so that the compiler's cache is warm, and a set-up takes seconds
	kills := 2
	if n, err := strconv.Atoi(os.Getenv("LATHE_TEST_KILLS")); err == nil {
		kills = n
	}
	dir := t.TempDir()
	env := append(pluginFolder(t), "LATHE_HOME="+dir, "TMPDIR="+t.TempDir())
	start := time.Now()
	if o := runLathe(t, env, "setup"); o.code != 0 {
		t.Fatal(o.errors)
	}
	whole := time.Since(start)
	for range kills {
		must(t, os.RemoveAll(filepath.Join(dir, "base")))
		for range 2 { // the second one meets what the first one left
			killedAfter(t, env, rand.N(whole))
		}
		start := time.Now()
		if o := runLathe(t, env, "setup"); o.code != 0 {
			t.Fatalf("the set-up after the kills ended with %d: %s", o.code, o.errors)
		}
		whole = (whole + time.Since(start)) / 2
		if left, _ := filepath.Glob(filepath.Join(dir, "base", "tmp-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		if o := runLathe(t, env, "doctor"); o.code != 0 {
			t.Fatalf("after the kills doctor says:\n%s", o.out)
		}
	}
}

// killedAfter starts a set-up and kills it, and all that it has started, after a while.
func killedAfter(t *testing.T, env []string, after time.Duration) {
	t.Helper()
	cmd := lathe(t, env, "setup")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, cmd.Start())
	time.Sleep(after)
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	state := cmd.Wait()
	t.Logf("killed after %.2f s (%v): %v", after.Seconds(), err, state)
}

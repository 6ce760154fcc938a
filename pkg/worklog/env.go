package worklog

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// Env is the machine and the software that a run ran on. It holds nothing of the process's environment
// variables or arguments, which may be secret.
type Env struct {
	Go      string            `json:"go"`               // the toolchain, for instance "go1.26.8"
	OS      string            `json:"os"`               // for instance "linux/amd64"
	Host    string            `json:"host"`             // the machine's name
	CPU     string            `json:"cpu,omitempty"`    // the processor's model, where the system tells
	CPUs    int               `json:"cpus"`             // processors that the process may use
	Memory  int64             `json:"memory,omitempty"` // of the machine, in bytes; 0 if unknown
	Modules map[string]string `json:"modules,omitempty"`
	// Facts are what the program told with Run.Fact, the name of the backend for instance.
	Facts map[string]string `json:"facts,omitempty"`
}

// Code is the state of the repository that a run ran in.
type Code struct {
	Commit  string   `json:"commit,omitempty"` // the whole digest; empty outside a repository
	Branch  string   `json:"branch,omitempty"`
	Dirty   bool     `json:"dirty,omitempty"`   // whether files differ from the commit
	Changed []string `json:"changed,omitempty"` // which ones, the first hundred, untracked ones too
	Digest  string   `json:"digest,omitempty"`  // of the changed files; equal changes, equal digest
	Unknown string   `json:"unknown,omitempty"` // why nothing is known, where git was there and failed
}

// short returns the commit as tables show it, with a star where files differ from it.
func (c Code) short() string {
	s := c.Commit[:min(8, len(c.Commit))]
	if c.Dirty {
		s += "*"
	}
	return s
}

// machine describes where this process runs.
func machine() Env {
	host, _ := os.Hostname() // the name only labels; a machine without one is still described
	env := Env{Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, Host: host, CPUs: runtime.GOMAXPROCS(0)}
	env.CPU = procField("/proc/cpuinfo", "model name")
	if kb, ok := strings.CutSuffix(procField("/proc/meminfo", "MemTotal"), " kB"); ok {
		n, _ := strconv.ParseInt(strings.TrimSpace(kb), 10, 64)
		env.Memory = n << 10
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if strings.HasPrefix(m.Path, "github.com/gomlx/") {
				if env.Modules == nil {
					env.Modules = map[string]string{}
				}
				env.Modules[m.Path] = m.Version
			}
		}
	}
	return env
}

// procField returns the first value of a field in one of Linux's "name : value" files, or "".
func procField(file, field string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == field {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// gitLimit bounds what asking git may add to the start of a run.
const gitLimit = 3 * time.Second

// codeState asks git about the repository around dir.
func codeState(ctx context.Context, dir string) Code {
	ctx, cancel := context.WithTimeout(ctx, gitLimit)
	defer cancel()
	status, err := git(ctx, dir, "status", "--porcelain=v2", "--branch", "-z").Output()
	if err != nil {
		if ctx.Err() != nil {
			return Code{Unknown: fmt.Sprintf("git status took longer than %v", gitLimit)}
		}
		return Code{} // no git, or no repository
	}
	code := parseStatus(string(status))
	if code.Dirty {
		top, err := git(ctx, dir, "rev-parse", "--show-toplevel").Output()
		if err != nil {
			code.Unknown = "the content of the changed files: " + err.Error()
			return code
		}
		code.Digest = contentDigest(strings.TrimSuffix(string(top), "\n"), code.Changed)
	}
	return code
}

// git returns a command that reads the repository and leaves its index alone.
func git(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "--no-optional-locks"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	return cmd
}

// parseStatus reads the output of git status --porcelain=v2 --branch -z.
func parseStatus(status string) Code {
	var code Code
	entries := strings.Split(status, "\x00")
	for i := 0; i < len(entries); i++ {
		e := entries[i]
		name := ""
		switch {
		case strings.HasPrefix(e, "# branch.oid "):
			if oid := e[len("# branch.oid "):]; oid != "(initial)" {
				code.Commit = oid
			}
		case strings.HasPrefix(e, "# branch.head "):
			code.Branch = e[len("# branch.head "):]
		case strings.HasPrefix(e, "1 "):
			name = fieldFrom(e, 8)
		case strings.HasPrefix(e, "2 "):
			name = fieldFrom(e, 9)
			i++ // the name before the rename
		case strings.HasPrefix(e, "u "):
			name = fieldFrom(e, 10)
		case strings.HasPrefix(e, "? "):
			name = e[2:]
		}
		if name == "" {
			continue
		}
		code.Dirty = true
		if len(code.Changed) < 100 {
			code.Changed = append(code.Changed, name)
		}
	}
	return code
}

// fieldFrom returns what follows the first n blanks of s: a name, which may hold blanks itself.
func fieldFrom(s string, n int) string {
	parts := strings.SplitN(s, " ", n+1)
	return parts[len(parts)-1]
}

// hashLimit bounds the part of a changed file that codeState reads.
const hashLimit = 4 << 20

// contentDigest condenses the names and the beginnings of the changed files. A changed folder that is
// wholly untracked counts by its name only.
func contentDigest(top string, changed []string) string {
	h := sha256.New()
	for _, name := range changed {
		fmt.Fprintf(h, "%q\n", name)
		f, err := os.Open(filepath.Join(top, name))
		if err != nil {
			continue // deleted: its name says so
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			fmt.Fprintln(h, info.Size())
			io.CopyN(h, f, hashLimit) // a file that ends or fails earlier still counts by its size
		}
		f.Close()
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

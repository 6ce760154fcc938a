package worklog

import (
	"bufio"
	"os"
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

// A State says how far a run got.
type State string

// The states of a run.
const (
	Running     State = "running"     // its process is alive and has not ended it
	Finished    State = "finished"    // it ended
	Failed      State = "failed"      // it ended with an error
	Interrupted State = "interrupted" // its user stopped it
	Lost        State = "lost"        // its process is gone, and nothing says how it went
)

const (
	heartbeat = 10 * time.Second // a run that is silent that long writes a sign of life
	silence   = 45 * time.Second // and one whose signs stop that long is lost
)

// An owner is the process that writes a run. The boot and the birth make its number unique.
type owner struct {
	Host string `json:"host"`
	Boot string `json:"boot,omitempty"` // of the machine; empty where the system does not tell
	PID  int    `json:"pid"`
	Born string `json:"born,omitempty"` // when the process began, as the system counts it
}

// self describes this process.
func self() owner {
	host, _ := os.Hostname() // an owner without a name is judged by its signs of life
	pid := os.Getpid()
	return owner{Host: host, Boot: bootID(), PID: pid, Born: born(pid)}
}

func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// born returns when the process pid began, in the ticks of Linux's /proc, or "" if there is none.
func born(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The second field, the command in parentheses, may hold anything; count from its end.
	rest := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "" // a zombie writes nothing any more
	}
	return fields[19]
}

// alive reports whether o still runs, given when it last wrote. On the machine and boot that it names
// the system knows; elsewhere only its signs of life tell.
func (o owner) alive(here owner, last, now time.Time) bool {
	if o.Boot != "" && o.Boot == here.Boot && o.Host == here.Host && o.Born != "" {
		return born(o.PID) == o.Born
	}
	return now.Sub(last) < silence
}

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// A Machine is what was measured on.
type Machine struct {
	CPU       string  `json:"cpu"`
	Cores     int     `json:"cores"`
	System    string  `json:"system"`
	Go        string  `json:"go"`
	Load      float64 `json:"load_before"` // average of the last minute
	LoadAfter float64 `json:"load_after"`
}

func lookAtMachine() Machine {
	return Machine{CPU: cpuName(), Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Go: runtime.Version(), Load: loadAverage()}
}

// String describes the machine in a line.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s", m.CPU, m.Cores, m.System, m.Go)
}

// Disturbed tells whether other work used more than a quarter of the machine when measuring began.
func (m Machine) Disturbed() bool { return m.Load > 0.25*float64(m.Cores) }

// cpuName returns the processor's name, where the system tells it.
func cpuName() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // absent elsewhere than on Linux
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// loadAverage returns how many processes were running or ready on average in the last minute.
func loadAverage() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}

// resident returns the resident memory of a process in KB.
func resident(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmRSS", pid)
}

// childNamed returns a child of the process by the name of its program.
func childNamed(parent int, name string) (int, error) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		before, after, ok := strings.Cut(string(text), ") ")
		id, comm, ok2 := strings.Cut(before, " (")
		fields := strings.Fields(after)
		if !ok || !ok2 || len(fields) < 2 || comm != name || fields[1] != strconv.Itoa(parent) {
			continue
		}
		return strconv.Atoi(id)
	}
	return 0, fmt.Errorf("process %d has no child called %s", parent, name)
}

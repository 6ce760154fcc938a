package worklog

import (
	"os"
	"strconv"
	"strings"
	"time"
)

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

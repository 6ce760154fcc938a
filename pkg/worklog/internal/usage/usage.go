// Package usage measures what a process uses of its machine: processors, memory and GPUs.
package usage

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

// Prefix begins the name of every value.
const Prefix = "system/"

// A Value is one measurement. Names are system/cpu and system/machine/cpu, processors at work for this process and for
// all; system/memory and system/machine/memory, bytes in use; and for each GPU, by its number, system/gpu/0/use in
// percent, /memory in bytes, /temperature in °C and /power in watts.
type Value struct {
	Name  string
	Value float64
}

// Text writes a value of a name for people, with its unit.
func Text(name string, value float64) string {
	digits := strconv.FormatFloat(value, 'g', 3, 64)
	switch name[strings.LastIndexByte(name, '/')+1:] {
	case "memory":
		return strconv.FormatFloat(value/(1<<30), 'f', 2, 64) + " GiB"
	case "use":
		return digits + " %"
	case "temperature":
		return digits + " °C"
	case "power":
		return digits + " W"
	}
	return digits
}

// A Sampler measures. Its methods must be called one at a time.
type Sampler struct {
	interval time.Duration
	when     time.Time
	own, all float64 // processor seconds by then
	gpus     *gpus
}

// New returns a Sampler that is to be asked about every interval.
func New(interval time.Duration) *Sampler {
	s := &Sampler{interval: interval, when: time.Now()}
	s.own, s.all = ownSeconds(), machineSeconds()
	return s
}

// Sample measures: of processors, the mean since the last call. What the system does not tell is left out. The
// first call starts to watch the GPUs, so that they are in the later ones.
func (s *Sampler) Sample(ctx context.Context) []Value {
	now, own, all := time.Now(), ownSeconds(), machineSeconds()
	took := now.Sub(s.when).Seconds()
	var out []Value
	add := func(name string, value float64) {
		if value > 0 {
			out = append(out, Value{Prefix + name, value})
		}
	}
	if own > 0 {
		add("cpu", (own-s.own)/took)
		add("machine/cpu", (all-s.all)/took)
	}
	s.when, s.own, s.all = now, own, all
	add("memory", resident())
	add("machine/memory", inUse())
	if s.gpus == nil {
		s.gpus = watchGPUs(ctx, s.interval)
	}
	return append(out, s.gpus.values(now, 3*s.interval)...)
}

// Close ends what Sample has started.
func (s *Sampler) Close() {
	if s.gpus != nil {
		s.gpus.close()
	}
}

// tick is the unit of processor times in /proc: 1/100 s on every Linux, whatever the kernel's own is.
const tick = 0.01

// ownSeconds returns the processor time of this process, or 0 where the system does not tell.
func ownSeconds() float64 {
	stat, _ := os.ReadFile("/proc/self/stat")
	// The second field, the command in parentheses, may hold anything; count from its end.
	return ticks(strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])), 11, 12)
}

// machineSeconds returns the time that processors were at work: for programs, the kernel and interrupts.
func machineSeconds() float64 {
	stat, _ := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(stat), "\n")
	return ticks(strings.Fields(first), 1, 2, 3, 6, 7) // user, nice, system; idle and waiting lie between
}

// ticks returns the sum of some fields in seconds, or 0 if one is missing.
func ticks(fields []string, at ...int) float64 {
	sum := 0.0
	for _, i := range at {
		if i >= len(fields) {
			return 0
		}
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return 0
		}
		sum += n
	}
	return sum * tick
}

// resident returns how many bytes of memory this process has.
func resident() float64 {
	statm, _ := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(statm))
	return ticks(fields, 1) / tick * float64(os.Getpagesize())
}

// inUse returns how many bytes of the machine's memory are not available.
func inUse() float64 {
	info, _ := os.ReadFile("/proc/meminfo")
	kb := map[string]float64{}
	for l := range strings.Lines(string(info)) {
		if f := strings.Fields(l); len(f) > 1 {
			kb[f[0]], _ = strconv.ParseFloat(f[1], 64) // a line of another form is not looked at
		}
	}
	return (kb["MemTotal:"] - kb["MemAvailable:"]) * 1024
}

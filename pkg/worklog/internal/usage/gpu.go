package usage

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// gpus are what nvidia-smi tells every few seconds, for as long as it runs. Where there is none, or it fails, hangs
// or says what nobody expects, nothing is known, which is no error: most machines have no GPU.
type gpus struct {
	cancel context.CancelFunc
	done   chan struct{}
	rest   []byte // a line that has not ended

	mu   sync.Mutex
	last map[int]reading
}

// A reading is what was said of one GPU.
type reading struct {
	when   time.Time
	values []Value
}

// The columns that nvidia-smi is asked for, with what each is called here and its unit.
var columns = []struct {
	query, name string
	unit        float64
}{
	{"utilization.gpu", "use", 1}, // percent
	{"memory.used", "memory", 1 << 20},
	{"temperature.gpu", "temperature", 1}, // °C
	{"power.draw", "power", 1},            // W
}

// watchGPUs starts nvidia-smi, if there is one. Closing ends it.
func watchGPUs(ctx context.Context, interval time.Duration) *gpus {
	ctx, cancel := context.WithCancel(ctx)
	g := &gpus{cancel: cancel, done: make(chan struct{}), last: map[int]reading{}}
	query := "index"
	for _, c := range columns {
		query += "," + c.query
	}
	every := "--loop-ms=" + strconv.FormatInt(max(interval.Milliseconds(), 1), 10)
	cmd := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu="+query, "--format=csv,noheader,nounits", every)
	cmd.WaitDelay = time.Second // for a child of its own that holds the pipe
	cmd.Stdout = g
	if err := cmd.Start(); err != nil {
		cancel()
		close(g.done)
		return g
	}
	go func() {
		defer close(g.done)
		cmd.Wait() // it says that the program was killed, or failed: either way there is no more to know
	}()
	return g
}

// maxLine is longer than any line that means something.
const maxLine = 4 << 10

// Write takes what nvidia-smi says.
func (g *gpus) Write(b []byte) (int, error) {
	g.rest = append(g.rest, b...)
	for {
		line, rest, ok := bytes.Cut(g.rest, []byte("\n"))
		if !ok {
			break
		}
		g.take(string(line))
		g.rest = rest
	}
	if g.rest = bytes.Clone(g.rest); len(g.rest) > maxLine {
		g.rest = nil
	}
	return len(b), nil
}

// take reads a line.
func (g *gpus) take(line string) {
	if index, values, ok := parse(line); ok {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.last[index] = reading{time.Now(), values}
	}
}

// parse reads a line such as "0, 35, 1024, 45, 60.12". A field that is no number, such as "[N/A]", is not known.
func parse(line string) (index int, values []Value, ok bool) {
	fields := strings.Split(line, ",")
	index, err := strconv.Atoi(strings.TrimSpace(fields[0]))
	if err != nil || index < 0 || index >= 1024 || len(fields) != len(columns)+1 {
		return 0, nil, false
	}
	for i, c := range columns {
		v, err := strconv.ParseFloat(strings.TrimSpace(fields[i+1]), 64)
		if err == nil {
			values = append(values, Value{fmt.Sprintf("%sgpu/%d/%s", Prefix, index, c.name), v * c.unit})
		}
	}
	return index, values, true
}

// values returns what was said of each GPU, if it is not older than age.
func (g *gpus) values(now time.Time, age time.Duration) []Value {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []Value
	for _, i := range slices.Sorted(maps.Keys(g.last)) {
		if r := g.last[i]; now.Sub(r.when) <= age {
			out = append(out, r.values...)
		}
	}
	return out
}

// close ends nvidia-smi and waits for its end.
func (g *gpus) close() {
	g.cancel()
	<-g.done
}

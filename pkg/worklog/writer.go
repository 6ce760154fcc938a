package worklog

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lathe-go/lathe/pkg/internal/filelock"
	"github.com/lathe-go/lathe/pkg/metric"
)

const (
	flushEvery  = 500 * time.Millisecond // a point waits at most this long for its write
	firstPoints = 1024                   // room for as many waits from the start; it grows to what half a second brings
	wakeAt      = 8192                   // that many points waiting wake the writer at once
	maxBacklog  = 1 << 20                // with more than this waiting, the disk has stopped: points are dropped
)

// A logFile is what a writer needs of a file.
type logFile interface {
	io.WriteCloser
	Stat() (os.FileInfo, error)
	Truncate(size int64) error
	Sync() error
}

// A writer takes points and events at once and writes them from a goroutine of its own, which ends with
// close. It never fails towards its caller: what cannot be written is counted, reported once, and noted
// in the log when writing works again.
type writer struct {
	report func(error) // called once, with the first failure

	mu      sync.Mutex // guards what waits
	waiting []point
	records []byte // framed events, cells and printed text
	events  bool   // whether records has events
	lost    int    // points given up since the last event that says so
	closed  bool
	step    metric.Step // of the last point

	io     sync.Mutex // held while writing; taken before mu
	file   logFile    // nil if the log could not be opened
	err    error      // the first failure
	enc    pointEncoder
	spare  []point
	out    []byte
	signed time.Time // when writing a sign of life, a point or an event, was last tried

	witness atomic.Pointer[witness] // nil if nothing around the run is recorded

	kick chan struct{}
	stop chan struct{}
	done chan struct{}
}

// newWriter starts a writer to file; with a nil file it only counts.
func newWriter(file logFile, report func(error)) *writer {
	w := &writer{
		report: report, file: file, signed: time.Now(),
		waiting: make([]point, 0, firstPoints), spare: make([]point, 0, firstPoints),
		kick: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go w.loop()
	return w
}

func (w *writer) loop() {
	defer close(w.done)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-w.kick:
		case <-ticker.C:
			w.beat()
		}
		if x := w.witness.Load(); x != nil {
			x.look(time.Now())
		}
		w.drain(false)
	}
}

// beat writes a sign of life if nothing else was written for a while.
func (w *writer) beat() {
	w.io.Lock()
	due := time.Since(w.signed) >= heartbeat
	w.io.Unlock()
	if due {
		w.event(event{})
	}
}

// log takes one point.
func (w *writer) log(step metric.Step, name string, value float64) {
	now := time.Now().UnixNano()
	w.mu.Lock()
	w.add(point{name, step, now, math.Float64bits(value)})
	wake := len(w.waiting) == wakeAt
	w.mu.Unlock()
	if wake {
		w.wake()
	}
}

// logMany takes several points of one step and one moment.
func (w *writer) logMany(step metric.Step, values map[string]float64) {
	now := time.Now().UnixNano()
	w.mu.Lock()
	before := len(w.waiting)
	for name, value := range values {
		w.add(point{name, step, now, math.Float64bits(value)})
	}
	wake := before < wakeAt && len(w.waiting) >= wakeAt
	w.mu.Unlock()
	if wake {
		w.wake()
	}
}

// add queues p; mu is held.
func (w *writer) add(p point) {
	if w.closed || len(w.waiting) >= maxBacklog {
		w.lost++
		return
	}
	w.waiting = append(w.waiting, p)
	w.step = p.step
}

// logAside takes one point that belongs to the last step that was logged.
func (w *writer) logAside(name string, value float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(point{name, w.step, time.Now().UnixNano(), math.Float64bits(value)})
}

// record queues a record of a value.
func (w *writer) record(kind byte, v any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.records = appendJSON(w.records, kind, v)
	}
}

// event queues e.
func (w *writer) event(e event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.records, w.events = appendEvent(w.records, e), true
}

// gather takes what the witness has not recorded yet.
func (w *writer) gather() {
	if x := w.witness.Load(); x != nil {
		x.gather(time.Now())
	}
}

func (w *writer) wake() {
	select {
	case w.kick <- struct{}{}:
	default: // it is awake already
	}
}

// flush writes what waits. With sync it returns when the disk has it, so that it outlives a power cut;
// without, when the system has it, so that it outlives this process.
func (w *writer) flush(sync bool) { w.drain(sync) }

// close writes what waits, ends the goroutine and closes the file.
func (w *writer) close() {
	w.mu.Lock()
	already := w.closed
	w.closed = true
	w.mu.Unlock()
	if already {
		return
	}
	close(w.stop)
	<-w.done
	w.drain(true)
	w.io.Lock()
	defer w.io.Unlock()
	if w.file != nil {
		w.fail(w.file.Close(), 0)
		w.file = nil
	}
}

// drain writes what waits.
func (w *writer) drain(sync bool) {
	w.io.Lock()
	defer w.io.Unlock()
	w.mu.Lock()
	points, records, lost := w.waiting, w.records, w.lost
	if len(points) > 0 || w.events {
		w.signed = time.Now()
	}
	w.waiting, w.records, w.events = w.spare[:0], nil, false
	w.mu.Unlock()
	w.spare = points

	w.out = append(w.out[:0], records...)
	w.out = w.enc.appendPoints(w.out, points)
	if len(w.out) > 0 {
		if lost > 0 {
			w.out = appendEvent(w.out, event{Lost: lost})
		}
		w.write(records, len(points), lost)
	}
	if sync && w.file != nil && w.err == nil {
		w.fail(w.file.Sync(), 0)
	}
	if cap(w.spare) > 16*wakeAt { // a burst is over: give its memory back
		w.spare = make([]point, 0, firstPoints)
	}
}

// write writes w.out, which holds records and points and tells of lost ones. What fails is taken back
// from the file, because a torn record would hide all that follows; events wait for the next try, while
// points are given up, so that a full disk cannot fill the memory too.
func (w *writer) write(events []byte, points, lost int) {
	if w.file == nil {
		w.fail(nil, points)
		return
	}
	info, err := w.file.Stat()
	if err == nil && filelock.Deleted(info) {
		info, err = nil, errDeleted
	}
	if err == nil {
		_, err = w.file.Write(w.out)
	}
	if err != nil {
		if info != nil {
			err = errors.Join(err, w.file.Truncate(info.Size()))
		}
		w.fail(err, points)
		w.mu.Lock()
		w.records, w.events = append(events, w.records...), true
		w.mu.Unlock()
		return
	}
	w.mu.Lock()
	w.lost -= lost
	w.mu.Unlock()
}

// fail counts lost points and keeps and reports the first error; io is held.
func (w *writer) fail(err error, lost int) {
	w.mu.Lock()
	w.lost += lost
	w.mu.Unlock()
	if err == nil || w.err != nil {
		return
	}
	w.err = err
	w.report(fmt.Errorf("%w; the program goes on, and what cannot be written is not in the worklog", err))
}

// state returns how many points are lost, and the first failure.
func (w *writer) state() (lost int, err error) {
	w.io.Lock()
	err = w.err
	w.io.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost, err
}

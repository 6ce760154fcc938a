package worklog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog/internal/digest"
	"github.com/lathe-go/lathe/pkg/worklog/internal/framed"
)

// magic begins every log; what follows it are framed records.
const magic = "lathe worklog 1\n"

// The kinds of record. A reader skips kinds that it does not know.
const (
	kindEvent  byte = 1 // an event, as JSON
	kindPoints byte = 2 // a block of points, see appendPoints
	// Cells that the session executed, a list of Cell as JSON. The text of a digest stands in the first record
	// that has the digest. A life begins with no cells.
	kindCells byte = 3
	// What was printed, a printed.Piece as JSON.
	kindPrinted byte = 4
)

// An event is everything in a log that is not a point. Fields that are empty did not happen.
type event struct {
	Time    int64             `json:"t"` // Unix time in nanoseconds; alone, it is a sign of life
	Start   *start            `json:"start,omitempty"`
	Life    *life             `json:"life,omitempty"`
	Code    *Code             `json:"code,omitempty"` // of the life before it, once git has told
	Note    string            `json:"note,omitempty"`
	Verdict string            `json:"verdict,omitempty"`
	Tags    []string          `json:"tags,omitempty"`
	File    *File             `json:"file,omitempty"`
	Data    *Data             `json:"data,omitempty"`
	Facts   map[string]string `json:"facts,omitempty"`
	End     *ending           `json:"end,omitempty"`
	Lost    int               `json:"lost,omitempty"` // points that could not be written before this
	// Aside marks an event that came from outside the run's life, so that it is no sign of life.
	Aside bool `json:"aside,omitempty"`
}

// start is what a run is.
type start struct {
	ID     metric.RunID `json:"id"`
	Name   string       `json:"name"`
	Type   string       `json:"type,omitempty"` // of the parameters
	Params []Param      `json:"params,omitempty"`
	Seed   *int64       `json:"seed,omitempty"`

	Question   string `json:"question,omitempty"`
	Hypothesis string `json:"hypothesis,omitempty"`
}

// A life is one process's time with a run; a run that is resumed has several.
type life struct {
	Owner owner `json:"owner"`
	Code  Code  `json:"code"`
	Env   Env   `json:"env"`
	// From is the step at which this life goes on: points of earlier lives from there on are void. It is
	// nil where nothing is void.
	From *metric.Step `json:"from,omitempty"`
}

type ending struct {
	State State  `json:"state"`
	Error string `json:"error,omitempty"`
}

// appendEvent appends the record of e.
func appendEvent(buf []byte, e event) []byte {
	if e.Time == 0 {
		e.Time = time.Now().UnixNano()
	}
	return appendJSON(buf, kindEvent, e)
}

// point is a metric.Point while it waits to be written.
type point struct {
	name string
	step metric.Step
	time int64 // Unix, nanoseconds
	bits uint64
}

func (p point) value() float64 { return math.Float64frombits(p.bits) }

// blockPoints bounds a block, so that a fault loses little.
const blockPoints = 4096

// A pointEncoder writes blocks of points. Its memory is used again from block to block.
type pointEncoder struct {
	names   []string
	index   map[string]int
	payload []byte
	body    []byte
}

// appendPoints appends the records of points. A block stands for itself: the number of its names, each
// with its length; the number of its points; then for each point the index of its name, the step and
// the microsecond as differences to the point before, and the 8 bytes of the value.
func (e *pointEncoder) appendPoints(buf []byte, points []point) []byte {
	for len(points) > 0 {
		n := min(len(points), blockPoints)
		buf = framed.Append(buf, kindPoints, e.block(points[:n]))
		points = points[n:]
	}
	return buf
}

func (e *pointEncoder) block(points []point) []byte {
	e.names, e.body = e.names[:0], e.body[:0]
	clear(e.index)
	var at int
	var step, micro int64
	for _, p := range points {
		at = e.lookup(p.name, at+1)
		now := p.time / 1000
		e.body = binary.AppendUvarint(e.body, uint64(at))
		e.body = binary.AppendVarint(e.body, int64(p.step)-step)
		e.body = binary.AppendVarint(e.body, now-micro)
		e.body = binary.LittleEndian.AppendUint64(e.body, p.bits)
		step, micro = int64(p.step), now
	}
	b := binary.AppendUvarint(e.payload[:0], uint64(len(e.names)))
	for _, name := range e.names {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
	}
	b = binary.AppendUvarint(b, uint64(len(points)))
	e.payload = append(b, e.body...)
	return e.payload
}

// lookup returns name's index. Loops log the same names in the same order, so the next one is tried first.
func (e *pointEncoder) lookup(name string, next int) int {
	if next < len(e.names) && e.names[next] == name {
		return next
	}
	if len(e.names) > 0 && e.names[0] == name {
		return 0
	}
	if i, ok := e.index[name]; ok {
		return i
	}
	if e.index == nil {
		e.index = map[string]int{}
	}
	e.names = append(e.names, name)
	e.index[name] = len(e.names) - 1
	return len(e.names) - 1
}

var errPoints = errors.New("a block of points is malformed")

// A cursor reads the numbers of a block; after the first that is missing it stays bad.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) {
	if n <= 0 || n > len(c.b) {
		c.bad, c.b = true, nil
		return
	}
	c.b = c.b[n:]
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	c.take(n)
	return v
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	c.take(n)
	return v
}

func (c *cursor) text() string {
	n := c.uvarint()
	if n > uint64(len(c.b)) {
		c.bad = true
		return ""
	}
	s := string(c.b[:n])
	c.b = c.b[n:]
	return s
}

func (c *cursor) bits() uint64 {
	if len(c.b) < 8 {
		c.bad = true
		return 0
	}
	v := binary.LittleEndian.Uint64(c.b)
	c.b = c.b[8:]
	return v
}

// decodePoints calls each with every point of a block.
func decodePoints(payload []byte, each func(point)) error {
	c := cursor{b: payload}
	count := c.uvarint()
	if count > uint64(len(payload)) {
		return errPoints
	}
	names := make([]string, count)
	for i := range names {
		names[i] = c.text()
	}
	var step, micro int64
	for n := c.uvarint(); n > 0 && !c.bad; n-- {
		at := c.uvarint()
		step += c.varint()
		micro += c.varint()
		bits := c.bits()
		if c.bad || at >= count {
			return errPoints
		}
		each(point{names[at], metric.Step(step), micro * 1000, bits})
	}
	if c.bad {
		return errPoints
	}
	return nil
}

// A File is what a run knows of a file that it read or made.
type File struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"` // in bytes
	ModTime time.Time `json:"time"`
	SHA256  string    `json:"sha256,omitempty"` // in hexadecimal
	Error   string    `json:"error,omitempty"`  // why it could not be read
}

// Data names a data set by its content.
type Data struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
}

// ledger describes the file at path. A file that is known to be unchanged is not read again.
func ledger(known *digest.Cache, path string) (File, error) {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	f := File{Path: path}
	info, sum, err := known.File(path)
	if info != nil {
		f.Size, f.ModTime, f.SHA256 = info.Size(), info.ModTime(), sum
	}
	return f, err
}

// A use is data that a run reads, under a name that may have been that of other data before.
type use struct{ name, digest string }

// A seen is what an earlier run has read under a name: several digests where parts of a table, such as those
// for training and for validation, have its name.
type seen struct {
	digests []string
	run     metric.RunID
}

// Files and data are named apart: any run may read a file, while the data sets of two experiments may share a name.
func fileUse(f File) use { return use{"file " + f.Path, f.SHA256} }
func dataUse(d Data) use { return use{"data " + d.Name, d.Digest} }

// uses has u compared with what earlier runs have read, beside the run, whose end waits for it.
func (r *Run) uses(u use) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.folder == nil {
		return
	}
	r.unchecked = append(r.unchecked, u)
	if r.checked == nil {
		r.checked = make(chan struct{})
		go r.checkUses(r.checked)
	}
}

// checkUses compares what waits. There is one of it at a time.
func (r *Run) checkUses(done chan struct{}) {
	defer close(done)
	for {
		r.mu.Lock()
		waiting := r.unchecked
		r.unchecked = nil
		if len(waiting) == 0 {
			r.checked = nil
		}
		r.mu.Unlock()
		if len(waiting) == 0 {
			return
		}
		if r.before == nil {
			r.before = r.usedBefore()
		}
		for _, u := range waiting {
			if old, ok := r.before[u.name]; ok && !slices.Contains(old.digests, u.digest) {
				was := brief(old.digests[len(old.digests)-1])
				r.warn(fmt.Sprintf("%s is not what it was in run %s: its digest is %s, and was %s", u.name, old.run, brief(u.digest), was))
			}
		}
	}
}

// awaitUses returns when what the run has read is compared.
func (r *Run) awaitUses() {
	r.mu.Lock()
	checked := r.checked
	r.mu.Unlock()
	if checked != nil {
		<-checked
	}
}

// usedBefore returns what runs that began before r have read, each name as the last of them had it.
func (r *Run) usedBefore() map[string]seen {
	out := map[string]seen{}
	runs, _ := r.folder.Runs()   // what cannot be read is not compared with
	for _, other := range runs { // newest first
		if other.id == r.id || !other.began.Before(r.began) {
			continue
		}
		for _, u := range other.used(r.name) {
			old, ok := out[u.name]
			if !ok {
				old.run = other.id
			}
			if old.run == other.id {
				old.digests = append(old.digests, u.digest)
				out[u.name] = old
			}
		}
	}
	return out
}

// used lists the files that r has read and, if it has the given name, its data.
func (r *Run) used(name string) []use {
	s := r.brief()
	var list []use
	for _, f := range s.Files {
		if f.SHA256 != "" {
			list = append(list, fileUse(f))
		}
	}
	if r.name != name {
		return list
	}
	for _, d := range s.Data {
		list = append(list, dataUse(d))
	}
	return list
}

// warn tells the user, and later readers, of something that may spoil the run.
func (r *Run) warn(text string) {
	fmt.Fprintf(os.Stderr, "worklog: run %s: %s\n", r.id, text)
	r.Note("warning: " + text)
}

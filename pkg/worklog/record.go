package worklog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog/internal/framed"
)

// magic begins every log; what follows it are framed records.
const magic = "lathe worklog 1\n"

// The kinds of record. A reader skips kinds that it does not know.
const (
	kindEvent  byte = 1 // an event, as JSON
	kindPoints byte = 2 // a block of points, see appendPoints
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
	payload, err := json.Marshal(e)
	if err != nil { // event holds no value that JSON lacks
		panic("worklog: an event has no JSON form: " + err.Error())
	}
	return framed.Append(buf, kindEvent, payload)
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

// ledger describes the file at path.
func ledger(path string) (File, error) {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	f := File{Path: path}
	file, err := os.Open(path)
	if err != nil {
		return f, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return f, err
	}
	f.Size, f.ModTime = info.Size(), info.ModTime()
	if !info.Mode().IsRegular() {
		return f, errors.New("not a regular file")
	}
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return f, err
	}
	f.SHA256 = hex.EncodeToString(h.Sum(nil))
	return f, nil
}

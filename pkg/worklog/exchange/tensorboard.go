package exchange

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum that TFRecord files hold: a CRC32C that is turned and moved, so that the checksum of data with
// checksums in it is a good one too.
func masked(b []byte) uint32 {
	crc := crc32.Checksum(b, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// records calls each with every record of a TFRecord file: its length in 8 bytes, the checksum of these, the data
// and its checksum. It returns how many bytes are valid.
func records(b []byte, each func([]byte)) int {
	valid := 0
	for rest := b; len(rest) >= 16; rest = b[valid:] {
		n := binary.LittleEndian.Uint64(rest)
		if binary.LittleEndian.Uint32(rest[8:]) != masked(rest[:8]) || n > uint64(len(rest)-16) {
			break
		}
		data := rest[12 : 12+n]
		if binary.LittleEndian.Uint32(rest[12+n:]) != masked(data) {
			break
		}
		each(data)
		valid += int(n) + 16
	}
	return valid
}

// The numbers of the fields that are read, in the messages of TensorFlow's event.proto, summary.proto and tensor.proto.
const (
	eventTime, eventStep, eventSummary, eventSession = 1, 2, 5, 7
	sessionStatus, sessionStart                      = 1, 1
	summaryValue                                     = 1
	valueTag, valueSimple, valueTensor               = 1, 2, 8
	tensorType, tensorContent                        = 1, 4
	tensorFloat, tensorDouble, tensorInt, tensorText = 5, 6, 7, 8
	tensorInt64                                      = 10
	typeFloat, typeDouble, typeInt32, typeInt64      = 1, 2, 3, 9
)

// An eventReader gathers the run of one folder of event files.
type eventReader struct{ run foreign }

// readEvents reads event files of one run in the order in which they were begun.
func readEvents(files [][]byte) foreign {
	var r eventReader
	for _, content := range files {
		if valid := records(content, r.event); valid < len(content) {
			r.run.damage = damaged(valid, len(content))
		}
	}
	return r.run
}

func (r *eventReader) event(b []byte) {
	var step int64
	var when time.Time
	var summaries [][]byte
	restart := false
	fields(b, func(f field) {
		switch f.number {
		case eventTime:
			when = unix(math.Float64frombits(f.bits))
		case eventStep:
			step = int64(f.bits)
		case eventSummary:
			summaries = append(summaries, f.bytes)
		case eventSession:
			fields(f.bytes, func(f field) {
				restart = restart || f.number == sessionStatus && f.bits == sessionStart
			})
		}
	})
	if restart { // training goes on here: what was logged beyond is void
		r.run.points = slices.DeleteFunc(r.run.points, func(p metric.Point) bool { return int64(p.Step) >= step })
	}
	for _, s := range summaries {
		fields(s, func(f field) {
			if f.number == summaryValue {
				r.value(f.bytes, metric.Point{Step: metric.Step(step), Time: when})
			}
		})
	}
}

// value takes one value of a summary: a scalar, in either form, or a text.
func (r *eventReader) value(b []byte, p metric.Point) {
	ok := false
	text := ""
	fields(b, func(f field) {
		switch f.number {
		case valueTag:
			p.Name = string(f.bytes)
		case valueSimple:
			p.Value, ok = float64(math.Float32frombits(uint32(f.bits))), f.wire == wire32
		case valueTensor:
			p.Value, text, ok = tensor(f.bytes)
		}
	})
	switch {
	case text != "":
		r.run.Notes = append(r.run.Notes, worklog.Remark{Time: p.Time, Text: p.Name + ": " + text})
	case ok && p.Name != "":
		r.run.points = append(r.run.points, p)
	}
}

// tensor returns the one number, or the one text, that a tensor holds.
func tensor(b []byte) (value float64, text string, ok bool) {
	var kind uint64
	var content []byte
	count := 0
	set := func(v float64) { value, count = v, count+1 }
	fields(b, func(f field) {
		switch f.number {
		case tensorType:
			kind = f.bits
		case tensorContent:
			content = f.bytes
		case tensorFloat:
			f.each(4, func(bits uint64) { set(float64(math.Float32frombits(uint32(bits)))) })
		case tensorDouble:
			f.each(8, func(bits uint64) { set(math.Float64frombits(bits)) })
		case tensorInt, tensorInt64:
			f.each(0, func(bits uint64) { set(float64(int64(bits))) })
		case tensorText:
			text = string(f.bytes)
		}
	})
	if count == 0 {
		value, ok = number(kind, content)
		return value, text, ok
	}
	return value, text, count == 1
}

// number reads the content of a tensor of one element.
func number(kind uint64, b []byte) (float64, bool) {
	switch {
	case kind == typeFloat && len(b) == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), true
	case kind == typeDouble && len(b) == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), true
	case kind == typeInt32 && len(b) == 4:
		return float64(int32(binary.LittleEndian.Uint32(b))), true
	case kind == typeInt64 && len(b) == 8:
		return float64(int64(binary.LittleEndian.Uint64(b))), true
	}
	return 0, false
}

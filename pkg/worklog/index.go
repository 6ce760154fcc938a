package worklog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/lathe-go/lathe/pkg/internal/filelock"
	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog/internal/framed"
)

// The index keeps of each log what a query asks for, with the size and time that the log had, so that a
// list reads only what was written since the last one; of a long log it also keeps the aggregate. It can
// be deleted at any time: it is made of the logs.
//
// It is framed records: names, each a text that cards refer to by its place among the names; and cards,
// of which a later one replaces an earlier one of the same run. Behind a card stands its aggregate as
// JSON, which lists pass over.
const (
	indexName       = "index"
	indexMagic      = "lathe worklog index 2\n"
	kindName   byte = 1
	kindCard   byte = 2
)

// longLog is the size from which a log takes longer to read than its aggregate.
const longLog = 64 << 10

// A card is what a query asks of a run.
type card struct {
	id    metric.RunID
	size  int64 // of the log
	time  int64 // and its modification, Unix, nanoseconds
	name  string
	state State
	owner owner // of a run that was running
	began time.Time
	ended time.Time
	tags  []string
	files []File // their paths and digests alone
	data  []Data

	values  []byte // parameters and metrics, see appendValues
	payload []byte // all of the above
	body    body
}

// A body is where the aggregate of a card is kept.
type body struct {
	path string // of the index
	at   int64
	size int // in bytes; 0 where none is kept
	sum  uint32
}

// An index is what the file says.
type index struct {
	path   string
	names  []string
	places map[string]int
	cards  map[metric.RunID]*card
	count  int   // of cards, with those that were replaced
	size   int64 // of the file; what is behind the valid part is not counted
	whole  bool  // all of the file is valid
}

// openIndex reads an index. One that cannot be read knows nothing.
func openIndex(path string) *index {
	x := &index{path: path, places: map[string]int{}, cards: map[metric.RunID]*card{}}
	file, err := os.Open(path)
	if err != nil {
		return x
	}
	defer file.Close()
	head := make([]byte, len(indexMagic))
	if _, err := io.ReadFull(file, head); err != nil || string(head) != indexMagic {
		return x
	}
	records := framed.NewReader(file)
	for {
		kind, payload, ok := records.Next()
		if !ok {
			break
		}
		if kind == kindName {
			x.name(string(payload))
			continue
		}
		c := &card{payload: bytes.Clone(payload)}
		if kind != kindCard || !c.decode() {
			return x
		}
		c.body.path, c.body.at = path, int64(len(indexMagic))+records.Valid()
		if !records.Skip(c.body.size) {
			return x
		}
		x.cards[c.id] = c
		x.count++
	}
	x.size = int64(len(indexMagic)) + records.Valid()
	info, err := file.Stat()
	x.whole = err == nil && info.Size() == x.size
	return x
}

// name returns the place of a name, which it may add.
func (x *index) name(name string) (place int, fresh bool) {
	place, ok := x.places[name]
	if !ok {
		place = len(x.names)
		x.names = append(x.names, name)
		x.places[name] = place
	}
	return place, !ok
}

// decode reads the payload but for the values.
func (c *card) decode() bool {
	r := cursor{b: c.payload}
	c.id, c.size, c.time = metric.RunID(r.text()), r.varint(), r.varint()
	c.name, c.state = r.text(), State(r.text())
	if text := r.text(); text != "" && json.Unmarshal([]byte(text), &c.owner) != nil {
		return false
	}
	c.began, c.ended = time.Unix(0, r.varint()), time.Unix(0, r.varint())
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		c.tags = append(c.tags, r.text())
	}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		c.files = append(c.files, File{Path: r.text(), SHA256: r.text()})
	}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		c.data = append(c.data, Data{r.text(), r.text()})
	}
	c.body.size, c.body.sum = int(r.uvarint()), uint32(r.uvarint())
	c.values = r.b
	return !r.bad && c.id != "" && c.body.size >= 0
}

// newCard returns the card of a run and its body, and appends to records the names that it is the first to
// use.
func (x *index) newCard(id metric.RunID, log os.FileInfo, agg *aggregate, records []byte) (*card, []byte, []byte) {
	s := &agg.Summary
	var text []byte // an aggregate has a JSON form
	if log.Size() >= longLog {
		text, _ = json.Marshal(agg)
	}
	var by []byte
	if s.State == Running {
		by, _ = json.Marshal(agg.Owner) // strings and a number have one
	}
	b := appendText(nil, string(id))
	b = binary.AppendVarint(binary.AppendVarint(b, log.Size()), log.ModTime().UnixNano())
	b = appendText(appendText(appendText(b, s.Name), string(s.State)), string(by))
	b = binary.AppendVarint(binary.AppendVarint(b, s.Began.UnixNano()), s.Ended.UnixNano())
	b = binary.AppendUvarint(b, uint64(len(s.Tags)))
	for _, tag := range s.Tags {
		b = appendText(b, tag)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Files)))
	for _, f := range s.Files {
		b = appendText(appendText(b, f.Path), f.SHA256)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Data)))
	for _, d := range s.Data {
		b = appendText(appendText(b, d.Name), d.Digest)
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(len(text))), uint64(crc32.ChecksumIEEE(text)))
	b, records = x.appendValues(b, s, records)
	c := &card{payload: b}
	c.decode()
	return c, text, records
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendValues appends to b the number of parameters, then of each the place of its path and its value as
// text; and the same of the metrics, whose last values take 8 bytes.
func (x *index) appendValues(b []byte, s *Summary, records []byte) (_, more []byte) {
	put := func(name string) {
		place, fresh := x.name(name)
		if fresh {
			records = framed.Append(records, kindName, []byte(name))
		}
		b = binary.AppendUvarint(b, uint64(place))
	}
	b = binary.AppendUvarint(b, uint64(len(s.Params)))
	for _, p := range s.Params {
		put(p.Path)
		b = appendText(b, p.Value)
	}
	series := slices.Concat(s.Metrics, s.System)
	b = binary.AppendUvarint(b, uint64(len(series)))
	for _, m := range series {
		put(m.Name)
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(m.Last.Value))
	}
	return b, records
}

// lookup returns the text of a parameter of a card, or else of the last value of a metric.
func (x *index) lookup(c *card, key string) (string, bool) {
	place, ok := x.places[key]
	if !ok {
		return "", false
	}
	r := cursor{b: c.values}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		at, size := r.uvarint(), r.uvarint()
		if size > uint64(len(r.b)) {
			return "", false
		}
		if at == uint64(place) {
			return string(r.b[:size]), true
		}
		r.b = r.b[size:]
	}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		at, bits := r.uvarint(), r.bits()
		if at == uint64(place) && !r.bad {
			return strconv.FormatFloat(math.Float64frombits(bits), 'g', -1, 64), true
		}
	}
	return "", false
}

// aggregate returns what is kept behind a card, or nil.
func (b body) aggregate() *aggregate {
	text := b.text()
	if len(text) == 0 {
		return nil
	}
	agg := &aggregate{}
	if json.Unmarshal(text, agg) != nil {
		return nil
	}
	return agg
}

// text returns the bytes behind a card, or nil if they are there no more.
func (b body) text() []byte {
	if b.size == 0 {
		return nil
	}
	file, err := os.Open(b.path)
	if err != nil {
		return nil
	}
	defer file.Close()
	text := make([]byte, b.size)
	if _, err := file.ReadAt(text, b.at); err != nil || crc32.ChecksumIEEE(text) != b.sum {
		return nil // the index was written anew since
	}
	return text
}

// A finding is a log that the index does not know as it is.
type finding struct {
	id  metric.RunID
	log os.FileInfo
	agg *aggregate
}

// save adds findings to the index, or writes it anew when most of it is out of date. An index that cannot
// be written only costs time.
func (x *index) save(ids []metric.RunID, found []finding) {
	if len(found) == 0 {
		return
	}
	file, err := os.OpenFile(x.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
	if err != nil {
		return
	}
	defer file.Close()
	if !filelock.Try(file) {
		return
	}
	if !x.whole || x.count+len(found) > 2*len(ids)+64 {
		x.rewrite(ids, found)
		return
	}
	if info, err := file.Stat(); err == nil && info.Size() == x.size {
		file.Write(x.append(nil, found))
	} // else another process has written to it: it will be read again
}

// append appends the records of findings to buf.
func (x *index) append(buf []byte, found []finding) []byte {
	for _, f := range found {
		var c *card
		var text []byte
		c, text, buf = x.newCard(f.id, f.log, f.agg, buf)
		buf = append(framed.Append(buf, kindCard, c.payload), text...)
	}
	return buf
}

// rewrite replaces the file.
func (x *index) rewrite(ids []metric.RunID, found []finding) {
	fresh := map[metric.RunID]bool{}
	for _, f := range found {
		fresh[f.id] = true
	}
	buf := []byte(indexMagic)
	for _, name := range x.names {
		buf = framed.Append(buf, kindName, []byte(name))
	}
	for _, id := range ids {
		c := x.cards[id]
		if c == nil || fresh[id] {
			continue
		}
		if text := c.body.text(); len(text) == c.body.size {
			buf = append(framed.Append(buf, kindCard, c.payload), text...)
		}
	}
	temp, err := os.CreateTemp(filepath.Dir(x.path), indexName+".*.new")
	if err != nil {
		return
	}
	_, err = temp.Write(x.append(buf, found))
	temp.Chmod(0o644) // others may read the folder too
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), x.path)
	}
	if err != nil {
		os.Remove(temp.Name())
	}
}

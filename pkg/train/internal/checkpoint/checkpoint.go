// Package checkpoint keeps the state of a training in files: whole or not at all, whatever moment a process
// is killed in, and exact to the bit.
package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Checkpoint is everything that a training needs to go on as if it had never stopped.
//
// In a file it is the magic, the length of the header (4 bytes, little endian), the header as JSON, the
// content of each variable and each curve in the header's order, and the CRC32C of all that.
type Checkpoint struct {
	Recipe   string            `json:"recipe"`
	Run      string            `json:"run,omitempty"`      // of the worklog that recorded the step
	Step     int               `json:"step"`               // optimizer steps made
	Epoch    int               `json:"epoch"`              // passes completed
	Batch    int               `json:"batch"`              // batches taken within the current pass
	Held     int               `json:"held,omitempty"`     // batches whose gradients are accumulated and not applied
	Saved    time.Time         `json:"saved"`              // for people
	Elapsed  time.Duration     `json:"elapsed"`            // spent training, in all calls together
	Data     []byte            `json:"data,omitempty"`     // its position
	Schedule []byte            `json:"schedule,omitempty"` // what it has seen
	States   map[string][]byte `json:"states,omitempty"`   // of the user's functions
	Vars     []Variable        `json:"variables"`
	Curves   []Curve           `json:"curves"`
}

// A Variable is one variable of a store. Its bytes are as in memory: exact for every type.
type Variable struct {
	Path      string `json:"path"`
	DType     string `json:"dtype"`
	Dims      []int  `json:"dims"`
	Trainable bool   `json:"trainable"`
	Bytes     int    `json:"bytes"`
	Data      []byte `json:"-"` // its bytes
}

// A Curve is one curve of the history: its steps, then its values, 8 bytes each.
type Curve struct {
	Name   string `json:"name"`
	Points int    `json:"points"`
	Data   []byte `json:"-"` // its bytes
}

// magic begins every checkpoint file; its last byte is the version of the format.
const magic = "LATHECK\x01"

// keep is how many files of one recipe stay: the newest and one to fall back to.
const keep = 2

// maxHeader bounds a header, so that a damaged length cannot exhaust memory.
const maxHeader = 256 << 20

// castagnoli is the polynomial of the checksum; processors compute it in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged is wrapped by errors about a file that is not a whole checkpoint.
var errDamaged = errors.New("the file is damaged")

// writeTo writes c in the form of a file.
func (c *Checkpoint) writeTo(w io.Writer) error {
	header, err := json.Marshal(c)
	if err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	both := io.MultiWriter(w, sum)
	parts := [][]byte{[]byte(magic), binary.LittleEndian.AppendUint32(nil, uint32(len(header))), header}
	for _, v := range c.Vars {
		parts = append(parts, v.Data)
	}
	for _, v := range c.Curves {
		parts = append(parts, v.Data)
	}
	for _, part := range parts {
		if _, err := both.Write(part); err != nil {
			return err
		}
	}
	_, err = w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

// decode reads the content of a file. Its errors wrap errDamaged.
func decode(file []byte) (*Checkpoint, error) {
	const sumSize = 4
	if len(file) < len(magic)+4+sumSize {
		return nil, fmt.Errorf("%w: it has only %d bytes", errDamaged, len(file))
	}
	if !bytes.HasPrefix(file, []byte(magic)) {
		return nil, fmt.Errorf("%w: it does not begin as a checkpoint", errDamaged)
	}
	body, tail := file[:len(file)-sumSize], file[len(file)-sumSize:]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(tail) {
		return nil, fmt.Errorf("%w: the checksum does not match", errDamaged)
	}
	body = body[len(magic):]
	n := int64(binary.LittleEndian.Uint32(body))
	body = body[4:]
	if n > maxHeader || n > int64(len(body)) {
		return nil, fmt.Errorf("%w: the header's length is %d", errDamaged, n)
	}
	c := new(Checkpoint)
	if err := json.Unmarshal(body[:n], c); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return c, c.takeParts(body[n:])
}

// takeParts hands the bytes after the header to the variables and curves.
func (c *Checkpoint) takeParts(body []byte) error {
	take := func(n int) ([]byte, error) {
		if n < 0 || n > len(body) {
			return nil, fmt.Errorf("%w: it ends within its content", errDamaged)
		}
		part := body[:n:n]
		body = body[n:]
		return part, nil
	}
	var err error
	for i := range c.Vars {
		if c.Vars[i].Data, err = take(c.Vars[i].Bytes); err != nil {
			return err
		}
	}
	for i := range c.Curves {
		if c.Curves[i].Points > len(body)/16 { // before multiplying, which could overflow
			return fmt.Errorf("%w: curve %s is cut", errDamaged, c.Curves[i].Name)
		}
		if c.Curves[i].Data, err = take(16 * c.Curves[i].Points); err != nil {
			return err
		}
	}
	if len(body) != 0 {
		return fmt.Errorf("%w: %d bytes too many", errDamaged, len(body))
	}
	return nil
}

// Save writes c into dir so that a crash at any moment leaves whole checkpoints only, and removes the
// oldest.
func (c *Checkpoint) Save(dir string) error {
	if _, err := c.write(dir, newestFile); err != nil {
		return err
	}
	var err error
	for i, old := range List(dir) {
		if i >= keep {
			err = errors.Join(err, os.Remove(old))
		}
	}
	return err
}

// write writes c into dir as a file of a kind, whole or not at all.
func (c *Checkpoint) write(dir, kind string) (name string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	removeUnfinished(dir)
	tmp, err := os.CreateTemp(dir, unfinished)
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name()) // does nothing after the rename
	err = c.writeTo(tmp)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return "", err
	}
	name = filepath.Join(dir, fmt.Sprintf("%s-%012d.ckpt", kind, c.Step))
	if err := os.Rename(tmp.Name(), name); err != nil {
		return "", err
	}
	return name, syncDir(dir)
}

// SaveBest writes c beside the newest ones as the best, in place of the one that was.
func (c *Checkpoint) SaveBest(dir string) error {
	before := listAs(dir, bestFile)
	name, err := c.write(dir, bestFile)
	if err != nil {
		return err
	}
	for _, old := range before {
		if old != name {
			err = errors.Join(err, os.Remove(old))
		}
	}
	return err
}

// The names of files begin with what they are.
const (
	newestFile = "step"
	bestFile   = "best"
)

// unfinished is the pattern of files that are being written.
const unfinished = ".saving-*"

// removeUnfinished deletes what killed processes left in dir. Another process may be writing there just
// now, so only files that are too old for that go.
func removeUnfinished(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, unfinished))
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > time.Hour {
			os.Remove(path) // a file that stays is in nobody's way
		}
	}
}

// syncDir makes a rename within dir survive a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// List returns the files of checkpoints in dir, the newest step first.
func List(dir string) []string { return listAs(dir, newestFile) }

// Best returns the file of the best checkpoint in dir, or nothing.
func Best(dir string) string {
	if list := listAs(dir, bestFile); len(list) > 0 {
		return list[0]
	}
	return ""
}

// StepOf returns the step that a checkpoint's file name tells.
func StepOf(path string) (step int, ok bool) {
	_, digits, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".ckpt"), "-")
	step, err := strconv.Atoi(digits)
	return step, err == nil
}

// listAs lists files of one kind.
func listAs(dir, kind string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, kind+"-*.ckpt"))
	slices.Sort(files)
	slices.Reverse(files)
	return files
}

// Load returns the newest whole checkpoint of a recipe in dir, or nil if there is none. Notes
// name the files that had to be passed over.
func Load(dir, recipe string) (c *Checkpoint, notes []string) {
	for _, path := range List(dir) {
		c, err := Read(path, recipe)
		if err == nil {
			return c, notes
		}
		notes = append(notes, fmt.Sprintf("checkpoint %s is passed over: %v", path, err))
	}
	return nil, notes
}

// Read reads a file, which must be a whole checkpoint of a recipe.
func Read(path, recipe string) (*Checkpoint, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := decode(file)
	if err == nil && c.Recipe != recipe {
		err = errors.New("it belongs to another recipe")
	}
	return c, err
}

// RemoveAll deletes the checkpoints in dir.
func RemoveAll(dir string) error {
	var err error
	for _, path := range append(List(dir), listAs(dir, bestFile)...) {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// Root returns the folder of all checkpoints: $LATHE_CHECKPOINTS, else .lathe/checkpoints in
// the project that the working folder belongs to.
func Root() (string, error) {
	if dir := os.Getenv("LATHE_CHECKPOINTS"); dir != "" {
		return filepath.Abs(dir)
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the folder of checkpoints: %w", err)
	}
	return filepath.Join(projectRoot(wd), ".lathe", "checkpoints"), nil
}

// projectRoot returns the nearest folder from dir upward that holds a Go module or a git repository, or
// dir itself if there is none.
func projectRoot(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		for _, mark := range []string{"go.mod", ".git"} {
			if _, err := os.Stat(filepath.Join(at, mark)); err == nil {
				return at
			}
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// Folder makes the name of a recipe's folder from a model's name and the recipe.
func Folder(model, recipe string) string {
	return fmt.Sprintf("%s-%.12s", Clean(model), recipe)
}

// Clean makes a short name of a file from a model's name.
func Clean(model string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, model)
	return fmt.Sprintf("%.40s", clean)
}

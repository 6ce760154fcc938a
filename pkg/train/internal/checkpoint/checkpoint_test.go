package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// sample returns a checkpoint with variables of several types and curves with every kind of value.
func sample(t testing.TB, step int) *Checkpoint {
	store := model.NewStore()
	set := func(path string, value any) {
		if _, err := store.CreateVariable(path, tensors.MustFromAnyValue(value)); err != nil {
			t.Fatal(err)
		}
	}
	set("/a/weights", [][]float32{{1, float32(math.Inf(-1))}, {float32(math.NaN()), 4}})
	set("/a/count", int64(9007199254740993)) // not a float64
	set("/flag", []bool{true, false, true})
	vars, err := Variables(store)
	if err != nil {
		t.Fatal(err)
	}
	curve := func(name string, steps ...uint64) Curve {
		var data []byte
		for _, v := range steps {
			data = binary.LittleEndian.AppendUint64(data, v)
		}
		return Curve{Name: name, Points: len(steps) / 2, Data: data}
	}
	return &Checkpoint{Recipe: "r", Step: step, Epoch: 2, Batch: 3, Data: []byte{0, 1, 255}, Vars: vars, Curves: []Curve{
		curve("train/loss", 0, 3, math.Float64bits(1), math.Float64bits(math.NaN())), curve("valid/loss", 9, math.Float64bits(0.5)),
	}}
}

func encode(t testing.TB, c *Checkpoint) []byte {
	var buf bytes.Buffer
	if err := c.writeTo(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestCheckpointRoundTrip(t *testing.T) {
	want := sample(t, 7)
	got, err := decode(encode(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	store := model.NewStore()
	if err := Restore(store, got.Vars); err != nil {
		t.Fatal(err)
	}
	if v := store.GetVariable("/a/count").MustValue().Value(); v != int64(9007199254740993) {
		t.Errorf("an int64 came back as %v", v)
	}
	again, err := Variables(store)
	if err != nil || !reflect.DeepEqual(again, want.Vars) {
		t.Errorf("variables saved again differ (%v)", err)
	}
}

// TestDamageIsSeen cuts a file at every length and flips a bit in every byte.
func TestDamageIsSeen(t *testing.T) {
	file := encode(t, sample(t, 7))
	for n := range file {
		if _, err := decode(file[:n]); !errors.Is(err, errDamaged) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(file), err)
		}
		flipped := bytes.Clone(file)
		flipped[n] ^= 0x10
		if _, err := decode(flipped); !errors.Is(err, errDamaged) {
			t.Fatalf("bit flipped in byte %d: %v", n, err)
		}
	}
	if _, err := decode(append(bytes.Clone(file), 0)); !errors.Is(err, errDamaged) {
		t.Error("a byte more is not seen")
	}
}

func TestFallBackToOlderCheckpoint(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []int{10, 20, 30} {
		if err := sample(t, step).Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	stale := filepath.Join(dir, ".saving-1")
	if err := os.WriteFile(stale, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(stale, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := sample(t, 30).Save(dir); err != nil {
		t.Fatal(err)
	}
	files := List(dir)
	if len(files) != keep || !strings.HasSuffix(files[0], "step-000000000030.ckpt") {
		t.Fatalf("files %v", files)
	}
	if all, _ := os.ReadDir(dir); len(all) != keep {
		t.Errorf("left over: %v", all)
	}
	if c, notes := Load(dir, "r"); c == nil || c.Step != 30 || len(notes) != 0 {
		t.Errorf("newest: %v %v", c, notes)
	}
	if c, notes := Load(dir, "other"); c != nil || len(notes) != 2 {
		t.Errorf("another recipe's checkpoint was taken: %v %v", c, notes)
	}
	if err := os.Truncate(files[0], 100); err != nil {
		t.Fatal(err)
	}
	if c, notes := Load(dir, "r"); c == nil || c.Step != 20 || len(notes) != 1 || !strings.Contains(notes[0], files[0]) {
		t.Errorf("fall-back: %v %v", c, notes)
	}
	if c, notes := Load(filepath.Join(dir, "none"), "r"); c != nil || notes != nil {
		t.Errorf("empty folder: %v %v", c, notes)
	}
}

func TestCheckpointFolder(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := projectRoot(deep); got != deep {
		t.Errorf("outside a project: %s", got)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := projectRoot(deep); got != root {
		t.Errorf("within a module: %s", got)
	}
	t.Setenv("LATHE_CHECKPOINTS", filepath.Join(root, "c"))
	if got, err := Root(); err != nil || got != filepath.Join(root, "c") {
		t.Errorf("from the environment: %s, %v", got, err)
	}
	if got := Folder("a b/ü", "0123456789abcdef"); got != "a-b---0123456789ab" {
		t.Errorf("folder name %q", got)
	}
}

func FuzzDecodeCheckpoint(f *testing.F) {
	f.Add(encode(f, sample(f, 7)))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := decode(file)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatalf("error %v is not errDamaged", err)
			}
			return
		}
		for _, curve := range c.Curves {
			if len(curve.Data) != 16*curve.Points {
				t.Fatalf("curve %s of %d points has %d bytes", curve.Name, curve.Points, len(curve.Data))
			}
		}
	})
}

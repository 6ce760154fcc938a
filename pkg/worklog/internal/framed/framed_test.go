package framed

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func count(t *testing.T, data []byte) (n int, valid int64) {
	t.Helper()
	r := NewReader(bytes.NewReader(data))
	for {
		if _, _, ok := r.Next(); !ok {
			break
		}
		n++
	}
	if r.Err() != nil {
		t.Fatalf("reading memory failed: %v", r.Err())
	}
	return n, r.Valid()
}

func TestEveryCutAndEveryFlipLeavesThePrefix(t *testing.T) {
	var log []byte
	ends := []int{0}
	for i := range 6 {
		log = Append(log, byte(i+1), bytes.Repeat([]byte{byte(i)}, i*3))
		ends = append(ends, len(log))
	}
	whole := func(at int) (n int) { // records that end at or before byte `at`
		for n+1 < len(ends) && ends[n+1] <= at {
			n++
		}
		return n
	}
	for at := range len(log) + 1 {
		if n, valid := count(t, log[:at]); n != whole(at) || int(valid) != ends[n] {
			t.Errorf("cut at %d: %d records of %d bytes, want %d", at, n, valid, whole(at))
		}
	}
	for at := range log {
		for bit := range 8 {
			damaged := bytes.Clone(log)
			damaged[at] ^= 1 << bit
			if n, _ := count(t, damaged); n != whole(at) {
				t.Errorf("bit %d of byte %d flipped: %d records, want %d", bit, at, n, whole(at))
			}
		}
	}
}

func TestZerosAreNoRecord(t *testing.T) {
	log := Append(nil, 1, []byte("x"))
	end := int64(len(log))
	if n, valid := count(t, append(log, make([]byte, 4096)...)); n != 1 || valid != end {
		t.Errorf("%d records of %d bytes, want 1 of %d", n, valid, end)
	}
}

func TestErrorOfTheDisk(t *testing.T) {
	broken := errors.New("broken disk")
	r := NewReader(io.MultiReader(bytes.NewReader(Append(nil, 1, nil)), iotest.ErrReader(broken)))
	if _, _, ok := r.Next(); !ok {
		t.Fatal("the first record is not read")
	}
	if _, _, ok := r.Next(); ok || !errors.Is(r.Err(), broken) {
		t.Errorf("ok %v, error %v, want %v", ok, r.Err(), broken)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(Append(Append(nil, 1, []byte("hello")), 2, nil))
	f.Add([]byte{0xff, 0xff, 0xff, 0x03, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(bytes.NewReader(data))
		var again []byte
		for {
			kind, payload, ok := r.Next()
			if !ok {
				break
			}
			again = Append(again, kind, payload)
		}
		if !bytes.Equal(again, data[:r.Valid()]) {
			t.Error("what was read does not write back")
		}
	})
}

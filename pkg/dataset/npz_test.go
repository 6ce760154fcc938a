package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// npy makes a .npy file of version 1.
func npy(descr, shape string, data []byte) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", descr, shape)
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(b, header...), data...)
}

func TestReadNPY(t *testing.T) {
	double := binary.LittleEndian.AppendUint64(nil, math.Float64bits(-0.1))
	for _, c := range []struct {
		file []byte
		want []float64
	}{
		{npy("|u1", "3,", []byte{0, 7, 255}), []float64{0, 7, 255}},
		{npy("|i1", "2,", []byte{255, 127}), []float64{-1, 127}},
		{npy("|b1", "2,", []byte{0, 1}), []float64{0, 1}},
		{npy("<i2", "1, 2", []byte{0xfe, 0xff, 1, 2}), []float64{-2, 513}},
		{npy(">u4", "1,", []byte{0, 0, 1, 2}), []float64{258}},
		{npy("<f8", "", double), []float64{-0.1}},
		{npy("<f4", "0, 5", nil), []float64{}},
	} {
		got, err := readNPY(c.file)
		if err != nil || !slices.Equal(got.values, c.want) {
			t.Errorf("%q: %v, %v; want %v", c.file[10:], got.values, err, c.want)
		}
	}
	for name, file := range map[string][]byte{
		"nothing": nil, "text": []byte("hello, array!"), "half the data": npy("<f8", "1,", double[:4]),
		"a type that is no number": npy("<U8", "1,", double), "half precision": npy("<f2", "1,", double),
		"too large a shape":     npy("|u1", "4294967296, 4294967296", []byte{1}),
		"a header without data": npy("<f8", "1,", nil),
		"Fortran's order":       bytes.Replace(npy("|u1", "1, 1", []byte{1}), []byte("False"), []byte("True "), 1),
	} {
		if got, err := readNPY(file); err == nil {
			t.Errorf("%s is read: %v", name, got)
		}
	}
}

func TestReadNPZ(t *testing.T) {
	pack := func(files map[string][]byte) (*bytes.Reader, int64) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, content := range files {
			w, err := z.Create(name + ".npy")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(content); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(b.Bytes()), int64(b.Len())
	}
	images := npy("|u1", "2, 2, 2", []byte{1, 2, 3, 4, 5, 6, 7, 8})
	r, size := pack(map[string][]byte{"x_test": images, "y_test": npy("<i2", "2, 1", []byte{3, 0, 1, 0})})
	got, err := ReadNPZ("toy", r, size, "x_test", "y_test")
	if err != nil || !slices.Equal(got.Shape, []int{2, 2, 1}) || !slices.Equal(got.Row(1), []float32{5, 6, 7, 8}) ||
		!slices.Equal(got.Y, []int32{3, 1}) || got.Classes != 4 {
		t.Errorf("%+v, %v", got, err)
	}
	for want, labels := range map[string][]byte{
		"do not go together": npy("|u1", "3,", []byte{0, 1, 2}), "label 1 is -1": npy("|i1", "2,", []byte{0, 255}),
		"array y": []byte("junk"),
	} {
		r, size := pack(map[string][]byte{"x": images, "y": labels})
		if _, err := ReadNPZ("toy", r, size, "x", "y"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := ReadNPZ("toy", r, size, "x_test", "z"); err == nil {
		t.Error("an array that is not there is read")
	}
}

func FuzzReadNPY(f *testing.F) {
	f.Add(npy("<f4", "1, 2", make([]byte, 8)))
	f.Add(npy("|u1", "3,", []byte{1, 2, 3}))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readNPY(b)
		if err != nil {
			return
		}
		count := 1
		for _, d := range got.shape {
			count *= d
		}
		if count != len(got.values) {
			t.Errorf("%d values of shape %v", len(got.values), got.shape)
		}
	})
}

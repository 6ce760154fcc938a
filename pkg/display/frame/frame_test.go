package frame

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
)

func TestFramesSurviveTheWire(t *testing.T) {
	frames := []Frame{
		{Kind: Stdout, Cell: 1, Payload: []byte("hello\n")},
		{Kind: Stderr, Cell: 1<<63 + 5, Payload: []byte{}},
		{Kind: Clear, Cell: 3, Payload: []byte(`{"wait":true}`)},
	}
	var wire []byte
	for _, f := range frames {
		wire = Append(wire, f)
	}
	r := bytes.NewReader(wire)
	for i, want := range frames {
		got, err := Read(r)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if got.Kind != want.Kind || got.Cell != want.Cell || !bytes.Equal(got.Payload, want.Payload) {
			t.Errorf("frame %d: got %+v, want %+v", i, got, want)
		}
	}
	if _, err := Read(r); err != io.EOF {
		t.Errorf("after the last frame: %v, want io.EOF", err)
	}
}

func TestReadOfCutFrames(t *testing.T) {
	wire := Append(nil, Frame{Kind: Display, Cell: 7, Payload: []byte("payload")})
	for n := 1; n < len(wire); n++ {
		if _, err := Read(bytes.NewReader(wire[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v, want io.ErrUnexpectedEOF", n, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(Append(nil, Frame{Kind: Stdout, Payload: []byte("x")}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		fr, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		if again := Append(nil, fr); !bytes.Equal(again, data[:len(again)]) {
			t.Errorf("a frame that was read does not write back")
		}
	})
}

// What waits for the end of a cell is called then, and once.
func TestAtEnd(t *testing.T) {
	AtEnd(0, func() { t.Error("called although there is no notebook") })
	attach(t)
	var got []int
	AtEnd(1, func() { got = append(got, 1) })
	AtEnd(1, func() { got = append(got, 2) })
	End()
	End()
	if !slices.Equal(got, []int{2}) {
		t.Errorf("called %v", got)
	}
}

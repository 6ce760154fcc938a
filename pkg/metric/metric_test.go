package metric

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestTeeHandsOnInOrder(t *testing.T) {
	var got []string
	sink := func(label string) Sink {
		return SinkFunc(func(step Step, name string, value float64) {
			got = append(got, fmt.Sprint(label, step, name, value))
		})
	}
	both := Tee(sink("a"), nil, sink("b"))
	for step := range 2 {
		both.Log(step, "loss", 0.5)
	}
	want := []string{"a0loss0.5", "b0loss0.5", "a1loss0.5", "b1loss0.5"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFinite(t *testing.T) {
	for value, want := range map[float64]bool{0: true, -1e300: true, math.Inf(1): false, math.Inf(-1): false} {
		if got := (Point{Value: value}).Finite(); got != want {
			t.Errorf("Finite(%v) = %v, want %v", value, got, want)
		}
	}
	if (Point{Value: math.NaN()}).Finite() {
		t.Error("NaN counts as finite")
	}
}

func ExampleTee() {
	last := map[string]float64{}
	keep := SinkFunc(func(_ Step, name string, value float64) { last[name] = value })
	show := SinkFunc(func(step Step, name string, value float64) { fmt.Println(step, name, value) })
	Tee(keep, show).Log(3, "valid/loss", 0.25)
	// Output: 3 valid/loss 0.25
}

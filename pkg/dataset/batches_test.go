package dataset

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
)

// take consumes up to n batches of one iteration and returns the numbers of their examples.
func take(t *testing.T, b *Batches, n int) [][]int {
	t.Helper()
	var out [][]int
	for batch, err := range b.Iter() {
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		x := tensors.MustCopyFlatData[float32](batch.Inputs[0])
		y := tensors.MustCopyFlatData[int32](batch.Labels[0])
		for i, label := range y {
			got = append(got, int(x[4*i]))
			if int(x[4*i])%10 != int(label) {
				t.Errorf("example %v has the label %d", x[4*i], label)
			}
		}
		if err := batch.Finalize(); err != nil {
			t.Fatal(err)
		}
		if out = append(out, got); len(out) == n {
			break
		}
	}
	return out
}

func TestEpochsAreCompleteAndDiffer(t *testing.T) {
	b := toy(20).Batches(4, 1)
	first, second := take(t, b, -1), take(t, b, -1)
	if len(first) != 5 || b.Len() != 5 || fmt.Sprint(first) == fmt.Sprint(second) {
		t.Errorf("epochs %v and %v", first, second)
	}
	for _, epoch := range [][][]int{first, second} {
		all := slices.Concat(epoch...)
		slices.Sort(all)
		for i, n := range all {
			if i != n {
				t.Fatalf("an epoch holds %v", all)
			}
		}
	}
	if got := take(t, toy(20).Batches(4, 1), -1); fmt.Sprint(got) != fmt.Sprint(first) {
		t.Errorf("the same seed gives %v, then %v", first, got)
	}
	if got := take(t, toy(20).Batches(4, 2), -1); fmt.Sprint(got) == fmt.Sprint(first) {
		t.Error("another seed gives the same order")
	}
	if want := "[[4 0 16 19] [15 3 7 2]"; fmt.Sprint(first[:2]) != want+"]" {
		t.Errorf("the order of seed 1 begins with %v: it has changed", first[:2])
	}
}

func TestRestoreAtEveryPosition(t *testing.T) {
	make := func() *Batches { return toy(22).Batches(4, 3).KeepShort() }
	whole := make()
	var want [][]int // three epochs
	for range 3 {
		want = append(want, take(t, whole, -1)...)
	}
	per := whole.Len()
	for at := range 2*per + 1 {
		b := make()
		for left := at; left > 0; left -= per {
			take(t, b, left)
		}
		state, err := b.State()
		if err != nil || len(state) > 1024 {
			t.Fatalf("state of %d bytes, error %v", len(state), err)
		}
		again := make()
		take(t, again, 2) // where it stood before does not matter
		if err := again.Restore(state); err != nil {
			t.Fatal(err)
		}
		var got [][]int
		for len(got) < 3*per-at {
			got = append(got, take(t, again, 3*per-at-len(got))...)
		}
		if fmt.Sprint(got) != fmt.Sprint(want[at:]) {
			t.Errorf("restored after %d batches: %v, want %v", at, got, want[at:])
		}
	}
}

func TestPositionAtTheEndOfAnEpochLeavesNothing(t *testing.T) {
	b := toy(8).Batches(4, 1)
	take(t, b, -1)
	state, err := b.State()
	if err != nil {
		t.Fatal(err)
	}
	next := take(t, b, -1)
	if err := b.Restore(state); err != nil {
		t.Fatal(err)
	}
	if rest := take(t, b, -1); len(rest) != 0 {
		t.Errorf("the rest of a finished epoch: %v", rest)
	}
	if got := take(t, b, -1); fmt.Sprint(got) != fmt.Sprint(next) {
		t.Errorf("then %v, want %v", got, next)
	}
	if err := b.Restore(nil); err != nil {
		t.Fatal(err)
	}
	if got, want := take(t, b, -1), take(t, toy(8).Batches(4, 1), -1); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("from the beginning: %v, want %v", got, want)
	}
}

func TestRestoreRefusesForeignPositions(t *testing.T) {
	state, err := toy(8).Batches(4, 1).State()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*Batches{
		"other seed": toy(8).Batches(4, 2), "other size": toy(8).Batches(2, 1), "other data": toy(9).Batches(4, 1),
		"in order": toy(8).Ordered(4), "other shape": toy(8).Batches(4, 1).Flat(),
	} {
		if b.Restore(state) == nil {
			t.Errorf("%s: the position is taken", name)
		}
	}
	b := toy(8).Batches(4, 1)
	for _, bad := range []string{"", "{}", `{"digest":"` + b.Digest() + `","next":99}`} {
		if b.Restore([]byte(bad)) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestShapesAndShortBatches(t *testing.T) {
	for _, c := range []struct {
		b    *Batches
		want []string
	}{
		{toy(5).Batches(2, 1), []string{"[2 2 2 1]", "[2 2 2 1]"}},
		{toy(5).Batches(2, 1).KeepShort().Flat(), []string{"[2 4]", "[2 4]", "[1 4]"}},
		{toy(5).Ordered(3), []string{"[3 2 2 1]", "[2 2 2 1]"}},
		{toy(2).Batches(100, 1), []string{"[2 2 2 1]"}},
	} {
		var got []string
		for batch, err := range c.b.Iter() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(batch.Inputs[0].Shape().Dimensions))
			labels := batch.Labels[0].Shape()
			if labels.Rank() != 2 || labels.Dimensions[1] != 1 || labels.DType.String() != "Int32" {
				t.Errorf("labels of shape %v", labels)
			}
		}
		if !slices.Equal(got, c.want) || len(got) != c.b.Len() {
			t.Errorf("shapes %v, want %v; Len %d", got, c.want, c.b.Len())
		}
	}
	if got := take(t, toy(5).Ordered(3), -1); fmt.Sprint(got) != "[[0 1 2] [3 4]]" {
		t.Errorf("in order: %v", got)
	}
}

func TestNamesAreLongEnoughForGoMLX(t *testing.T) {
	for name, want := range map[string]string{"": " data", "ab": "ab data", "abc": "abc"} {
		b := toy(4).Named(name).Ordered(2)
		if b.Name() != want || len(b.ShortName()) != 3 {
			t.Errorf("%q: %q, %q", name, b.Name(), b.ShortName())
		}
	}
}

func BenchmarkBatchOf32Images(b *testing.B) {
	batches := toy(3200).Batches(32, 1)
	b.ReportAllocs()
	for b.Loop() {
		for batch := range batches.Iter() {
			if err := batch.Finalize(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/batch")
}

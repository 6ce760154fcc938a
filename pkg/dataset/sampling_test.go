package dataset

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/dataset/augment"
	"github.com/lathe-go/lathe/pkg/dataset/sample"
)

// strategies returns batches of every kind, made anew.
func strategies(t *testing.T) map[string]*Batches {
	t.Helper()
	table := toy(22)
	scores := make([]float64, 22)
	for i := range scores {
		scores[i] = float64(i * 7 % 22)
	}
	mix, err := Mix(4, 2, 3, toy(15), toy(5), toy(2))
	if err != nil {
		t.Fatal(err)
	}
	pacing := sample.Pacing{Start: 0.3, Epochs: 3}
	plan := augment.New(5, augment.Noise(0.1), augment.Flip(0.5))
	return map[string]*Batches{
		"sequential":  table.Ordered(4),
		"shuffle":     table.Batches(4, 3),
		"replacement": table.Replacement(4, 3),
		"stratified":  table.Stratified(4, 3),
		"balanced":    table.Balanced(4, 3),
		"weighted":    table.Weighted(4, scores, 3),
		"curriculum":  table.Curriculum(4, scores, pacing, 3),
		"hard":        table.Hard(4, 0.5, 3),
		"hard ahead":  table.Hard(4, 0.5, 3).KeepShort().Prefetch(3),
		"mixture":     mix,
		"ahead":       table.Batches(4, 3).Prefetch(2),
		"augmented":   table.Batches(4, 3).Augment(plan).Mixup(0.4, 1).Prefetch(2),
	}
}

// contents is one iteration of b as text: all that a network would get, and the places. It tells b
// losses that depend on the batch.
func contents(t *testing.T, b *Batches) iter.Seq[string] {
	return func(yield func(string) bool) {
		for batch, err := range b.Iter() {
			if err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprint(b.Last(), tensors.MustCopyFlatData[float32](batch.Inputs[0]))
			if y := batch.Labels[0]; y.DType().IsFloat() {
				text += fmt.Sprint(tensors.MustCopyFlatData[float32](y))
			} else {
				text += fmt.Sprint(tensors.MustCopyFlatData[int32](y))
			}
			if _, ok := b.Order().(sample.Stateful); ok {
				losses := make([]float32, len(b.Last()))
				for i, place := range b.Last() {
					losses[i] = float32((place*place + b.Last()[0]) % 5)
				}
				if err := b.Learn(losses); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Finalize(); err != nil {
				t.Fatal(err)
			}
			if !yield(text) {
				return
			}
		}
	}
}

// Whatever the strategy, the position after any batch restores exactly what would have come.
func TestEveryStrategyResumesAtEveryPosition(t *testing.T) {
	for name, whole := range strategies(t) {
		const epochs = 3
		var want []string
		var states [][]byte
		for range epochs {
			for batch := range contents(t, whole) {
				state, err := whole.State()
				if err != nil || len(state) > 1024 {
					t.Fatalf("%s: a state of %d bytes, error %v", name, len(state), err)
				}
				want, states = append(want, batch), append(states, state)
			}
		}
		if len(want) != epochs*whole.Len() {
			t.Errorf("%s: %d batches in %d epochs of %d", name, len(want), epochs, whole.Len())
		}
		for at, state := range states {
			b := strategies(t)[name]
			for range contents(t, b) {
				break // where it stood before does not matter
			}
			if err := b.Restore(state); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var got []string
			for range epochs - at/whole.Len() {
				got = slices.AppendSeq(got, contents(t, b))
			}
			if !slices.Equal(got, want[at+1:]) {
				t.Errorf("%s: restored after %d batches, other batches come", name, at+1)
			}
		}
	}
}

func TestPlacesAreWhatAnEpochGives(t *testing.T) {
	for name, b := range strategies(t) {
		for epoch := range 2 {
			var got []int
			for range contents(t, b) {
				got = append(got, b.Last()...)
			}
			if want := b.Places(epoch); !slices.Equal(got, want) {
				t.Errorf("%s, epoch %d: %v, Places say %v", name, epoch, got, want)
			}
		}
	}
}

func TestStrategiesGiveWhatTheyPromise(t *testing.T) {
	table := toy(60)
	table.Y = slices.Concat(slices.Repeat([]int32{0}, 50), slices.Repeat([]int32{1}, 10))
	for range table.Balanced(12, 1).Iter() {
	}
	b := table.Balanced(60, 1)
	for range b.Iter() {
		ones := 0
		for _, place := range b.Last() {
			ones += int(table.Y[place])
		}
		if ones != 30 {
			t.Errorf("balanced: %d of the rare class in 60", ones)
		}
	}
	s := table.Stratified(12, 1)
	for range s.Iter() {
		ones := 0
		for _, place := range s.Last() {
			ones += int(table.Y[place])
		}
		if ones < 1 || ones > 3 {
			t.Errorf("stratified: %d of the rare class in 12", ones)
		}
	}
	if _, err := Mix(4, 1, 1, toy(3), Table{Name: "flat", Shape: []int{4}}); err == nil {
		t.Error("tables of other shapes are mixed")
	}
	if err := table.Batches(4, 1).LearnAt([]int{1}, []float32{1}); err == nil || !strings.Contains(err.Error(), "Table.Hard") {
		t.Errorf("a shuffle learns: %v", err)
	}
}

func TestTargetsAreFloatLabels(t *testing.T) {
	table := toy(4)
	table.Y, table.Classes, table.Target = nil, 0, []float32{1, 2, 3, 4.5}
	if table.Len() != 4 || table.Rest(3).Target[0] != 4.5 {
		t.Errorf("%v", table)
	}
	for batch := range table.Ordered(4).Iter() {
		if got := batch.Labels[0].Shape().String(); got != "(Float32)[4, 1]" {
			t.Errorf("labels of shape %s", got)
		}
	}
}

// slow is a source that counts what it makes, and fails or panics at a batch.
type slow struct {
	made          int
	failAt, panic int
}

func (s *slow) Len() int       { return 100 }
func (s *slow) Digest() string { return "slow" }
func (s *slow) Batch(places []int) (train.Batch, error) {
	s.made++
	switch s.made {
	case s.failAt:
		return train.Batch{}, errors.New("the disk is gone")
	case s.panic:
		panic("a bug")
	}
	return train.Batch{Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions([]float32{1}, 1)}}, nil
}

func TestPrefetchIsBoundedAndEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	source := &slow{}
	b := NewBatches("slow", source, sample.Sequential(100), 5).Prefetch(3)
	given := 0
	for range b.Iter() {
		if given++; given == 4 {
			break // the goroutine has ended when this loop has
		}
	}
	if source.made > 4+3 || source.made < 4 {
		t.Errorf("%d batches were made for 4", source.made)
	}
	if state, _ := b.State(); !strings.Contains(string(state), `"next":4`) {
		t.Errorf("the position is that of what was prepared: %s", state)
	}
	for _, c := range []struct {
		source *slow
		want   string
	}{{&slow{failAt: 3}, "batch 2 of epoch 0 of slow: the disk is gone"}, {&slow{panic: 3}, "batch 2 of epoch 0 of slow: panic: a bug"}} {
		given := 0
		var failed error
		for _, err := range NewBatches("slow", c.source, sample.Sequential(100), 5).Prefetch(2).Iter() {
			if failed = err; err == nil {
				given++
			}
		}
		if given != 2 || failed == nil || !strings.Contains(failed.Error(), c.want) {
			t.Errorf("%d batches, then %v, want %s", given, failed, c.want)
		}
	}
	func() {
		defer func() { _ = recover() }()
		for range NewBatches("slow", &slow{}, sample.Sequential(100), 5).Prefetch(2).Iter() {
			panic("in the loop")
		}
	}()
	for range 100 { // the goroutines have closed their channel, and are about to be gone
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestAugmentationAndMixupReachTheNetwork(t *testing.T) {
	b := toy(8).Batches(4, 1).Augment(augment.New(1, augment.Noise(1))).Mixup(1, 2).Flat()
	for batch, err := range b.Iter() {
		if err != nil {
			t.Fatal(err)
		}
		if x, y := batch.Inputs[0].Shape().String(), batch.Labels[0].Shape().String(); x != "(Float32)[4, 4]" || y != "(Float32)[4, 10]" {
			t.Errorf("shapes %s and %s", x, y)
		}
	}
	if b.Plain() || !toy(8).Balanced(4, 1).Flat().Plain() || fmt.Sprint(b.ExampleShape(), toy(8).Ordered(1).ExampleShape()) != "[4] [2 2 1]" {
		t.Errorf("plain %v, examples of shape %v", b.Plain(), b.ExampleShape())
	}
	if !strings.Contains(b.String(), "noise of 1") || !strings.Contains(b.String(), "mixup") {
		t.Errorf("%s", b)
	}
	if b.Digest() == toy(8).Batches(4, 1).Flat().Digest() {
		t.Error("the digest does not follow the augmentation")
	}
	flat := toy(8)
	flat.Shape = []int{4}
	for _, err := range flat.Batches(4, 1).Augment(augment.New(1, augment.Flip(1))).Iter() {
		if err == nil || !strings.Contains(err.Error(), "no images") {
			t.Errorf("rows of numbers are augmented: %v", err)
		}
	}
}

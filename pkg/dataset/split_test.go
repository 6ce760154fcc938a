package dataset

import (
	"fmt"
	"slices"
	"testing"
)

// whole checks that parts have every example of toy(n) exactly once.
func whole(t *testing.T, n int, parts ...Table) {
	t.Helper()
	var all []int
	for _, p := range parts {
		all = append(all, numbers(p)...)
	}
	slices.Sort(all)
	for i := range n {
		if len(all) != n || all[i] != i {
			t.Fatalf("the parts have %v", all)
		}
	}
}

func TestStratifiedSplitKeepsProportions(t *testing.T) {
	table := toy(200)
	for i := range table.Y {
		table.Y[i] = 0
		if i%10 == 0 {
			table.Y[i] = 1
		}
	}
	table.Classes = 2
	a, b, c := table.StratifiedSplit(3, 70, 15, 15)
	whole(t, 200, a, b, c)
	if fmt.Sprint(a.Counts(), b.Counts(), c.Counts()) != "[126 14] [27 3] [27 3]" {
		t.Errorf("%v %v %v", a.Counts(), b.Counts(), c.Counts())
	}
	if a.Part != Train || b.Part != Valid || c.Part != Test {
		t.Errorf("parts %v %v %v", a.Part, b.Part, c.Part)
	}
}

func TestGroupsAreNeverDivided(t *testing.T) {
	table := toy(300)
	keys := make([]string, 300)
	for i := range keys {
		keys[i] = fmt.Sprint("patient ", i*i%37)
	}
	for seed := range int64(20) {
		a, b, c := table.GroupSplit(seed, keys, 70, 15, 15)
		whole(t, 300, a, b, c)
		where := map[string]Part{}
		for _, part := range []Table{a, b, c} {
			for _, n := range numbers(part) {
				if was, ok := where[keys[n]]; ok && was != part.Part {
					t.Fatalf("seed %d: %s is in %v and in %v", seed, keys[n], was, part.Part)
				}
				where[keys[n]] = part.Part
			}
		}
		if a.Len() < 190 || a.Len() > 230 || b.Len() < 30 || c.Len() < 30 {
			t.Errorf("seed %d: %d, %d, %d of 300", seed, a.Len(), b.Len(), c.Len())
		}
	}
	a, b, c := table.GroupSplit(1, keys, 1, 0, 0)
	if a.Len() != 300 || b.Len()+c.Len() != 0 {
		t.Errorf("all for training: %d, %d, %d", a.Len(), b.Len(), c.Len())
	}
}

func TestDuplicatesStayTogether(t *testing.T) {
	table, err := Join(toy(50), toy(50), toy(50)) // each example three times
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := table.GroupSplit(1, table.Duplicates(), 60, 20, 20)
	if a.Len() != 90 || b.Len() != 30 || c.Len() != 30 {
		t.Errorf("%d, %d, %d", a.Len(), b.Len(), c.Len())
	}
	for _, n := range numbers(a) {
		if slices.Contains(numbers(b), n) || slices.Contains(numbers(c), n) {
			t.Errorf("example %d is on both sides", n)
		}
	}
}

func TestTimeSplitTrainsOnThePast(t *testing.T) {
	table := toy(100)
	times := make([]float64, 100)
	for i := range times {
		times[i] = float64((i * 37 % 100) / 4) // four of each time
	}
	a, b, c := table.TimeSplit(times, 70, 15, 15)
	whole(t, 100, a, b, c)
	latest := func(t Table) (lo, hi float64) {
		lo, hi = 1e9, -1
		for _, n := range numbers(t) {
			lo, hi = min(lo, times[n]), max(hi, times[n])
		}
		return lo, hi
	}
	_, endTrain := latest(a)
	startValid, endValid := latest(b)
	startTest, _ := latest(c)
	if endTrain >= startValid || endValid >= startTest || a.Len() != 72 {
		t.Errorf("train ends at %v, valid is %v to %v, test begins at %v; %d for training", endTrain, startValid, endValid, startTest, a.Len())
	}
}

func TestFolds(t *testing.T) {
	table := toy(103)
	keys := make([]string, 103)
	for i := range keys {
		keys[i] = fmt.Sprint(i / 5)
	}
	regression := toy(103)
	regression.Y, regression.Classes, regression.Target = nil, 0, make([]float32, 103)
	for name, folds := range map[string][]Fold{"classes": table.Folds(1, 5, nil), "groups": table.Folds(1, 5, keys), "targets": regression.Folds(1, 5, nil)} {
		var valid []Table
		for i, f := range folds {
			whole(t, 103, f.Train, f.Valid)
			valid = append(valid, f.Valid)
			if f.Valid.Len() < 18 || f.Valid.Len() > 25 || f.Train.Part != Train || f.Valid.Part != Valid {
				t.Errorf("%s: fold %d has %d for validation", name, i, f.Valid.Len())
			}
			if name != "groups" {
				continue
			}
			for _, n := range numbers(f.Train) {
				for _, m := range numbers(f.Valid) {
					if keys[n] == keys[m] {
						t.Fatalf("group %s is on both sides of fold %d", keys[n], i)
					}
				}
			}
		}
		whole(t, 103, valid...)
	}
}

func TestWhatIsForATestStaysForIt(t *testing.T) {
	_, _, test := toy(50).Split(1, 50, 25, 25)
	again, _, _ := test.Split(2, 80, 10, 10)
	if again.Part != Test {
		t.Errorf("a part of the test examples is for %v", again.Part)
	}
	joined, err := Join(toy(3).As(Train), toy(3).As(Test))
	if err != nil || joined.Part != Test {
		t.Errorf("training and test examples together are for %v, %v", joined.Part, err)
	}
}

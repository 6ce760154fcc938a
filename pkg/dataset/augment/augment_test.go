package augment

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/lathe-go/lathe/pkg/dataset/sample"
)

// ramp returns an image of 4×5 pixels with two channels: 1 + 10·row + column, and its negative.
func ramp() []float32 {
	var pix []float32
	for y := range 4 {
		for x := range 5 {
			v := float32(1 + 10*y + x)
			pix = append(pix, v, -v)
		}
	}
	return pix
}

var shape = []int{4, 5, 2}

func apply(p *Plan, epoch, at int) []float32 {
	pix := ramp()
	p.Apply(pix, shape, epoch, at)
	return pix
}

func TestPlansDependOnSeedEpochAndPlace(t *testing.T) {
	make := func(seed int64) *Plan {
		return New(seed, Shift(2), Flip(0.5), FlipVertically(0.5), Crop(1), Rotate(30), Brightness(0.2), Noise(0.1), Cutout(2))
	}
	a := apply(make(1), 3, 4)
	if !slices.Equal(a, apply(make(1), 3, 4)) {
		t.Error("the same example of the same epoch is another")
	}
	for name, b := range map[string][]float32{"seed": apply(make(2), 3, 4), "epoch": apply(make(1), 4, 4), "example": apply(make(1), 3, 5)} {
		if slices.Equal(a, b) {
			t.Errorf("another %s gives the same pixels", name)
		}
	}
	if got, want := make(1).Fill(0.5).String(), "shift by 2, flip at 0.5, flip vertically at 0.5, crop by 1, rotate by 30°, brightness by 0.2, noise of 0.1, cutout of 2 with seed 1, filled with 0.5"; got != want {
		t.Errorf("named %q", got)
	}
}

func TestFlips(t *testing.T) {
	want := "[5 -5 4 -4 3 -3 2 -2 1 -1 15 -15 14 -14"
	if got := fmt.Sprint(apply(New(1, Flip(1)), 0, 0)[:14]); got != want+"]" {
		t.Errorf("flipped: %s", got)
	}
	if got := fmt.Sprint(apply(New(1, FlipVertically(1)), 0, 0)[:4]); got != "[31 -31 32 -32]" {
		t.Errorf("flipped vertically: %s", got)
	}
	flipped := 0
	for at := range 2000 {
		if !slices.Equal(apply(New(1, Flip(0.3)), 0, at), ramp()) {
			flipped++
		}
	}
	if flipped < 500 || flipped > 700 {
		t.Errorf("%d of 2000 are flipped at 0.3", flipped)
	}
}

// A shifted pixel has the value of the one that was there, or the filling.
func TestShift(t *testing.T) {
	seen := map[[2]int]bool{}
	for at := range 300 {
		pix := apply(New(1, Shift(1)).Fill(7), 0, at)
		matched := false
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				ok := true
				for y := range 4 {
					for x := range 5 {
						want := float32(7)
						if sy, sx := y+dy, x+dx; sy >= 0 && sy < 4 && sx >= 0 && sx < 5 {
							want = float32(1 + 10*sy + sx)
						}
						ok = ok && pix[(y*5+x)*2] == want
					}
				}
				if ok {
					matched, seen[[2]int{dy, dx}] = true, true
				}
			}
		}
		if !matched {
			t.Fatalf("no shift by one: %v", pix)
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d of 9 shifts occur", len(seen))
	}
}

func TestNothingToDoLeavesTheImage(t *testing.T) {
	for _, s := range []Step{Shift(0), Flip(0), Crop(0), Rotate(0), Noise(0), Brightness(0), Cutout(0)} {
		got := apply(New(1, s), 0, 0)
		for i, v := range ramp() {
			if math.Abs(float64(got[i]-v)) > 1e-5 {
				t.Errorf("%s changes %v to %v", s.Name, v, got[i])
				break
			}
		}
	}
}

// A ramp that is cropped is a ramp of a smaller slope, and its values stay within the image's.
func TestCropStaysInside(t *testing.T) {
	for at := range 50 {
		pix := make([]float32, 100)
		for i := range pix {
			pix[i] = float32(i % 10)
		}
		New(1, Crop(3)).Apply(pix, []int{10, 10, 1}, 0, at)
		for x := 2; x < 8; x++ {
			if step := pix[50+x] - pix[49+x]; step < 0.3 || step > 1.01 {
				t.Fatalf("crop %d: a slope of %v", at, step)
			}
		}
	}
}

func TestRotationTurnsAboutTheMiddle(t *testing.T) {
	largest := float32(0)
	for at := range 50 {
		pix := make([]float32, 81)
		pix[40], pix[36] = 1, 1 // the middle, and the left end of the middle row
		New(1, Rotate(90)).Apply(pix, []int{9, 9, 1}, 0, at)
		if math.Abs(float64(pix[40]-1)) > 1e-5 {
			t.Fatalf("the middle becomes %v", pix[40])
		}
		largest = max(largest, pix[4], pix[76]) // top and bottom of the middle column
	}
	if largest < 0.7 {
		t.Errorf("no rotation comes near 90°: %v", largest)
	}
}

func TestNoiseAndCutout(t *testing.T) {
	pix := make([]float32, 100*100)
	New(1, Noise(0.5)).Apply(pix, []int{100, 100, 1}, 0, 0)
	sum, squares := 0.0, 0.0
	for _, v := range pix {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	if mean, dev := sum/1e4, math.Sqrt(squares/1e4); math.Abs(mean) > 0.02 || math.Abs(dev-0.5) > 0.02 {
		t.Errorf("noise of mean %g and deviation %g", mean, dev)
	}
	for i := range pix {
		pix[i] = 1
	}
	New(1, Cutout(6)).Apply(pix, []int{100, 100, 1}, 0, 3)
	if cut := 10000 - int(floats(pix)); cut != 36 {
		t.Errorf("%d pixels are cut out", cut)
	}
}

func floats(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	return sum
}

func TestMixup(t *testing.T) {
	labels := []int32{0, 1, 2, 0}
	x := []float32{0, 0, 1, 1, 2, 2, 0, 0} // each example is its label, twice
	y := Mixup{Alpha: 0.4, Seed: 3}.Apply(x, labels, 3, 1, 2)
	for i := range labels {
		row := y[3*i : 3*i+3]
		if sum := row[0] + row[1] + row[2]; math.Abs(float64(sum-1)) > 1e-6 {
			t.Errorf("probabilities %v", row)
		}
		if want := row[1] + 2*row[2]; math.Abs(float64(x[2*i]-want)) > 1e-6 || x[2*i] != x[2*i+1] {
			t.Errorf("features %v for %v", x[2*i:2*i+2], row)
		}
	}
	again := []float32{0, 0, 1, 1, 2, 2, 0, 0}
	if !slices.Equal(y, Mixup{Alpha: 0.4, Seed: 3}.Apply(again, labels, 3, 1, 2)) || !slices.Equal(x, again) {
		t.Error("the same batch is mixed in another way")
	}
	if y := (Mixup{}).Apply(again, labels, 3, 1, 2); !slices.Equal(again, x) || y[0] != 1 {
		t.Error("alpha 0 mixes")
	}
}

// The draws have the moments of the distribution: mean 1/2 and variance 1/(4(2a+1)).
func TestBeta(t *testing.T) {
	for _, a := range []float64{0.2, 1, 3} {
		r := sample.Rand("test", 1, 0)
		const n = 20000
		sum, squares := 0.0, 0.0
		for range n {
			v := beta(r, a)
			sum += v
			squares += (v - 0.5) * (v - 0.5)
		}
		if mean, variance := sum/n, squares/n; math.Abs(mean-0.5) > 0.015 || math.Abs(variance*4*(2*a+1)-1) > 0.05 {
			t.Errorf("Beta(%g, %g): mean %g, variance %g", a, a, mean, variance)
		}
	}
}

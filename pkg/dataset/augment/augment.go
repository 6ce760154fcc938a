// Package augment changes images on their way to a network, so that it sees others in every epoch.
//
//	plan := augment.New(7, augment.Flip(0.5), augment.Crop(4), augment.Cutout(8))
//	batches := learn.Batches(64, 1).Augment(plan)
//
// What becomes of an example depends on the seed, the number of the epoch, and where in the epoch it
// comes only: a training that is resumed sees the same pixels. Images are float32 values shaped
// [height, width, channels]. What comes in from outside an image is 0; where the background has another
// value, as after normalisation, Fill tells it.
package augment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/lathe-go/lathe/pkg/dataset/sample"
)

// An Image is one example on its way. Steps change Pix.
type Image struct {
	Pix     []float32 // [H, W, C], row by row
	H, W, C int
}

// at returns the values of a pixel, or nil outside the image.
func (m Image) at(y, x int) []float32 {
	if y < 0 || x < 0 || y >= m.H || x >= m.W {
		return nil
	}
	i := (y*m.W + x) * m.C
	return m.Pix[i : i+m.C]
}

// remap sets each pixel to one of a copy of the image: the one at the place that from returns.
func (m Image) remap(from func(y, x int) (int, int), fill float32) {
	old := Image{append([]float32(nil), m.Pix...), m.H, m.W, m.C}
	for y := range m.H {
		for x := range m.W {
			to := m.at(y, x)
			if src := old.at(from(y, x)); src != nil {
				copy(to, src)
			} else {
				set(to, fill)
			}
		}
	}
}

func set(values []float32, v float32) {
	for i := range values {
		values[i] = v
	}
}

// A Step changes an image at random. Its name holds all its parameters, since two plans are the same if
// their names are.
type Step struct {
	Name  string
	Apply func(m Image, r *rand.Rand, fill float32)
}

// A Plan is steps that are applied one after the other.
type Plan struct {
	seed  int64
	steps []Step
	fill  float32
}

// New returns a plan of steps.
func New(seed int64, steps ...Step) *Plan { return &Plan{seed: seed, steps: steps} }

// Fill returns the plan with another value than 0 for what comes in from outside an image or is cut out.
func (p *Plan) Fill(v float32) *Plan {
	return &Plan{p.seed, p.steps, v}
}

// String names the steps with their parameters, and the seed.
func (p *Plan) String() string {
	names := make([]string, len(p.steps))
	for i, s := range p.steps {
		names[i] = s.Name
	}
	text := fmt.Sprintf("%s with seed %d", strings.Join(names, ", "), p.seed)
	if p.fill != 0 {
		text += fmt.Sprintf(", filled with %g", p.fill)
	}
	return text
}

// Apply changes the values of one example, shaped [height, width, channels], which is number at of an
// epoch.
func (p *Plan) Apply(pix []float32, shape []int, epoch, at int) {
	m := Image{Pix: pix, H: shape[0], W: shape[1], C: shape[2]}
	r := sample.Rand(fmt.Sprintf("augment %d", at), p.seed, epoch)
	for _, s := range p.steps {
		s.Apply(m, r, p.fill)
	}
}

// Shift moves an image by up to n pixels up or down and up to n to a side.
func Shift(n int) Step {
	return Step{fmt.Sprintf("shift by %d", n), func(m Image, r *rand.Rand, fill float32) {
		dy, dx := r.IntN(2*n+1)-n, r.IntN(2*n+1)-n
		m.remap(func(y, x int) (int, int) { return y + dy, x + dx }, fill)
	}}
}

// Flip mirrors an image left to right, with a probability.
func Flip(probability float64) Step {
	return Step{fmt.Sprintf("flip at %g", probability), func(m Image, r *rand.Rand, fill float32) {
		if r.Float64() < probability {
			m.remap(func(y, x int) (int, int) { return y, m.W - 1 - x }, fill)
		}
	}}
}

// FlipVertically mirrors an image top to bottom, with a probability.
func FlipVertically(probability float64) Step {
	return Step{fmt.Sprintf("flip vertically at %g", probability), func(m Image, r *rand.Rand, fill float32) {
		if r.Float64() < probability {
			m.remap(func(y, x int) (int, int) { return m.H - 1 - y, x }, fill)
		}
	}}
}

// Crop takes a part of an image that is up to n pixels smaller on each of its sides and not always in its
// middle, and brings it to the full size again.
func Crop(n int) Step {
	return Step{fmt.Sprintf("crop by %d", n), func(m Image, r *rand.Rand, fill float32) {
		top, bottom, left, right := r.IntN(n+1), r.IntN(n+1), r.IntN(n+1), r.IntN(n+1)
		h, w := float64(max(1, m.H-top-bottom))/float64(m.H), float64(max(1, m.W-left-right))/float64(m.W)
		m.resample(func(y, x float64) (float64, float64) {
			return float64(top) + (y+0.5)*h - 0.5, float64(left) + (x+0.5)*w - 0.5
		}, fill)
	}}
}

// Rotate turns an image about its middle by up to some degrees to either side.
func Rotate(degrees float64) Step {
	return Step{fmt.Sprintf("rotate by %g°", degrees), func(m Image, r *rand.Rand, fill float32) {
		sin, cos := math.Sincos((2*r.Float64() - 1) * degrees * math.Pi / 180)
		cy, cx := float64(m.H-1)/2, float64(m.W-1)/2
		m.resample(func(y, x float64) (float64, float64) {
			dy, dx := y-cy, x-cx
			return cy + cos*dy - sin*dx, cx + sin*dy + cos*dx
		}, fill)
	}}
}

// resample sets each pixel to the value between the four pixels around a place of a copy of the image
// (bilinear interpolation).
func (m Image) resample(from func(y, x float64) (float64, float64), fill float32) {
	old := Image{append([]float32(nil), m.Pix...), m.H, m.W, m.C}
	for y := range m.H {
		for x := range m.W {
			sy, sx := from(float64(y), float64(x))
			fy, fx := math.Floor(sy), math.Floor(sx)
			wy, wx := float32(sy-fy), float32(sx-fx)
			y0, x0 := int(fy), int(fx)
			to := m.at(y, x)
			set(to, 0)
			for _, corner := range [4]struct {
				y, x   int
				weight float32
			}{{y0, x0, (1 - wy) * (1 - wx)}, {y0, x0 + 1, (1 - wy) * wx}, {y0 + 1, x0, wy * (1 - wx)}, {y0 + 1, x0 + 1, wy * wx}} {
				src := old.at(corner.y, corner.x)
				for c := range to {
					v := fill
					if src != nil {
						v = src[c]
					}
					to[c] += corner.weight * v
				}
			}
		}
	}
}

// Noise adds to each value a normally distributed one with the standard deviation given.
func Noise(deviation float64) Step {
	return Step{fmt.Sprintf("noise of %g", deviation), func(m Image, r *rand.Rand, _ float32) {
		for i := range m.Pix {
			m.Pix[i] += float32(deviation * r.NormFloat64())
		}
	}}
}

// Brightness multiplies all values by one number between 1-by and 1+by.
func Brightness(by float64) Step {
	return Step{fmt.Sprintf("brightness by %g", by), func(m Image, r *rand.Rand, _ float32) {
		f := float32(1 + by*(2*r.Float64()-1))
		for i := range m.Pix {
			m.Pix[i] *= f
		}
	}}
}

// Cutout fills a square whose middle is any pixel of the image (DeVries and Taylor, Improved
// Regularization of Convolutional Neural Networks with Cutout, 2017, section 3). What lies outside the image
// is lost, so the hole is often smaller.
func Cutout(side int) Step {
	return Step{fmt.Sprintf("cutout of %d", side), func(m Image, r *rand.Rand, fill float32) {
		top, left := r.IntN(m.H)-side/2, r.IntN(m.W)-side/2
		for y := top; y < top+side; y++ {
			for x := left; x < left+side; x++ {
				set(m.at(y, x), fill)
			}
		}
	}}
}

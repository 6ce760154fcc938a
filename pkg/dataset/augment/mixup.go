package augment

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/lathe-go/lathe/pkg/dataset/sample"
)

// Mixup mixes each example of a batch with another one, and their labels in the same proportion (Zhang and
// others, mixup: Beyond Empirical Risk Minimization, 2018, equation 1 and section 3): x, [batch, features], is
// changed, and the labels of n classes become probabilities, [batch, classes], for a loss that takes
// those. The proportion is drawn from Beta(alpha, alpha), once for a batch, and the partners are the batch
// shuffled; both depend on the seed, the epoch, and the number of the batch only.
type Mixup struct {
	Alpha float64 // about 0.2; the higher, the more equal the parts are. 0 mixes nothing
	Seed  int64
}

// String names the parameters.
func (p Mixup) String() string { return fmt.Sprintf("mixup with alpha %g, seed %d", p.Alpha, p.Seed) }

// Apply mixes batch number index of an epoch, and returns the probabilities of the classes.
func (p Mixup) Apply(x []float32, labels []int32, classes, epoch, index int) []float32 {
	y := make([]float32, len(labels)*classes)
	r := sample.Rand(fmt.Sprintf("mixup %d", index), p.Seed, epoch)
	part := float32(1)
	if p.Alpha > 0 {
		part = float32(beta(r, p.Alpha))
	}
	n := len(x) / max(1, len(labels))
	old := append([]float32(nil), x...)
	for i, other := range r.Perm(len(labels)) {
		y[i*classes+int(labels[i])] += part
		y[i*classes+int(labels[other])] += 1 - part
		for k := range n {
			x[i*n+k] = part*old[i*n+k] + (1-part)*old[other*n+k]
		}
	}
	return y
}

// beta draws from Beta(a, a).
func beta(r *rand.Rand, a float64) float64 {
	x, y := gamma(r, a), gamma(r, a)
	if x+y == 0 { // both too small for a float64
		return float64(r.IntN(2))
	}
	return x / (x + y)
}

// gamma draws from Gamma(a, 1) (Marsaglia and Tsang, A Simple Method for Generating Gamma Variables, 2000).
func gamma(r *rand.Rand, a float64) float64 {
	if a < 1 {
		return gamma(r, a+1) * math.Pow(r.Float64(), 1/a)
	}
	d := a - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-r.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

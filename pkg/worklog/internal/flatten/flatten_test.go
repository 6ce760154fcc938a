package flatten

import (
	"math"
	"reflect"
	"testing"
	"time"
)

type optimizer struct {
	Name string
	LR   float64
	Beta []float32
}

type Configᵛ12 struct {
	Width int64
	optimizer
	Warm     time.Duration
	Top, Nan float64
	Nested   *optimizer
	Missing  *optimizer
	Extra    map[string]any
	Layers   []optimizer
	Password string
	Hidden   int `worklog:"-"`
	small    uint8
}

func TestFlatten(t *testing.T) {
	cfg := Configᵛ12{
		Width: 1<<53 + 1, optimizer: optimizer{"adam", 0.1, []float32{0.9, 0.999}}, Warm: 90 * time.Second,
		Top: math.Inf(1), Nan: math.NaN(), Nested: &optimizer{Name: "sgd", LR: math.SmallestNonzeroFloat64},
		Extra:  map[string]any{"z": int64(math.MinInt64), "a": true, "api_key": "hush", "token": []byte("hush"), "tokens": 5},
		Layers: []optimizer{{Name: "first"}}, Password: "hush", small: 7,
	}
	want := map[string]string{
		"Width": "9007199254740993", "Name": "adam", "LR": "0.1", "Beta": "[0.9 0.999]", "Warm": "1m30s",
		"Top": "+Inf", "Nan": "NaN", "Nested.Name": "sgd", "Nested.LR": "5e-324", "Nested.Beta": "[]",
		"Missing": "nil", "Extra.z": "-9223372036854775808", "Extra.a": "true",
		"Extra.api_key": "(kept out of the worklog)", "Extra.token": "(kept out of the worklog)", "Extra.tokens": "5", "Layers[0].Name": "first", "Layers[0].LR": "0",
		"Layers[0].Beta": "[]", "Password": "(kept out of the worklog)", "small": "7",
	}
	got := map[string]string{}
	for _, p := range Of(&cfg) {
		got[p.Path] = p.Value
	}
	for path, value := range want {
		if got[path] != value {
			t.Errorf("%s = %q, want %q", path, got[path], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d leaves, want %d: %v", len(got), len(want), got)
	}
}

type grumpy int

func (grumpy) String() string { panic("no") }

func TestFlattenOutlivesAMethodThatPanics(t *testing.T) {
	if got := Of(struct{ G grumpy }{3}); len(got) != 1 || got[0] != (Leaf{"G", "grumpy", "3"}) {
		t.Errorf("got %v", got)
	}
}

func TestFlattenEndsOnCycles(t *testing.T) {
	type node struct{ Next *node }
	var n node
	n.Next = &n
	if got := Of(n); len(got) != 1 || got[0].Value != "…" {
		t.Errorf("got %v", got)
	}
}

func TestTypeNamesLoseTheVersionMark(t *testing.T) {
	if got := TypeName(reflect.TypeOf(Configᵛ12{})); got != "Config" {
		t.Errorf("got %q, want Config", got)
	}
}

package parquet

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The files of testdata were written by pyarrow 26: one table of 60 rows, in groups of 25, in several codecs,
// versions of pages and encodings. Row i has nothing where i%7 is 3.
func TestReadWhatPyarrowWrites(t *testing.T) {
	number := map[string]func(i int) float64{
		"small":    func(i int) float64 { return float64(i - 30) },
		"unsigned": func(i int) float64 { return float64(1<<32 - 1 - i) },
		"whole":    func(i int) float64 { return float64((i - 30) << 40) },
		"half":     func(i int) float64 { return float64(i)/4 - 5 },
		"single":   func(i int) float64 { return float64(i) / 8 },
		"double":   func(i int) float64 { return float64(i) * 0.1 },
		"flag":     func(i int) float64 { return map[bool]float64{true: 1}[i%3 == 0] },
		"always":   func(i int) float64 { return map[bool]float64{true: 1}[i%3 == 0] },
		"price":    func(i int) float64 { return float64(i*25-500) / 100 },
		"day":      func(i int) float64 { return float64(i * 100) },
	}
	text := map[string]func(i int) string{
		"kind":        func(i int) string { return []string{"rose", "iris", "tulip"}[i%3] },
		"path":        func(i int) string { return fmt.Sprintf("garden/bed/%03d", i) },
		"code":        func(i int) string { return strings.Repeat(string(rune('A'+i%20)), 4) },
		"image.bytes": func(i int) string { return string([]byte{byte(i)}) },
		"image.path":  func(i int) string { return map[bool]string{false: fmt.Sprint("p", i)}[i%5 == 0] },
	}
	for _, file := range []string{"none", "snappy", "gzip", "zstd", "lz4", "encodings"} {
		f, err := Open("testdata/" + file + ".parquet")
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(f.Columns) != len(number)+len(text) || f.Len() != 60 {
			t.Errorf("%s: %v", file, f)
		}
		for _, c := range f.Columns {
			for i := range f.Len() {
				missing := i%7 == 3 && c.Name != "always" && !strings.HasPrefix(c.Name, "image")
				switch {
				case text[c.Name] != nil:
					want := text[c.Name](i)
					if missing {
						want = ""
					}
					if c.Texts[i] != want {
						t.Fatalf("%s: %s of row %d is %q, want %q", file, c.Name, i, c.Texts[i], want)
					}
				case missing && !math.IsNaN(c.Numbers[i]) || !missing && c.Numbers[i] != number[c.Name](i):
					t.Fatalf("%s: %s of row %d is %v", file, c.Name, i, c.Numbers[i])
				}
			}
		}
	}
}

func TestColumnsAreChosen(t *testing.T) {
	f, err := Open("testdata/snappy.parquet", "single", "always")
	if err != nil || len(f.Columns) != 2 || f.Name != "snappy" {
		t.Fatalf("%v, %v", f, err)
	}
	if table, err := f.Table("always"); err != nil || !slices.Equal(table.Y[:4], []int32{1, 0, 0, 1}) || table.X[4] != 0.5 {
		t.Errorf("%v, %v", table, err)
	}
	for column, want := range map[string]string{"singles": `no column "singles"`, "tags.list.element": "is a list"} {
		if _, err := Open("testdata/snappy.parquet", column); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", column, err)
		}
	}
}

func TestWhatIsNotReadIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    string
	}{
		"empty":     {"", "too short"},
		"other":     {"this is another kind of file", "no Parquet file"},
		"encrypted": {"PAR1............\x04\x00\x00\x00PARE", `ends with "PARE"`},
		"length":    {"PAR1....\xff\x00\x00\x00PAR1", "description"},
	} {
		if _, err := Read(name, strings.NewReader(c.content), int64(len(c.content))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open("testdata/brotli.parquet"); err == nil || !strings.Contains(err.Error(), "Brotli, which is not read") {
		t.Errorf("brotli: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.parquet")); !os.IsNotExist(err) && err == nil {
		t.Error("no file is read")
	}
}

// Whatever is wrong with a file, reading ends with an error or with some frame, and never with a panic.
func TestDamagedFiles(t *testing.T) {
	for _, file := range []string{"snappy", "encodings", "lz4", "zstd"} {
		good, err := os.ReadFile("testdata/" + file + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len(good) / 50 {
			if _, err := Read("cut", bytes.NewReader(good[:cut*50]), int64(cut*50)); err == nil {
				t.Errorf("the first %d bytes are read", cut*50)
			}
		}
		r := rand.New(rand.NewPCG(1, 1))
		for range 300 {
			bad := slices.Clone(good)
			bad[r.IntN(len(bad))] ^= byte(1 << r.IntN(8))
			_, _ = Read("bad", bytes.NewReader(bad), int64(len(bad)))
		}
	}
}

func TestSnappyAndLZ4(t *testing.T) {
	long := strings.Repeat("ab", 40)
	for _, c := range []struct {
		name   string
		unpack func([]byte, int) ([]byte, error)
		packed string
		want   string // "" for an error
	}{
		{"snappy text", snappy, "\x03\x08abc", "abc"},
		{"snappy long text", snappy, "\x50\xf0\x4f" + long, long},
		{"snappy junk", snappy, "\x50\x04ab\x09\x02\xfe\x02\x00\x1e\x02\x00", ""},
		{"snappy overlap", snappy, "\x06\x04ab\x01\x02", "ababab"},
		{"snappy far", snappy, "\x06\x04ab\x01\x09", ""},
		{"snappy two bytes", snappy, "\x04\x04ab\x06\x02\x00", "abab"},
		{"snappy four bytes", snappy, "\x04\x04ab\x07\x02\x00\x00\x00", "abab"},
		{"snappy cut", snappy, "\x06\x04a", ""},
		{"lz4 text", lz4, "\x30abc", "abc"},
		{"lz4 copy", lz4, "\x20ab\x02\x00\x10z", "ababab" + "z"},
		{"lz4 long copy", lz4, "\x2fab\x02\x00\x3b\x00", long},
		{"lz4 far", lz4, "\x20ab\x03\x00", ""},
		{"lz4 cut", lz4, "\xf0", ""},
	} {
		size := len(c.want)
		if size == 0 {
			size = 6
		}
		got, err := c.unpack([]byte(c.packed), size)
		if c.want == "" && err == nil && len(got) == size || c.want != "" && (err != nil || string(got) != c.want) {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestHybridAndHalf(t *testing.T) {
	got, err := hybrid([]byte{0x03, 0x88, 0xc6, 0xfa, 0x04, 0x05}, 3, 10) // 0 to 7 packed, then a run of 5
	if err != nil || fmt.Sprint(got) != "[0 1 2 3 4 5 6 7 5 5]" {
		t.Errorf("%v, %v", got, err)
	}
	for bits, want := range map[uint16]float64{0x3c00: 1, 0xc000: -2, 0x0001: math.Ldexp(1, -24), 0x7bff: 65504, 0xfc00: math.Inf(-1), 0x8000: 0} {
		if got := half(bits); got != want {
			t.Errorf("%04x is %v, want %v", bits, got, want)
		}
	}
	for want, b := range map[float64][]byte{0: nil, 1: {1}, -1: {255, 255}, 258: {1, 2}, -256: {255, 0}} {
		if got := bigEndian(b); got != want {
			t.Errorf("% x is %v, want %v", b, got, want)
		}
	}
}

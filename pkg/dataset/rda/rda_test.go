package rda

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/lathe-go/lathe/pkg/dataset"
)

// A writer writes objects as R's save() does.
type writer struct{ bytes.Buffer }

func (w *writer) int(values ...int) *writer {
	for _, v := range values {
		binary.Write(w, binary.BigEndian, int32(v))
	}
	return w
}

func (w *writer) real(values ...float64) *writer {
	for _, v := range values {
		binary.Write(w, binary.BigEndian, v)
	}
	return w
}

func (w *writer) text(s string) *writer {
	w.int(typeString|64<<12, len(s)).WriteString(s)
	return w
}

func (w *writer) symbol(name string) *writer { return w.int(typeSymbol).text(name) }

func (w *writer) strings(attr int, values ...string) *writer {
	w.int(typeStrings|attr, len(values))
	for _, v := range values {
		if v == "<NA>" {
			w.int(typeString, -1)
		} else {
			w.text(v)
		}
	}
	return w
}

func (w *writer) tag(name string) *writer { return w.int(typePairs | hasTag).symbol(name) }
func (w *writer) end() *writer            { return w.int(typeNilValue) }

// file returns the beginning of a file of a version.
func file(version int) *writer {
	w := &writer{}
	fmt.Fprintf(w, "RDX%d\nX\n", version)
	w.int(version, 0x40301, 0x20300)
	if version == 3 {
		w.int(5).WriteString("UTF-8")
	}
	return w
}

// flowers writes a data frame of numbers, integers, logical values, texts and a factor, each with a missing
// value, the way that R does.
func flowers(version int) []byte {
	w := file(version)
	w.tag("flowers").int(typeList|hasAttributes|1<<8, 5)
	w.int(typeReal, 3).real(1.5, math.NaN(), -2e10)
	if version == 3 { // 1:3
		w.int(typeAltRep).int(typePairs).symbol("compact_intseq").int(typePairs).symbol("base").int(typePairs).int(typeInteger, 1).int(typeInteger).end()
		w.int(typeReal, 3).real(3, 1, 1).end()
	} else {
		w.int(typeInteger, 3, 1, 2, 3)
	}
	w.int(typeLogical, 3, 1, 0, missingInt)
	w.strings(0, "a", "<NA>", "ö")
	w.int(typeInteger|hasAttributes|1<<8, 3, 2, missingInt, 1)
	w.tag("levels").strings(0, "rose", "iris")
	w.tag("class").strings(0, "factor").end()
	w.tag("names").strings(0, "length", "number", "wild", "who", "kind")
	w.int(typePairs | hasTag).int(typeReference | 2<<8) // class, as at the factor
	if version == 3 {                                   // symbols of the sequence came before
		w.Truncate(w.Len() - 4)
		w.int(typeReference | 5<<8)
	} else {
		w.Truncate(w.Len() - 4)
		w.int(typeReference | 3<<8)
	}
	w.strings(0, "data.frame")
	w.tag("row.names").int(typeInteger, 2, missingInt, -3).end()
	// A matrix of two rows, an environment, and a function, which are to be passed over.
	w.tag("m").int(typeReal|hasAttributes, 4).real(1, 2, 3, 4).tag("dim").int(typeInteger, 2, 2, 2).tag("dimnames").int(typeList, 2).end().strings(0, "p", "q").end()
	w.tag("e").int(typeEnv, 0, typeGlobalEnv, typeNilValue, typeNilValue, typeNilValue)
	w.tag("f").int(typeClosure|hasTag).int(typeGlobalEnv).end().int(typeLanguage).symbol("sum").int(typePairs).int(typeReal, 1).real(1).end()
	w.tag("v").int(typeReal, 1).real(7)
	return w.end().Bytes()
}

func TestRead(t *testing.T) {
	for version := 2; version <= 3; version++ {
		plain := flowers(version)
		for name, content := range map[string][]byte{"plain": plain, "gzip": packed(t, plain), "xz": xzPacked(t, plain)} {
			frames, err := Read(bytes.NewReader(content))
			if err != nil {
				t.Errorf("version %d, %s: %v", version, name, err)
				continue
			}
			want := `[flowers: 3 rows of 5 columns
  length: -2e+10 to 1.5, 1 missing
  number: 1 to 3
  wild: 0 to 1, 1 missing
  who: 2 texts (a, ö), 1 missing
  kind: 2 texts (rose, iris), 1 missing m: 2 rows of 2 columns
  p: 1 to 2
  q: 3 to 4]`
			if got := fmt.Sprint(frames); got != want {
				t.Errorf("version %d, %s: %s", version, name, got)
			}
			if kind := frames[0].Columns[4]; !slices.Equal(kind.Texts, []string{"iris", "", "rose"}) || !slices.Equal(kind.Levels, []string{"rose", "iris"}) {
				t.Errorf("version %d: a factor is %v", version, kind)
			}
		}
		for cut := range len(plain) {
			if _, err := Read(bytes.NewReader(plain[:cut])); err == nil {
				t.Errorf("version %d: the first %d of %d bytes are read", version, cut, len(plain))
			}
		}
	}
}

func packed(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func xzPacked(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompactForms(t *testing.T) {
	for name, c := range map[string]struct {
		class string
		state *writer
		want  string
	}{
		"real sequence":  {"compact_realseq", (&writer{}).int(typeReal, 3).real(3, 0.5, 2), "x1: 0.5 to 4.5"},
		"wrapped vector": {"wrap_real", (&writer{}).int(typePairs).int(typeReal, 2).real(8, 9).int(typeInteger, 2, 0, 0), "x1: 8 to 9"},
		"wrapped list":   {"wrap_integer", (&writer{}).int(typeList, 2).int(typeInteger, 2, 8, 9).int(typeInteger, 2, 0, 0), "x1: 8 to 9"},
		"later texts":    {"deferred_string", (&writer{}).int(typePairs).int(typeReal, 2).real(1.25, math.NaN()).int(typeInteger, 1, 0), "x1: 1 texts (1.25), 1 missing"},
	} {
		w := file(3)
		w.tag("df").int(typeList|hasAttributes, 1)
		w.int(typeAltRep).int(typePairs).symbol(c.class).int(typePairs).symbol("base").int(typePairs).int(typeInteger, 1, 13).end()
		w.Write(c.state.Bytes())
		w.end()
		w.tag("names").strings(0, "x1").tag("class").strings(0, "data.frame").end().end()
		frames, err := Read(bytes.NewReader(w.Bytes()))
		if err != nil || len(frames) != 1 || frames[0].Columns[0].String() != c.want {
			t.Errorf("%s: %v, %v", name, frames, err)
		}
	}
}

func TestOtherBytesAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"empty":    {"", "too short"},
		"ascii":    {"RDA3\nA\n3\n", "save() with ascii = FALSE"},
		"version":  {string(file(2).Bytes()[:7]) + "\x00\x00\x00\x09" + strings.Repeat("\x00", 8), "version 9"},
		"gzip":     {"\x1f\x8bnot so much of it", "gzip"},
		"no list":  {file(2).int(typeReal, 1).real(1).String(), "no list of objects"},
		"a type":   {file(2).tag("x").int(21, 0).String(), "type 21"},
		"negative": {file(2).tag("x").int(typeReal, -5).String(), "length -5"},
		"far ref":  {file(2).int(typePairs | hasTag).int(typeReference | 9<<8).String(), "object 9 of 0"},
		"deep":     {file(2).String() + strings.Repeat((&writer{}).int(typeList, 1).String(), 5000), "nested"},
		"sequence": {file(3).tag("x").int(typeAltRep).int(typePairs).symbol("compact_intseq").end().int(typeReal, 3).real(1e18, 1, 1).end().String(), "a sequence with"},
	} {
		if _, err := Read(strings.NewReader(c.content)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	good := flowers(3)
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 { // whatever is flipped, reading ends without a panic
		bad := slices.Clone(good)
		for range 1 + r.IntN(3) {
			bad[r.IntN(len(bad))] ^= byte(1 << r.IntN(8))
		}
		_, _ = Read(bytes.NewReader(bad))
	}
}

func TestLoad(t *testing.T) {
	library := t.TempDir()
	t.Setenv("R_LIBS", library)
	if err := os.MkdirAll(filepath.Join(library, "garden", "data"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(library, "garden", "data", "flowers.rda"), flowers(2), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load("garden", "flowers")
	if err != nil || f.Len() != 3 || len(f.Source) != 64 {
		t.Errorf("%v, %v", f, err)
	}
	if _, err := Load("garden", "trees"); err == nil || !strings.Contains(err.Error(), "apt-get install r-cran-garden") {
		t.Errorf("an object that is not there: %v", err)
	}
	if _, err := Open(filepath.Join(library, "garden", "data", "flowers.rda"), "trees"); err == nil || !strings.Contains(err.Error(), "it has flowers, m") {
		t.Errorf("an object that is not in the file: %v", err)
	}
}

// The packages of R that many classic data sets come in, where they are installed.
func TestInstalledPackages(t *testing.T) {
	for _, c := range []struct{ pkg, object, label, want string }{
		{"mlbench", "Satellite", "classes", "Satellite: 6435 examples of 36, values 27 to 157, 6 classes of 1533 703 1358 626 707 1508"},
		{"mlbench", "LetterRecognition", "lettr", "LetterRecognition: 20000 examples of 16, values 0 to 15, 26 classes"},
		{"mlbench", "Shuttle", "Class", "Shuttle: 58000 examples of 9, values -26739 to 15164, 7 classes of 45586 50 171 8903 3267 10 13"},
		{"kernlab", "spam", "type", "spam: 4601 examples of 57, values 0 to 15841, 2 classes of 2788 1813"},
	} {
		t.Run(c.object, func(t *testing.T) {
			f, err := Load(c.pkg, c.object)
			if err != nil {
				t.Skip("not installed: ", err)
			}
			var table dataset.Table
			if table, err = f.Table(c.label); err != nil {
				t.Fatal(err)
			}
			if got, _, _ := strings.Cut(table.String(), ", from"); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

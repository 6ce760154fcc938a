package dataset

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const people = "\xef\xbb\xbfname,age, city ,score,born\n" +
	"\"Doe, \"\"J\"\"\",31,Oslo,1.5,1990\n" +
	"Ann,NA,Rome,-2e3,1985\n" +
	"\"two\nlines\",7,,3,1990\n"

func TestReadFrame(t *testing.T) {
	f, err := ReadFrame("people", strings.NewReader(people), CSV{})
	if err != nil {
		t.Fatal(err)
	}
	want := `people: 3 rows of 5 columns
  name: 3 texts (Ann, Doe, "J", two
lines)
  age: 7 to 31, 1 missing
  city: 2 texts (Oslo, Rome), 1 missing
  score: -2000 to 3
  born: 1985 to 1990`
	if f.String() != want {
		t.Errorf("got %s", f)
	}
	if name, _ := f.Column("name"); !slices.Equal(name.Texts, []string{`Doe, "J"`, "Ann", "two\nlines"}) {
		t.Errorf("names %q", name.Texts)
	}
	if c := f.Complete(); c.Len() != 1 || len(c.Columns) != 5 {
		t.Errorf("complete rows: %v", c)
	}
	page, err := f.HTML()
	if err != nil || !strings.Contains(page, "Doe, &#34;J&#34;") || strings.Count(page, "<td>–</td>") != 2 {
		t.Errorf("page %s, %v", page, err)
	}
	if _, err := f.Column("ages"); err == nil || !strings.Contains(err.Error(), "it has name, age, city") {
		t.Errorf("a column that is not there: %v", err)
	}
}

func TestReadFrameTakesForms(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		form CSV
		want string
	}{
		"no heading":     {"1,a\n2,b\n", CSV{}, "x1: 1 to 2; x2: 2 texts (a, b)"},
		"names":          {"1,a\n2,b\n", CSV{Names: []string{"n", "t"}}, "n: 1 to 2; t: 2 texts (a, b)"},
		"tabs":           {"n\tt\n1\t\n\tb\n", CSV{Comma: '\t'}, "n: 1 to 1, 1 missing; t: 1 texts (b), 1 missing"},
		"semicolon":      {"n;t\n1;2,5\n", CSV{Comma: ';'}, "n: 1 to 1; t: 1 texts (2,5)"},
		"comments":       {"# by me\nn\n1\n", CSV{Comment: '#'}, "n: 1 to 1"},
		"missing":        {"n\n1\n-999\n", CSV{Missing: []string{"-999"}}, "n: 1 to 1, 1 missing"},
		"NA is a text":   {"t\nNA\nb\n", CSV{Missing: []string{}}, "t: 2 texts (NA, b)"},
		"nothing at all": {"t,n\nNA,1\n", CSV{}, "t: 0 texts (), 1 missing; n: 1 to 1"},
	} {
		f, err := ReadFrame("x", strings.NewReader(c.text), c.form)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var parts []string
		for _, column := range f.Columns {
			parts = append(parts, column.String())
		}
		if got := strings.Join(parts, "; "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for text, want := range map[string]string{
		"a,b\n1\n": "wrong number of fields", "a,a\nx,y\n": "two columns are called a", "": "no rows", "a,b\n": "no rows", "a\n\"b\n": "quote",
	} {
		if _, err := ReadFrame("x", strings.NewReader(text), CSV{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestFramesBecomeTables(t *testing.T) {
	text := "size,colour,kind\n1,red,tea\n2,blue,coffee\n,red,tea\n4,,milk\n"
	f, err := ReadFrame("drinks", strings.NewReader(text), CSV{})
	if err != nil {
		t.Fatal(err)
	}
	table, err := f.Table("kind")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(table.Columns, []string{"size", "colour=blue", "colour=red"}) || !slices.Equal(table.Y, []int32{2, 0, 2, 1}) ||
		fmt.Sprint(table.X) != "[1 0 1 2 1 0 NaN 0 1 4 0 0]" || !slices.Equal(table.ClassNames, []string{"coffee", "milk", "tea"}) {
		t.Errorf("%v: columns %v, X %v, Y %v", table, table.Columns, table.X, table.Y)
	}
	if !strings.Contains(table.String(), "1 of them missing") {
		t.Errorf("%s", table)
	}
	e, err := f.Pick([]int{0, 1}).Encoding("kind") // of two rows, but of all levels
	if err != nil {
		t.Fatal(err)
	}
	kept, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var again Encoding
	if err := json.Unmarshal(kept, &again); err != nil {
		t.Fatal(err)
	}
	other, err := ReadFrame("more", strings.NewReader("kind,colour,size\nmilk,green,5\n"), CSV{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Table(other); err != nil || fmt.Sprint(got.X, got.Y) != "[5 0 0] [1]" {
		t.Errorf("other rows by the same encoding: %v %v, %v", got.X, got.Y, err)
	}
	regression, err := f.Complete().Regression("size")
	if err != nil || fmt.Sprint(regression.Target) != "[1 2]" || regression.Classes != 0 || len(regression.Columns) != 5 {
		t.Errorf("%v, %v", regression, err)
	}
	for name, do := range map[string]func() error{
		"missing labels":   func() error { _, err := f.Table("size"); return err },
		"missing targets":  func() error { _, err := f.Regression("size"); return err },
		"text as target":   func() error { _, err := f.Regression("kind"); return err },
		"no such column":   func() error { _, err := f.Table("nothing"); return err },
		"an unknown class": func() error { o := other; o.Columns[0].Texts = []string{"beer"}; _, err := e.Table(o); return err },
		"only a label":     func() error { _, err := f.Without("size", "colour").Table("kind"); return err },
	} {
		if do() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNumbersAsClasses(t *testing.T) {
	for text, want := range map[string]string{
		"a,y\n1,2\n2,0\n":         "[2 0] [0 1 2]",
		"a,y\n1,1\n2,-1\n":        "[1 0] [-1 1]",
		"a,y\n1,2001\n2,1999.5\n": "[1 0] [1999.5 2001]",
	} {
		f, err := ReadFrame("x", strings.NewReader(text), CSV{})
		if err != nil {
			t.Fatal(err)
		}
		table, err := f.Table("y")
		if got := fmt.Sprint(table.Y, table.ClassNames); err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
}

// measured returns a table for training of three features: a ramp, a constant, and one with missing values.
func measured() Table {
	t := Table{Name: "measured", Shape: []int{3}, Classes: 1, Part: Train}
	for i := range 101 {
		v := float32(1000 + i)
		odd := float32(i)
		if i%10 == 0 {
			odd = float32(math.NaN())
		}
		t.X = append(t.X, v, 7, odd)
		t.Y = append(t.Y, 0)
	}
	return t
}

func TestScaler(t *testing.T) {
	for scaling, want := range map[Scaling][2]float64{ // of the first feature
		Standard: {1050, math.Sqrt((101*101 - 1) / 12.0)}, MinMax: {1000, 100}, Robust: {1050, 50},
	} {
		s, err := FitScaler(measured(), scaling)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(s.Shift[0]-want[0]) > 1e-9 || math.Abs(s.By[0]-want[1]) > 1e-9 || s.By[1] != 1 {
			t.Errorf("%s: %+v", scaling, s)
		}
		scaled := s.Apply(measured())
		if scaled.X[1] != 0 && scaling != MinMax || !math.IsNaN(float64(scaled.X[2])) {
			t.Errorf("%s: a row becomes %v", scaling, scaled.Row(0))
		}
		if filled := scaled.FillMissing(0); filled.X[2] != 0 || countNaN(filled.X) != 0 || countNaN(scaled.X) == 0 {
			t.Errorf("%s: filled %v", scaling, filled.Row(0))
		}
		kept, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var again Scaler
		if err := json.Unmarshal(kept, &again); err != nil {
			t.Fatal(err)
		}
		back := again.Inverse(again.Apply(measured()))
		for i, v := range measured().X {
			if math.Abs(float64(back.X[i]-v)) > 1e-3 {
				t.Errorf("%s: %v comes back as %v", scaling, v, back.X[i])
			}
		}
	}
}

func TestScalerIsFittedToTrainingOnly(t *testing.T) {
	for _, part := range []Part{Whole, Valid, Test} {
		if _, err := FitScaler(measured().As(part), Standard); err == nil || !strings.Contains(err.Error(), "As(dataset.Train)") {
			t.Errorf("%v: %v", part, err)
		}
	}
	learn, valid, test := measured().As(Whole).Split(1, 60, 20, 20)
	s, err := FitScaler(learn, Standard)
	if err != nil {
		t.Fatal(err)
	}
	mean, _ := moments([]float64{float64(s.Apply(test).X[0])})
	if mean == 0 || s.Digest != learn.Digest() || s.Apply(valid).Part != Valid {
		t.Errorf("%v", s)
	}
	if _, err := FitScaler(measured(), "other"); err == nil {
		t.Error("another scaling is fitted")
	}
	if _, err := FitScaler(measured().First(0), Standard); err == nil {
		t.Error("an empty table is fitted")
	}
	defer func() {
		if recover() == nil {
			t.Error("a table of other features is scaled")
		}
	}()
	s.Apply(toy(3))
}

func TestImagesAreScaledByChannel(t *testing.T) {
	table := Table{Name: "rgb", Shape: []int{1, 2, 3}, Part: Train, Classes: 1, Y: []int32{0}, X: []float32{0, 10, 5, 2, 30, 5}}
	s, err := FitScaler(table, MinMax)
	if err != nil || !slices.Equal(s.Shift, []float64{0, 10, 5}) || !slices.Equal(s.By, []float64{2, 20, 1}) {
		t.Fatalf("%v, %v", s, err)
	}
	if got := s.Apply(table).X; !slices.Equal(got, []float32{0, 0, 0, 1, 1, 0}) {
		t.Errorf("%v", got)
	}
}

func TestText(t *testing.T) {
	text := Chars("hello", "hello wörld")
	if fmt.Sprint(text.Vocab) != "[  d e h l o r w ö]" || text.Decode(text.Tokens) != "hello wörld" {
		t.Errorf("%q, %v", text.Vocab, text.Tokens)
	}
	if tokens, err := text.Encode("hö"); err != nil || text.Decode(tokens) != "hö" {
		t.Errorf("%v, %v", tokens, err)
	}
	if _, err := text.Encode("x"); err == nil {
		t.Error("a character that is not there is encoded")
	}
	raw := Bytes("raw", []byte("hö\xff"))
	if tokens, err := raw.Encode("ö"); err != nil || fmt.Sprint(tokens) != "[195 182]" || raw.Decode(raw.Tokens) != "hö\xff" {
		t.Errorf("%v, %v", tokens, err)
	}
	a, b, c := Chars("abc", "abcdefghij").Split(60, 20, 20)
	if a.Decode(a.Tokens) != "abcdef" || b.Decode(b.Tokens) != "gh" || c.Decode(c.Tokens) != "ij" || a.Part != Train || c.Part != Test {
		t.Errorf("%v, %v, %v", a, b, c)
	}
}

func TestGoSource(t *testing.T) {
	content, err := goFiles(t.Context(), fstest.MapFS{
		"b/b.go": {Data: []byte("b")}, "a.go": {Data: []byte("a")}, "b/b_test.go": {Data: []byte("x")}, "cmd/go/main.go": {Data: []byte("x")},
		"vendor/v.go": {Data: []byte("x")}, "c/testdata/c.go": {Data: []byte("x")}, "c/c.s": {Data: []byte("x")}, "c/cmd/c.go": {Data: []byte("c")},
	})
	if err != nil || string(content) != "abc" {
		t.Errorf("%q, %v", content, err)
	}
	text, err := LoadGoSource(t.Context())
	if err != nil {
		t.Skip("Go's source is not here: ", err)
	}
	if runtime.Version() == "go1.26.8" && text.Source[:16] != "71062014155daf34" {
		t.Errorf("another order of files: %s", text.Source)
	}
	if len(text.Tokens) < 10e6 || !strings.Contains(text.Decode(text.Tokens[:1000]), "package") {
		t.Errorf("%s", text)
	}
}

func TestWindows(t *testing.T) {
	text := Chars("abc", "abcdefghij")
	for _, c := range []struct {
		context, stride int
		want            string
	}{
		{3, 3, "abc>bcd def>efg ghi>hij "}, {4, 4, "abcd>bcde efgh>fghi "}, {9, 1, "abcdefghi>bcdefghij "}, {8, 1, "abcdefgh>bcdefghi bcdefghi>cdefghij "},
	} {
		w := text.Windows(c.context, c.stride)
		got := ""
		for batch, err := range w.Ordered(1).Iter() {
			if err != nil {
				t.Fatal(err)
			}
			view, err := ShowBatch(batch)
			if err != nil || !strings.Contains(view.String(), fmt.Sprintf("(Int32)[1, %d]", c.context)) {
				t.Errorf("%v, %v", view, err)
			}
			x, _ := new(BatchView).add("", batch.Inputs[0])
			y, _ := new(BatchView).add("", batch.Labels[0])
			for _, part := range [][]float32{x, y} {
				for _, token := range part {
					got += text.Vocab[int(token)]
				}
				got += ">"
			}
			got = strings.TrimSuffix(got, ">") + " "
		}
		if got != c.want {
			t.Errorf("windows of %d, %d apart: %s, want %s", c.context, c.stride, got, c.want)
		}
	}
	if text.Windows(3, 3).Digest() == text.Windows(3, 1).Digest() || text.Windows(3, 3).Digest() == Chars("", "abcdefghijk").Windows(3, 3).Digest() {
		t.Error("the digest does not follow the windows")
	}
	view, err := text.Windows(3, 3).Batches(2, 1).Show()
	if err != nil || !strings.Contains(view.String(), `"abc" → "bcd"`) {
		t.Errorf("%v, %v", view, err)
	}
}

// What is shown is the batch that comes, and it still comes.
func TestShowBatchIsWhatComes(t *testing.T) {
	table := toy(12)
	table.X[5] = float32(math.NaN())
	table.X[6] = float32(math.Inf(1))
	table.ClassNames = strings.Fields("nil one two three four five six seven eight nine")
	b := table.Ordered(6)
	view, err := b.Show()
	if err != nil {
		t.Fatal(err)
	}
	want := "toy: batch 0 of epoch 0, examples 0 1 2 3 4 5\n" +
		"  input 0: (Float32)[6, 2, 2, 1], 0 to 5, mean 1.455, deviation 1.305, 25 % zeros, 1 NaN, 1 infinite\n" +
		"  label 0: (Int32)[6, 1], 0 to 5, mean 2.5, deviation 1.708, 16.7 % zeros\n" +
		"  labels nil, one, two, three, four, five"
	if view.String() != want {
		t.Errorf("got\n%s\nwant\n%s", view, want)
	}
	page, err := view.HTML()
	if err != nil || !strings.Contains(page, "data:image/png") || !strings.Contains(page, "<td>1</td><td>1</td>") || strings.Contains(page, "http") {
		t.Errorf("page %.400s, %v", page, err)
	}
	if got := take(t, b, 1); fmt.Sprint(got) != "[[0 1 2 3 4 5]]" {
		t.Errorf("after Show comes %v", got)
	}
	if view, _ = b.Show(); !strings.Contains(view.String(), "batch 0 of epoch 1") { // an iteration that was broken off is not gone on with
		t.Errorf("then %s", view)
	}
	flat := measured().Ordered(4)
	flat.table.Columns = []string{"a", "b", "<c>"}
	view, err = flat.Show()
	if err != nil || !strings.Contains(view.String(), "[1000 7 NaN] → 0") {
		t.Errorf("%s, %v", view, err)
	}
	if page, _ := view.HTML(); !strings.Contains(page, "<th>&lt;c&gt;</th>") {
		t.Errorf("page %s", page)
	}
	if view, err = toy(8).Batches(4, 1).Mixup(1, 1).Show(); err != nil || !strings.Contains(view.String(), " + ") {
		t.Errorf("%s, %v", view, err)
	}
	rows := measured()
	rows.Columns, rows.ClassNames = []string{"a", "b", "c"}, []string{"rose"}
	if page, err := rows.HTML(); err != nil || !strings.Contains(page, "<th>c</th>") || !strings.Contains(page, "<td>rose</td>") || strings.Count(page, "<tr>") != 9 {
		t.Errorf("the page of a table of rows: %s, %v", page, err)
	}
	colours := Table{Name: "rgb", Shape: []int{1, 2, 3}, Classes: 1, Y: []int32{0}, X: []float32{1, 0, 0, 0, 0, 1}}
	if r, g, b, _ := colours.Show(1).image.At(10, 10).RGBA(); r>>8 != 255 || g != 0 || b != 0 {
		t.Errorf("a red pixel is %d %d %d", r>>8, g>>8, b>>8)
	}
}

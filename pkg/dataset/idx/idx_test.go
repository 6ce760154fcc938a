package idx

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"bytes":        {"\x00\x00\x08\x02\x00\x00\x00\x02\x00\x00\x00\x03\x00\x01\x02\xfd\xfe\xff", "{[2 3] [0 1 2 253 254 255]}"},
		"signed bytes": {"\x00\x00\x09\x01\x00\x00\x00\x02\xff\x01", "{[2] [-1 1]}"},
		"shorts":       {"\x00\x00\x0b\x01\x00\x00\x00\x02\xff\xfe\x01\x00", "{[2] [-2 256]}"},
		"ints":         {"\x00\x00\x0c\x01\x00\x00\x00\x01\xff\xff\xff\xff", "{[1] [-1]}"},
		"floats":       {"\x00\x00\x0d\x01\x00\x00\x00\x01\x3f\xc0\x00\x00", "{[1] [1.5]}"},
		"doubles":      {"\x00\x00\x0e\x01\x00\x00\x00\x01\x3f\xf8\x00\x00\x00\x00\x00\x00", "{[1] [1.5]}"},
		"nothing":      {"\x00\x00\x08\x02\x00\x00\x00\x00\x00\x00\x00\x03", "{[0 3] []}"},
	} {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write([]byte(c.file)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{c.file, packed.String()} {
			got, err := Read(strings.NewReader(file))
			if err != nil || fmt.Sprint(got) != c.want {
				t.Errorf("%s: %v, %v; want %s", name, got, err, c.want)
			}
		}
		for cut := range len(c.file) {
			if _, err := Read(strings.NewReader(c.file[:cut])); err == nil {
				t.Errorf("%s: the first %d bytes are read", name, cut)
			}
		}
		if _, err := Read(strings.NewReader(c.file + "x")); err == nil {
			t.Errorf("%s: a longer file is read", name)
		}
	}
	for _, junk := range []string{"\x00\x00\x07\x01\x00\x00\x00\x00", "PK\x03\x04", "\x00\x00\x08\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if _, err := Read(strings.NewReader(junk)); err == nil {
			t.Errorf("%q is read", junk)
		}
	}
}

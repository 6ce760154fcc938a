package spec

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// translator is the Python module that tells papermill of Go.
//
//go:embed lathe_papermill.py
var translator string

// Papermill is the name and version of the Python package that Wheel makes.
const (
	Papermill        = "lathe-papermill"
	papermillVersion = "1.0"
)

// Wheel returns the name and content of a Python package that papermill finds where it is installed,
// and that lets papermill give parameters to notebooks in Go. It calls program, by its absolute path.
func Wheel(program string) (name string, content []byte, err error) {
	const line = "PROGRAM = \"lathe\"\n"
	module := strings.Replace(translator, line, "PROGRAM = "+strconv.Quote(program)+"\n", 1)
	if strings.Count(translator, line) != 1 {
		return "", nil, fmt.Errorf("spec: the translator has not one line %q", line)
	}
	stem := strings.ReplaceAll(Papermill, "-", "_")
	info := stem + "-" + papermillVersion + ".dist-info/"
	files := []struct{ name, text string }{
		{stem + ".py", module},
		{info + "METADATA", "Metadata-Version: 2.1\nName: " + Papermill + "\nVersion: " + papermillVersion +
			"\nSummary: lets papermill give parameters to notebooks in Go\nLicense: Apache-2.0\nRequires-Python: >=3.8\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: lathe\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "entry_points.txt", "[papermill.engine]\nlathe = " + stem + ":NBClientEngine\n"},
	}
	var record strings.Builder
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name, text string) error {
		w, err := z.Create(name)
		if err != nil {
			return err
		}
		_, err = w.Write([]byte(text))
		return err
	}
	for _, f := range files {
		sum := sha256.Sum256([]byte(f.text))
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.text))
		if err := add(f.name, f.text); err != nil {
			return "", nil, fmt.Errorf("spec: make the Python package: %w", err)
		}
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	if err := add(info+"RECORD", record.String()); err != nil {
		return "", nil, fmt.Errorf("spec: make the Python package: %w", err)
	}
	if err := z.Close(); err != nil {
		return "", nil, fmt.Errorf("spec: make the Python package: %w", err)
	}
	return stem + "-" + papermillVersion + "-py3-none-any.whl", b.Bytes(), nil
}

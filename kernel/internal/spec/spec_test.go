package spec

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func sample() Spec {
	return Spec{Argv: []string{"/opt/lathe", "kernel"}, Resources: map[string][]byte{"echarts.min.js": []byte("js")}}
}

// names lists the files of a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestInstall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "share", "kernels")
	for range 2 { // the second time changes nothing
		got, err := Install(dir, sample())
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"echarts.min.js", "kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}
		if got != filepath.Join(dir, "lathe") || !reflect.DeepEqual(names(t, got), want) {
			t.Errorf("%s holds %v", got, names(t, got))
		}
		if left := names(t, dir); len(left) != 1 {
			t.Errorf("left over: %v", left)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "lathe", "kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	var k map[string]any
	if err := json.Unmarshal(raw, &k); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"argv":                    []any{"/opt/lathe", "kernel", "{connection_file}"},
		"display_name":            "Go (Lathe)",
		"language":                "go",
		"interrupt_mode":          "message",
		"kernel_protocol_version": "5.5",
		"metadata":                map[string]any{"debugger": false, "lathe": true},
	}
	if !reflect.DeepEqual(k, want) {
		t.Errorf("kernel.json is %v, want %v", k, want)
	}
	list, err := List(dir)
	if err != nil || len(list) != 1 || list[0].Name != "lathe" || list[0].Argv[0] != "/opt/lathe" {
		t.Errorf("List returns %+v, %v", list, err)
	}
	if err := Uninstall(dir, "lathe"); err != nil {
		t.Fatal(err)
	}
	if err := Uninstall(dir, "lathe"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a second Uninstall returns %v", err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	if list, err := List(filepath.Join(dir, "absent")); err != nil || list != nil {
		t.Errorf("List of an absent folder returns %v, %v", list, err)
	}
}

func TestInstallRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(dir string, s *Spec)
		want   string
	}{
		{"a name with a slash", func(_ string, s *Spec) { s.Name = "a/b" }, `name "a/b"`},
		{"a hidden name", func(_ string, s *Spec) { s.Name = ".." }, `name ".."`},
		{"a relative program", func(_ string, s *Spec) { s.Argv = []string{"lathe"} }, "absolute path"},
		{"no program", func(_ string, s *Spec) { s.Argv = nil }, "absolute path"},
		{"a resource elsewhere", func(_ string, s *Spec) { s.Resources = map[string][]byte{"../x": nil} }, "resource"},
		{"a second kernel.json", func(_ string, s *Spec) { s.Resources = map[string][]byte{"kernel.json": nil} }, "resource"},
		{"another kernel's name", func(dir string, s *Spec) {
			os.MkdirAll(filepath.Join(dir, "python3"), 0o755)
			os.WriteFile(filepath.Join(dir, "python3", "kernel.json"), []byte(`{"language":"python"}`), 0o644)
			s.Name = "Python3"
		}, "not installed by lathe"},
		{"a file in the way", func(dir string, _ *Spec) { os.WriteFile(filepath.Join(dir, "lathe"), nil, 0o644) }, "not installed by lathe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, s := t.TempDir(), sample()
			tt.change(dir, &s)
			before := names(t, dir)
			if _, err := Install(dir, s); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %s", err, tt.want)
			}
			if after := names(t, dir); !reflect.DeepEqual(after, before) {
				t.Errorf("the folder holds %v, before %v", after, before)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o644)
	if _, err := Install(filepath.Join(file, "kernels"), sample()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("installing below a file: %v", err)
	}
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "python3"), 0o755)
	os.WriteFile(filepath.Join(dir, "python3", "kernel.json"), []byte(`{"language":"python"}`), 0o644)
	if err := Uninstall(dir, "python3"); err == nil || len(names(t, dir)) != 1 {
		t.Errorf("another kernel was removed (%v)", err)
	}
}

func TestUserDir(t *testing.T) {
	t.Setenv("JUPYTER_DATA_DIR", "/data")
	if dir, err := UserDir(); err != nil || dir != "/data/kernels" {
		t.Errorf("UserDir is %s, %v", dir, err)
	}
	if dir := PrefixDir("/usr"); dir != "/usr/share/jupyter/kernels" {
		t.Errorf("PrefixDir is %s", dir)
	}
}

// TestLogo: both forms are images, with transparent corners and wood in the middle.
func TestLogo(t *testing.T) {
	for _, size := range []int{32, 64} {
		raw, err := logoPNG(size)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(raw))
		if err != nil || img.Bounds().Dx() != size || img.Bounds().Dy() != size {
			t.Fatalf("size %d: %v", size, err)
		}
		if _, _, _, a := img.At(0, 0).RGBA(); a != 0 {
			t.Error("the corner is not transparent")
		}
		if r, _, b, _ := img.At(size/2, size/2).RGBA(); r < 2*b {
			t.Error("the middle is not of wood")
		}
	}
	d := xml.NewDecoder(bytes.NewReader(logoSVG()))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestWheel: the Python package has what pip looks for, with the digests of its files, and calls the
// program it was made for.
func TestWheel(t *testing.T) {
	name, content, err := Wheel(`/opt/my "lathe"`)
	if err != nil || name != "lathe_papermill-1.0-py3-none-any.whl" {
		t.Fatalf("Wheel returns %s, %v", name, err)
	}
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	const info = "lathe_papermill-1.0.dist-info/"
	record, err := fs.ReadFile(z, info+"RECORD")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lathe_papermill.py", info + "METADATA", info + "WHEEL", info + "entry_points.txt"} {
		text, err := fs.ReadFile(z, name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		line := name + ",sha256=" + base64.RawURLEncoding.EncodeToString(sum[:]) + ","
		if !bytes.Contains(record, []byte(line)) {
			t.Errorf("RECORD has no line %q", line)
		}
	}
	module, _ := fs.ReadFile(z, "lathe_papermill.py")
	if !bytes.Contains(module, []byte("\nPROGRAM = \"/opt/my \\\"lathe\\\"\"\n")) {
		t.Errorf("the module is %s", module)
	}
}

// Package pjrt finds and fetches the PJRT plugin through which models run: XLA as a shared library.
//
// A plugin that go-xla would find by itself is used as it is. Else the set-up fetches one, with a pinned
// digest, into Lathe's own folder. Everything on the way survives being killed: a download goes on where
// it stopped, and a plugin appears under its name only when it is whole and on the disk.
package pjrt

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/home"
)

// A Plugin is a PJRT plugin on this machine.
type Plugin struct {
	Path   string // the shared library
	Source string // "go-xla" for one on go-xla's search path, "lathe" for one that Install fetched
}

var (
	// ErrNotFound says that there is no plugin; `lathe setup` installs one.
	ErrNotFound = errors.New("no PJRT plugin is installed; run `lathe setup`")

	// ErrDamaged is wrapped by errors about a plugin whose file is not what it should be.
	ErrDamaged = errors.New("the PJRT plugin is damaged; run `lathe setup` to fetch it again")
)

// Env returns the environment in which go-xla uses p and never downloads anything by itself.
func (p Plugin) Env() []string {
	return []string{
		"PJRT_PLUGIN_LIBRARY_PATH=" + filepath.Dir(p.Path),
		"GOMLX_NO_AUTO_INSTALL=1",
	}
}

// Find returns the plugin to use. Its error is or wraps ErrNotFound or ErrDamaged if `lathe setup` is
// what helps. It reads a few bytes of the library, not all of it: see Verify.
func Find(ctx context.Context) (Plugin, error) {
	if err := ctx.Err(); err != nil {
		return Plugin{}, err
	}
	if path := search(); path != "" {
		return Plugin{Path: path, Source: "go-xla"}, nil
	}
	w, err := wheelFor(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return Plugin{}, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	dir, err := w.folder()
	if err != nil {
		return Plugin{}, err
	}
	p := Plugin{Path: filepath.Join(dir, w.library), Source: "lathe"}
	if err := w.quickCheck(p.Path); err != nil {
		return Plugin{}, err
	}
	return p, nil
}

// Verify reads all of p and reports, wrapping ErrDamaged, if it is not what Install put there. Of a
// plugin that others installed it can only say that it is a shared library for this machine.
func Verify(ctx context.Context, p Plugin) error {
	if p.Source != "lathe" {
		return checkELF(p.Path)
	}
	w, err := wheelFor(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return err
	}
	return w.verify(ctx, p.Path)
}

// verify reports, wrapping ErrDamaged, if the file at path is not the library of w.
func (w wheel) verify(ctx context.Context, path string) error {
	sum, err := digestFile(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return fmt.Errorf("pjrt: verify %s: %w", path, err)
	}
	if sum != w.librarySHA256 {
		return fmt.Errorf("%w: the SHA-256 of %s is %s, not %s", ErrDamaged, path, sum, w.librarySHA256)
	}
	return nil
}

// manifest stands beside an installed plugin and says what the file was when it was verified.
type manifest struct {
	Wheel   string    `json:"wheel"`
	Size    int64     `json:"size"`
	SHA256  string    `json:"sha256"`
	ModTime time.Time `json:"mtime"`
}

// manifestName is the file of the manifest.
const manifestName = "manifest.json"

// folder is where the plugin of w is installed.
func (w wheel) folder() (string, error) {
	data, err := home.Data()
	if err != nil {
		return "", err
	}
	return filepath.Join(data, "pjrt", w.kind+"-"+w.version), nil
}

// quickCheck compares the size and time of an installed plugin with its manifest, and looks at its
// first bytes. Where only the time differs, as after a copy, the digest decides.
func (w wheel) quickCheck(path string) error {
	m, err := readManifest(filepath.Join(filepath.Dir(path), manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound // not installed, or killed while it was
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if m.SHA256 != w.librarySHA256 || info.Size() != m.Size {
		return fmt.Errorf("%w: %s has %d bytes, not %d", ErrDamaged, path, info.Size(), m.Size)
	}
	if !info.ModTime().Equal(m.ModTime) {
		if err := w.verify(context.Background(), path); err != nil {
			return err
		}
		// Best effort: without the new time the next check is as slow as this one.
		_ = w.writeManifest(path)
	}
	return checkELF(path)
}

// readManifest reads the manifest in the file at path.
func readManifest(path string) (manifest, error) {
	var m manifest
	data, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// machines maps Go's names of processors to those of ELF.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkELF reports, wrapping ErrDamaged, if the file at path does not begin as a shared library for
// this machine, or ends before its section table. On systems without ELF it only looks for content.
func checkELF(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer f.Close()
	if runtime.GOOS != "linux" {
		if n, _ := f.Read(make([]byte, 1)); n == 0 {
			return fmt.Errorf("%w: %s is empty", ErrDamaged, path)
		}
		return nil
	}
	lib, err := elf.NewFile(f)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	if lib.Type != elf.ET_DYN || lib.Machine != machines[runtime.GOARCH] {
		return fmt.Errorf("%w: %s is %s for %s, not a shared library for %s", ErrDamaged, path, lib.Type, lib.Machine, runtime.GOARCH)
	}
	return nil
}

// digestFile returns the SHA-256 of a file in hexadecimal.
func digestFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, contextReader{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// contextReader ends reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

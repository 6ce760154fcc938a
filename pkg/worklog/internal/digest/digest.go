// Package digest knows the SHA-256 of files without reading those again that have not changed. The processes of a
// user share what they know in a file of the user's cache folder, to which each appends lines.
package digest

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A key tells one state of a file from any other: writing to a file changes its times, and the second of them cannot
// be set back. Its zero value is no file's.
type key struct {
	dev, inode    uint64
	size          int64
	mtime, change int64 // Unix time in nanoseconds
}

// fresh is how old a file must be before it is known by its key: one that is written twice within the grain of the
// file system's clock has one key for two contents.
const fresh = 2 * time.Second

// A Cache knows digests. Its methods may be called from any goroutine.
type Cache struct {
	path string // of the file that is shared; "" is none

	mu     sync.Mutex
	known  map[key]string
	offset int64 // up to which the file is read
	hashed int   // how many files were read
}

// Open returns the cache of this user. Where there is no folder for it, files are read each time.
func Open() *Cache {
	dir, err := os.UserCacheDir()
	if err != nil {
		return OpenFile("")
	}
	return OpenFile(filepath.Join(dir, "lathe", "digests"))
}

// OpenFile returns the cache in the file at path, which need not exist.
func OpenFile(path string) *Cache { return &Cache{path: path, known: map[key]string{}} }

// Hashed returns how many files were read.
func (c *Cache) Hashed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hashed
}

// File returns what is known of the regular file at path, and its SHA-256 in hexadecimal.
func (c *Cache) File(path string) (os.FileInfo, string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	if !info.Mode().IsRegular() {
		return info, "", errors.New("not a regular file")
	}
	if sum := c.lookup(keyOf(info)); sum != "" {
		return info, sum, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return info, "", err
	}
	defer file.Close()
	h := sha256.New()
	if info, err = file.Stat(); err == nil {
		_, err = io.Copy(h, file)
	}
	if err != nil {
		return info, "", err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	after, err := file.Stat()
	c.learn(info, after, sum, err)
	return info, sum, nil
}

// learn keeps the digest of a file that was not written to while it was read, nor a moment before.
func (c *Cache) learn(before, after os.FileInfo, sum string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hashed++
	k := key{}
	if err == nil {
		k = keyOf(after)
	}
	old := time.Since(time.Unix(0, max(k.mtime, k.change))) > fresh
	if k == (key{}) || k != keyOf(before) || !old {
		return
	}
	c.known[k] = sum
	if c.path != "" {
		c.append(line(k, sum))
	}
}

// lookup returns the digest of a file, or "".
func (c *Cache) lookup(k key) string {
	if k == (key{}) {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[k] == "" {
		c.read()
	}
	return c.known[k]
}

// line writes an entry. Its checksum tells a line that was cut short, or mixed with another.
func line(k key, sum string) string {
	text := fmt.Sprintf("%d %d %d %d %d %s", k.dev, k.inode, k.size, k.mtime, k.change, sum)
	return fmt.Sprintf("%s %08x\n", text, crc32.ChecksumIEEE([]byte(text)))
}

// parse reads what line wrote.
func parse(text string) (k key, sum string, ok bool) {
	at := strings.LastIndexByte(text, ' ')
	var check uint32
	if at < 0 {
		return k, "", false
	}
	if _, err := fmt.Sscanf(text[at+1:], "%08x", &check); err != nil || check != crc32.ChecksumIEEE([]byte(text[:at])) {
		return k, "", false
	}
	_, err := fmt.Sscan(text[:at], &k.dev, &k.inode, &k.size, &k.mtime, &k.change, &sum)
	return k, sum, err == nil && len(sum) == 2*sha256.Size
}

// most bounds the shared file: with more bytes, it begins anew.
const most = 4 << 20

// append adds an entry to the shared file; if that fails, only this process knows it. c.mu is held.
func (c *Cache) append(entry string) {
	if os.MkdirAll(filepath.Dir(c.path), 0o700) != nil {
		return
	}
	file, err := os.OpenFile(c.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !private(info) {
		return
	}
	if info.Size() > most && os.Remove(c.path) == nil {
		return
	}
	file.WriteString(entry) // one write of a line, which does not mix with another's
}

// read takes what other processes have added to the shared file. A file that somebody else may write to is not
// believed. c.mu is held.
func (c *Cache) read() {
	info, err := os.Stat(c.path)
	if c.path == "" || err != nil || info.Size() == c.offset || !private(info) {
		return
	}
	if info.Size() < c.offset {
		c.offset = 0
	}
	file, err := os.Open(c.path)
	if err != nil {
		return
	}
	defer file.Close()
	if _, err := file.Seek(c.offset, io.SeekStart); err != nil {
		return
	}
	lines := bufio.NewReader(file)
	for {
		text, err := lines.ReadString('\n')
		if err != nil {
			return // a line that is just being written is read next time
		}
		c.offset += int64(len(text))
		if k, sum, ok := parse(strings.TrimSuffix(text, "\n")); ok {
			c.known[k] = sum
		}
	}
}

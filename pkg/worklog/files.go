package worklog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A File is what a run knows of a file that it read or made.
type File struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"` // in bytes
	ModTime time.Time `json:"time"`
	SHA256  string    `json:"sha256,omitempty"` // in hexadecimal
	Error   string    `json:"error,omitempty"`  // why it could not be read
}

// Data names a data set by its content.
type Data struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
}

// ledger describes the file at path.
func ledger(path string) (File, error) {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	f := File{Path: path}
	file, err := os.Open(path)
	if err != nil {
		return f, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return f, err
	}
	f.Size, f.ModTime = info.Size(), info.ModTime()
	if !info.Mode().IsRegular() {
		return f, errors.New("not a regular file")
	}
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return f, err
	}
	f.SHA256 = hex.EncodeToString(h.Sum(nil))
	return f, nil
}

//go:build !unix

package filelock

import "os"

// Try grants every request: here only the names of logs keep their writers apart.
func Try(*os.File) bool { return true }

// Deleted reports false: here an open file keeps its name.
func Deleted(os.FileInfo) bool { return false }

package dataset

import (
	"context"

	"github.com/lathe-go/lathe/pkg/dataset/fetch"
)

// A File is a file to fetch, with the digest that it must have: see package fetch.
type File = fetch.File

// A Member is a file inside a package of a Python package index: see package fetch.
type Member = fetch.Member

// Fetch returns the path of f in the cache, and fetches it first if it is not there.
func Fetch(ctx context.Context, f File) (string, error) { return fetch.Get(ctx, f) }

// FetchMember returns the path of m in the cache, and fetches it first if it is not there.
func FetchMember(ctx context.Context, m Member) (string, error) { return fetch.GetMember(ctx, m) }

// CacheDir returns the folder of what was fetched. It need not exist yet.
func CacheDir() (string, error) { return fetch.CacheDir() }

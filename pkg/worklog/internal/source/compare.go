package source

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Difference is one path that is not the same in two trees.
type Difference struct {
	Path string
	A, B Side
}

// A Side is what one of two trees has at a path.
type Side struct {
	Mode  string // of git, "" where the tree has no such path
	Lines int    // that the other one lacks; -1 in a file that is not text
}

// Compare lists the paths in which two trees differ, the most likely causes of another result first:
// code, the rest, tests and prose; among those the greater change first.
func Compare(ctx context.Context, repository, a, b string) ([]Difference, error) {
	out, err := git(ctx, nil, "--git-dir", repository, "diff-tree", "-r", "-z", "--raw", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv", a, b)
	if err != nil {
		return nil, err
	}
	list := parseDifferences(fields(out))
	slices.SortStableFunc(list, func(x, y Difference) int {
		return cmp.Or(cmp.Compare(x.rank(), y.rank()), cmp.Compare(y.A.Lines+y.B.Lines, x.A.Lines+x.B.Lines))
	})
	return list, nil
}

// parseDifferences reads raw entries, each with its path behind it, and then the numbers of lines.
func parseDifferences(entries []string) []Difference {
	var list []Difference
	at := map[string]int{}
	for i := 0; i < len(entries); i++ {
		if raw := strings.Fields(entries[i]); strings.HasPrefix(entries[i], ":") && i+1 < len(entries) && len(raw) == 5 {
			i++
			at[entries[i]] = len(list)
			list = append(list, Difference{entries[i], Side{Mode: mode(raw[0][1:])}, Side{Mode: mode(raw[1])}})
			continue
		}
		parts := strings.SplitN(entries[i], "\t", 3)
		if len(parts) != 3 {
			continue
		}
		if n, ok := at[parts[2]]; ok {
			list[n].B.Lines, list[n].A.Lines = lines(parts[0]), lines(parts[1])
		}
	}
	return list
}

func mode(s string) string {
	if s == "000000" {
		return ""
	}
	return s
}

func lines(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1 // git writes a dash for what is not text
	}
	return n
}

func (d Difference) rank() int {
	switch ext := path.Ext(d.Path); {
	case strings.HasSuffix(d.Path, "_test.go") || ext == ".md" || ext == ".txt":
		return 2
	case ext == ".go" || path.Base(d.Path) == "go.mod":
		return 0
	}
	return 1
}

// Patch returns the difference of two trees as a patch.
func Patch(ctx context.Context, repository, a, b string) (string, error) {
	out, err := git(ctx, nil, "--git-dir", repository, "diff-tree", "-r", "-p", "--binary", "--no-renames", "--no-ext-diff", "--no-textconv", a, b)
	return string(out), err
}

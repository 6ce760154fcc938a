package source

import (
	"context"
	"fmt"
	"strings"
)

// A Ref is a reference that keeps a tree.
type Ref struct{ Name, Commit, Message string }

// List returns the references that keep trees in a repository.
func List(ctx context.Context, repository string) ([]Ref, error) {
	out, err := git(ctx, nil, "--git-dir", repository, "for-each-ref", "--format=%(refname)%00%(objectname)%00%(contents)%00", Refs)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(string(out), "\x00")
	var list []Ref
	for i := 0; i+2 < len(parts); i += 3 {
		name := strings.TrimPrefix(strings.TrimPrefix(parts[i], "\n"), Refs)
		list = append(list, Ref{name, parts[i+1], parts[i+2]})
	}
	return list, nil
}

// Drop deletes references, each only if it still is what List told.
func Drop(ctx context.Context, repository string, refs []Ref) error {
	var b strings.Builder
	for _, r := range refs {
		fmt.Fprintf(&b, "delete %s%s %s\n", Refs, r.Name, r.Commit)
	}
	_, err := git(ctx, strings.NewReader(b.String()), "--git-dir", repository, "update-ref", "--stdin")
	return err
}

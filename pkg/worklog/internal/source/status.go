package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// A State is what git status tells of a working tree.
type State struct {
	Top, Repository string
	Commit          string // empty before the first
	Branch          string
	Changed         []string // against the commit; of a renamed file the new name
	gone            []string // names that the commit has and the tree may lack
}

// Look asks git what differs in the working tree around dir.
func Look(ctx context.Context, dir string) (State, error) {
	top, repository, err := locate(ctx, dir)
	if err != nil {
		return State{}, err
	}
	s := State{Top: top, Repository: repository}
	out, err := git(ctx, nil, "-C", top, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--ignore-submodules=none")
	if err != nil {
		return s, err
	}
	s.parse(fields(out))
	return s, nil
}

// parse reads the entries of git status --porcelain=v2 --branch.
func (s *State) parse(entries []string) {
	for i := 0; i < len(entries); i++ {
		e := entries[i]
		name := ""
		switch {
		case strings.HasPrefix(e, "# branch.oid "):
			if oid := e[len("# branch.oid "):]; oid != "(initial)" {
				s.Commit = oid
			}
		case strings.HasPrefix(e, "# branch.head "):
			s.Branch = e[len("# branch.head "):]
		case strings.HasPrefix(e, "1 "):
			name = fieldFrom(e, 8)
		case strings.HasPrefix(e, "2 "):
			name = fieldFrom(e, 9)
			i++
			if strings.Contains(e[:4], "R") { // a copy leaves the name before it where it was
				s.gone = append(s.gone, entries[i])
			}
		case strings.HasPrefix(e, "u "):
			name = fieldFrom(e, 10)
		case strings.HasPrefix(e, "? "):
			name = e[2:]
		}
		if name != "" {
			s.Changed = append(s.Changed, name)
		}
	}
}

// fieldFrom returns what follows the first n blanks of s: a name, which may hold blanks itself.
func fieldFrom(s string, n int) string {
	parts := strings.SplitN(s, " ", n+1)
	return parts[len(parts)-1]
}

// hidden lists the tracked files, beside those that status tells of, whose bytes may not be what the
// commit holds: those that the user told git to take as unchanged, and those that git converts.
func (s State) hidden(ctx context.Context) ([]string, error) {
	out, err := git(ctx, nil, "-C", s.Top, "ls-files", "-v", "-z")
	if err != nil {
		return nil, err
	}
	var hidden []string
	var names strings.Builder
	for _, e := range fields(out) {
		tag, name, _ := strings.Cut(e, " ")
		if tag == "S" || tag == "s" {
			continue // not in the working tree, by the user's choice
		}
		if strings.ToLower(tag) == tag {
			hidden = append(hidden, name)
		}
		names.WriteString(name + "\x00")
	}
	converted, err := s.converted(ctx, names.String())
	return append(hidden, converted...), err
}

// converted returns those of names, which each end in a zero byte, that git may convert.
func (s State) converted(ctx context.Context, names string) ([]string, error) {
	// Without a setting git prints nothing and fails, and then it converts nothing.
	auto, _ := line(ctx, "-C", s.Top, "config", "--get", "core.autocrlf")
	if auto != "" && auto != "false" {
		return fields([]byte(names)), nil
	}
	out, err := git(ctx, strings.NewReader(names), "-C", s.Top, "check-attr", "-z", "--stdin",
		"text", "crlf", "eol", "filter", "ident", "working-tree-encoding")
	if err != nil {
		return nil, err
	}
	var found []string
	triples := fields(out) // a name, an attribute and its value
	for i := 0; i+2 < len(triples); i += 3 {
		name, value := triples[i], triples[i+2]
		off := value == "unspecified" || value == "unset"
		if !off && (len(found) == 0 || found[len(found)-1] != name) {
			found = append(found, name)
		}
	}
	return found, nil
}

// submodule returns the commit that the repository at name, below the top, has checked out, or "".
func (s State) submodule(ctx context.Context, name string) string {
	dir := filepath.Join(s.Top, name)
	if _, err := os.Lstat(filepath.Join(dir, ".git")); err != nil {
		return "" // the repository around it would answer
	}
	commit, err := line(ctx, "-C", dir, "rev-parse", "--verify", "HEAD")
	if err != nil {
		return ""
	}
	return commit
}

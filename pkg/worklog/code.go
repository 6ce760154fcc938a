package worklog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog/internal/source"
)

// Code is the state of the repository that a run ran in. It is recorded beside the start of the run, so
// that a run of the first moments does not know it yet.
type Code struct {
	Commit  string   `json:"commit,omitempty"` // the whole digest; empty outside a repository
	Branch  string   `json:"branch,omitempty"`
	Dirty   bool     `json:"dirty,omitempty"`   // whether files differ from the commit
	Changed []string `json:"changed,omitempty"` // which ones, the first hundred, untracked ones too
	Digest  string   `json:"digest,omitempty"`  // of the changed files, where Tree is unknown
	Module  string   `json:"module,omitempty"`  // digest of go.mod and go.sum
	Unknown string   `json:"unknown,omitempty"` // why something is not known, where git was there and failed

	// The source tree is kept in Repository as the git commit Record, under refs/worklog/ and the run's ID.
	// Equal trees have equal Tree. Restore writes it.
	Repository string    `json:"repository,omitempty"`
	Record     string    `json:"record,omitempty"`
	Tree       string    `json:"tree,omitempty"`
	LeftOut    []LeftOut `json:"leftOut,omitempty"` // the first hundred of what the tree lacks
	LeftMore   int       `json:"leftMore,omitempty"`
}

// A LeftOut is a file that a recorded source tree lacks or has only as it was committed, because it is
// large or may hold a secret. Its content is not in the worklog.
type LeftOut = source.LeftOut

// short returns the commit as tables show it, with a star where files differ from it.
func (c Code) short() string {
	s := c.Commit[:min(8, len(c.Commit))]
	if c.Dirty {
		s += "*"
	}
	return s
}

// gitLimit bounds what recording the code may take. It is done beside the run, whose end waits for it.
const gitLimit = 10 * time.Second

// listed bounds the lists of files in a record.
const listed = 100

// recordCode records the code around the run once, beside it, as an event of the life that w begins.
func (r *Run) recordCode(w *writer) {
	dir, _ := os.Getwd() // without one, git says why there is no code state
	done := make(chan struct{})
	r.mu.Lock()
	before := r.coded
	r.coded = done
	r.mu.Unlock()
	go func() {
		defer close(done)
		if before != nil {
			<-before // an earlier life's code must not come after this one's
		}
		ctx, cancel := context.WithTimeout(context.Background(), gitLimit)
		defer cancel()
		code := codeState(ctx, dir, string(r.id), r.folder.message())
		w.event(event{Code: &code})
		w.flush(false)
	}()
}

// awaitCode returns when no code is being recorded.
func (r *Run) awaitCode() {
	if r == nil {
		return
	}
	r.mu.Lock()
	coded := r.coded
	r.mu.Unlock()
	if coded != nil {
		<-coded
	}
}

// message is that of the commits that keep trees. It says whose they are, for Clean.
func (f *Folder) message() string {
	path := f.path
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return "Source tree of a run\n\n" + ownerLine + strconv.Quote(path) + "\n"
}

const ownerLine = "Worklog: "

// codeState describes the code around dir and keeps its tree in the repository, for the run called id.
func codeState(ctx context.Context, dir, id, message string) Code {
	code := Code{Module: moduleDigest(dir)}
	state, err := source.Look(ctx, dir)
	if errors.Is(err, source.ErrNone) {
		return code
	}
	if err != nil {
		code.Unknown = "the code: " + err.Error()
		return code
	}
	code.Commit, code.Branch, code.Dirty = state.Commit, state.Branch, len(state.Changed) > 0
	code.Changed = state.Changed[:min(listed, len(state.Changed))]
	code.Repository = state.Repository
	tree, err := source.Record(ctx, state, id, message, source.Normal)
	code.LeftOut = tree.LeftOut[:min(listed, len(tree.LeftOut))]
	code.LeftMore = len(tree.LeftOut) - len(code.LeftOut)
	if err != nil {
		code.Unknown = "the source tree: " + err.Error()
		if code.Dirty {
			code.Digest = contentDigest(state.Top, code.Changed)
		}
		return code
	}
	code.Record, code.Tree = tree.Commit, tree.Tree
	return code
}

// moduleDigest condenses the go.mod and go.sum of the module around dir.
func moduleDigest(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for at := abs; ; at = filepath.Dir(at) {
		if mod, err := os.ReadFile(filepath.Join(at, "go.mod")); err == nil {
			sum, _ := os.ReadFile(filepath.Join(at, "go.sum")) // a module without requirements has none
			h := sha256.New()
			fmt.Fprintf(h, "%d %d\n", len(mod), len(sum))
			h.Write(mod)
			h.Write(sum)
			return hex.EncodeToString(h.Sum(nil))[:16]
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}

// hashLimit bounds the part of a changed file that contentDigest reads.
const hashLimit = 4 << 20

// contentDigest condenses the names and the beginnings of the changed files.
func contentDigest(top string, changed []string) string {
	h := sha256.New()
	for _, name := range changed {
		fmt.Fprintf(h, "%q\n", name)
		f, err := os.Open(filepath.Join(top, name))
		if err != nil {
			continue // deleted: its name says so
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			fmt.Fprintln(h, info.Size())
			io.CopyN(h, f, hashLimit) // a file that ends or fails earlier still counts by its size
		}
		f.Close()
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// A Restored says what Restore wrote.
type Restored struct {
	Folder  string
	Files   int
	LeftOut []LeftOut // what the folder lacks, or has only as it was committed
	More    int       // as many more were left out, whose names were not kept
}

// Restore writes the source tree that a run recorded into folder, byte for byte with modes and links. The
// folder must be empty or new. It needs the repository that the run was in, or a clone that has its record.
func Restore(run *Run, folder string) (Restored, error) {
	ctx := context.Background()
	run.awaitCode()
	s := run.Summary()
	repository, err := s.Code.find(ctx, run)
	if err != nil {
		return Restored{}, fmt.Errorf("worklog: restore run %s: %w", s.ID, err)
	}
	files, inner, err := source.Restore(ctx, repository, s.Code.Record, folder)
	if err != nil {
		return Restored{}, fmt.Errorf("worklog: restore run %s: %w", s.ID, err)
	}
	out := Restored{Folder: folder, Files: files, LeftOut: slices.Clone(s.Code.LeftOut), More: s.Code.LeftMore}
	for _, l := range inner {
		if !slices.ContainsFunc(out.LeftOut, func(o LeftOut) bool { return strings.TrimSuffix(o.Path, "/") == l.Path }) {
			out.LeftOut = append(out.LeftOut, l)
		}
	}
	return out, nil
}

// String says it in lines.
func (r Restored) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d files in %s\n", r.Files, r.Folder)
	for _, l := range r.LeftOut {
		fmt.Fprintf(&b, "left out: %q, %d bytes: %s\n", l.Path, l.Size, l.Why)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "left out: %d more\n", r.More)
	}
	return b.String()
}

// find returns a repository that has the record: the one that the run was in, or, where that is gone or
// moved, the one around the worklog or the working directory.
func (c Code) find(ctx context.Context, run *Run) (string, error) {
	if c.Record == "" {
		if c.Unknown != "" {
			return "", errors.New("it recorded no source tree: " + c.Unknown)
		}
		return "", errors.New("it recorded no source tree")
	}
	places := []string{c.Repository, source.Repository(ctx, "."), source.Repository(ctx, filepath.Dir(run.folder.path))}
	for _, place := range places {
		if place != "" && source.Has(ctx, place, c.Record) {
			return place, nil
		}
	}
	return "", fmt.Errorf("the commit %s is not in %s any more", c.Record, c.Repository)
}

// Cleaned says what Clean did.
type Cleaned struct {
	Dropped []string // runs that are gone, whose trees git may now delete
	Kept    int      // references of runs that are there
	Others  int      // references of other worklogs, which Clean leaves alone
}

// Clean lets go of the source trees that runs of this folder kept in the repository around dir and whose
// logs are gone. The folder must exist: where a disk is not mounted, nothing is known to be gone.
func (f *Folder) Clean(ctx context.Context, dir string) (Cleaned, error) {
	var c Cleaned
	if _, err := os.Stat(f.path); err != nil {
		return c, fmt.Errorf("worklog: clean: %w", err)
	}
	repository := source.Repository(ctx, dir)
	if repository == "" {
		return c, fmt.Errorf("worklog: clean: there is no repository around %s", dir)
	}
	refs, err := source.List(ctx, repository) // before the logs: a run makes its log first
	if err != nil {
		return c, fmt.Errorf("worklog: clean: %w", err)
	}
	mine := f.message()
	var gone []source.Ref
	for _, ref := range refs {
		_, err := os.Stat(f.log(metric.RunID(ref.Name)))
		switch {
		case strings.TrimSpace(ref.Message) != strings.TrimSpace(mine):
			c.Others++
		case errors.Is(err, fs.ErrNotExist):
			gone = append(gone, ref)
			c.Dropped = append(c.Dropped, ref.Name)
		default:
			c.Kept++
		}
	}
	if len(gone) == 0 {
		return c, nil
	}
	if err := source.Drop(ctx, repository, gone); err != nil {
		return Cleaned{}, fmt.Errorf("worklog: clean: %w", err)
	}
	return c, nil
}

// A Fault is something that is wrong with the record of a run.
type Fault struct {
	Run  metric.RunID
	What string
}

// Verify reads every log of the folder and looks for every recorded source tree. It returns how many runs
// it read and what is wrong with them; a run that recorded no tree is no fault.
func (f *Folder) Verify(ctx context.Context) (runs int, faults []Fault, err error) {
	ids, err := f.ids()
	if err != nil {
		return 0, nil, err
	}
	for _, id := range ids {
		agg, err := summarize(f.log(id), nil)
		if err != nil {
			faults = append(faults, Fault{id, err.Error()})
			continue
		}
		s := agg.now(self(), time.Now())
		if s.Damage > 0 {
			faults = append(faults, Fault{id, fmt.Sprintf("%d bytes at the end cannot be read", s.Damage)})
		}
		if s.Lost > 0 {
			faults = append(faults, Fault{id, fmt.Sprintf("%d points could not be written", s.Lost)})
		}
		if what := s.Code.check(ctx, &Run{folder: f, id: id}); what != "" {
			faults = append(faults, Fault{id, what})
		}
	}
	return len(ids), faults, nil
}

// check says what is missing of the recorded tree.
func (c Code) check(ctx context.Context, run *Run) string {
	if c.Record == "" {
		return ""
	}
	repository, err := c.find(ctx, run)
	if err != nil {
		return "the source tree: " + err.Error()
	}
	lost, err := source.Check(ctx, repository, c.Record)
	if err != nil {
		return "the source tree: " + err.Error()
	}
	if len(lost) > 0 {
		return fmt.Sprintf("the source tree lacks the content of %d files, the first is %q", len(lost), lost[0])
	}
	return ""
}

// compareCode lists what differs in the code: file by file where both trees are at hand.
func (c *Changes) compareCode(a, b *Run) {
	ctx, cancel := context.WithTimeout(context.Background(), gitLimit)
	defer cancel()
	before, after := codeMap(c.A.Code), codeMap(c.B.Code)
	repository, err := c.repository(ctx, a, b)
	var files []source.Difference
	if err == nil {
		files, err = source.Compare(ctx, repository, c.A.Code.Record, c.B.Code.Record)
	}
	if err == nil || c.A.Code.Tree != "" && c.A.Code.Tree == c.B.Code.Tree {
		for _, m := range []map[string]string{before, after} { // the files below, or their equality, say it
			delete(m, "changed files")
			delete(m, "content")
			delete(m, "go.mod and go.sum")
		}
	}
	for _, d := range files {
		c.List = append(c.List, Change{"code", d.Path, sideText(d.A, d.B), sideText(d.B, d.A)})
	}
	c.compare("code", before, after, []string{"commit", "branch"})
}

// repository returns one that has the trees of both runs.
func (c *Changes) repository(ctx context.Context, a, b *Run) (string, error) {
	repository, err := c.A.Code.find(ctx, a)
	if err != nil {
		return "", err
	}
	if source.Has(ctx, repository, c.B.Code.Record) {
		return repository, nil
	}
	if repository, err = c.B.Code.find(ctx, b); err != nil {
		return "", err
	}
	if !source.Has(ctx, repository, c.A.Code.Record) {
		return "", errors.New("no repository has the source trees of both runs")
	}
	return repository, nil
}

// sideText says what a tree has at a path that differs from the other's.
func sideText(s, other source.Side) string {
	text := ""
	switch {
	case s.Mode == "":
		return ""
	case s.Lines < 0:
		text = "other bytes"
	case s.Lines == 1:
		text = "1 line"
	default:
		text = fmt.Sprintf("%d lines", s.Lines)
	}
	if other.Mode == "" {
		return text + ", only here"
	}
	if s.Mode != other.Mode {
		text += ", mode " + s.Mode
	}
	return text
}

// Patch returns the difference of the source trees of two runs as a patch that git apply reads.
func Patch(a, b *Run) (string, error) {
	a.awaitCode()
	b.awaitCode()
	c := Changes{A: a.Summary(), B: b.Summary()}
	if a == nil || b == nil {
		return "", errors.New("worklog: patch: there is no other run to compare with")
	}
	ctx := context.Background()
	repository, err := c.repository(ctx, a, b)
	if err != nil {
		return "", fmt.Errorf("worklog: patch: %w", err)
	}
	text, err := source.Patch(ctx, repository, c.A.Code.Record, c.B.Code.Record)
	if err != nil {
		return "", fmt.Errorf("worklog: patch: %w", err)
	}
	return text, nil
}

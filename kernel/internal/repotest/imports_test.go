package repotest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// order says which packages of this module a package may import. The first line that matches a package
// holds for it. A pattern that ends in /... stands for a folder and all below it.
var order = []struct{ pkg, may, why string }{
	{"pkg/display/frame", "",
		"is the language between worker and kernel; both link it, so it brings nothing along"},
	{"pkg/metric", "",
		"is the vocabulary that all of pkg shares; a leaf cannot close a circle"},
	{"pkg/display", "pkg/display/frame pkg/internal/sheet",
		"puts values on the page, and everything that has something to show imports it; its tables are sorted as those of runs are"},
	{"pkg/worklog", "pkg/internal/... pkg/metric pkg/display pkg/display/... pkg/chart pkg/worklog/internal/...",
		"is linked into every cell's base library, which SQLite and the forms of other trackers would burden"},
	{"pkg/...", "pkg/...",
		"runs in the worker or in any Go program, where there is no kernel"},

	{"kernel/internal/home", "",
		"names folders, for whoever needs one"},
	{"kernel/internal/diag", "",
		"is data with positions, which every stage hands on"},
	{"kernel/internal/cell", "kernel/internal/diag",
		"parses text; what it means is for others"},
	{"kernel/internal/format", "kernel/internal/cell kernel/internal/diag",
		"rewrites text; it neither runs nor reads files"},
	{"kernel/internal/wire", "",
		"is messages and bytes, without sockets"},
	{"kernel/internal/zmq", "kernel/internal/wire",
		"is sockets, and knows no request"},
	{"kernel/internal/server", "kernel/internal/wire kernel/internal/zmq pkg/display/frame",
		"is the protocol; it must not know what a compiler is, so that an echo can stand in for one"},
	{"kernel/internal/notebook", "",
		"works on files and on any kernel"},
	{"kernel/internal/figure", "pkg/display/frame",
		"draws charts from their data alone"},
	{"kernel/internal/pjrt/goxla", "",
		"runs go-xla's own installer, as a program of its own"},
	{"kernel/internal/bench/speed", "pkg/train pkg/backend pkg/layer",
		"is a program whose speed is measured, as a user would write it; nothing links it"},
	{"kernel/internal/rt/base", "pkg/... kernel/internal/rt kernel/internal/rt/gotest",
		"lists what the base library is made of; no program links it"},
	{"kernel/internal/rt/gonb", "pkg/display/frame",
		"speaks GoNB's protocol for whatever process it is in"},
	{"kernel/internal/rt/...", "kernel/internal/rt/... pkg/display/frame",
		"runs in the worker beside the code of cells, and is part of the base library"},
	{"kernel/internal/bench/recorder", "pkg/metric pkg/worklog pkg/worklog/...",
		"is a program of its own, which the bench builds and starts to measure pkg/worklog"},
	{"kernel/internal/...", "kernel/internal/... pkg/display/frame",
		"compiles and runs what imports pkg, and must not depend on it"},
	{"kernel/lathe", "kernel/internal/... pkg/display/frame pkg/worklog pkg/worklog/...",
		"is the command; `lathe log` reads a worklog, and asks it in SQL, without a worker"},
	{"kernel", "",
		"is documentation"},
}

// baseLibrary is the package whose imports are what the base library is made of.
const baseLibrary = "kernel/internal/rt/base"

// unlinked lists the packages that no program may import: those for tests, and the base library's list.
var unlinked = []string{
	"kernel/internal/kerneltest", "kernel/internal/repotest", "kernel/internal/labtest", "kernel/internal/pyenv", baseLibrary,
}

// matches reports whether a package is what a pattern stands for.
func matches(pkg, pattern string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
	}
	return pkg == pattern
}

// imports calls f with each import of each file that is no test: the paths of packages of this module
// are relative to it.
func (tr *tree) imports(f func(s source, path string, own bool)) {
	for _, s := range tr.sources {
		if s.test {
			continue
		}
		for _, spec := range s.file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue
			}
			rel, own := strings.CutPrefix(path, module+"/")
			f(s, rel, own)
		}
	}
}

func TestImportsFollowTheOrder(t *testing.T) {
	loaded(t).imports(func(s source, path string, own bool) {
		if !own {
			return
		}
		for _, rule := range order {
			if !matches(s.dir, rule.pkg) {
				continue
			}
			may := strings.Fields(rule.may)
			if !slices.ContainsFunc(may, func(pattern string) bool { return matches(path, pattern) }) {
				t.Errorf("%s imports %s, but %s %s; it may import: %s", s.path, path, rule.pkg, rule.why, strings.Join(may, " "))
			}
			return
		}
		t.Errorf("%s: no line of the order holds for this package", s.path)
	})
}

func TestUnlinkedPackagesStayOut(t *testing.T) {
	loaded(t).imports(func(s source, path string, own bool) {
		if own && slices.Contains(unlinked, path) && !slices.Contains(unlinked, s.dir) {
			t.Errorf("%s imports %s, which no program may link", s.path, path)
		}
	})
}

// withoutGoMLX lists what must work, and build in seconds, where no framework is linked.
var withoutGoMLX = []string{"kernel/...", "pkg/display/...", "pkg/chart", "pkg/metric", "pkg/worklog"}

// withGoMLX lists what is an exception: the list of the base library, and programs of their own.
var withGoMLX = []string{baseLibrary, "kernel/internal/pjrt/goxla", "kernel/internal/bench/speed"}

func TestFrameworkStaysOut(t *testing.T) {
	loaded(t).imports(func(s source, path string, own bool) {
		if own || !strings.HasPrefix(path, "github.com/gomlx/") {
			return
		}
		for _, pattern := range withoutGoMLX {
			if !slices.Contains(withGoMLX, s.dir) && matches(s.dir, pattern) {
				t.Errorf("%s imports %s, but %s must not link the framework", s.path, path, pattern)
			}
		}
	})
}

// stdOnly lists the leaves that import nothing but the standard library.
var stdOnly = []string{"pkg/metric", "pkg/display/frame", "kernel/internal/wire", "kernel/internal/cell", "kernel/internal/diag",
	"kernel/internal/format"}

func TestLeavesUseTheStandardLibraryOnly(t *testing.T) {
	loaded(t).imports(func(s source, path string, own bool) {
		first, _, _ := strings.Cut(path, "/")
		if !own && strings.Contains(first, ".") && slices.Contains(stdOnly, s.dir) {
			t.Errorf("%s imports %s, but %s is a leaf", s.path, path, s.dir)
		}
	})
}

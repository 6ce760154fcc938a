// Package blame says where in the user's code the building of a graph went wrong: GoMLX panics deep within
// itself, with shapes but neither the layer nor the line that asked for them.
package blame

import (
	"fmt"
	"path"
	"regexp"
	"runtime"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// A Fault is a panic of code that builds a graph.
type Fault struct {
	In     string   // which part of the model
	Lines  []string // of the user's code, innermost first, as file:line
	Layer  string   // scope of the last variable that was used before, "" if none was
	Shapes []string // of the newest values in the graph, newest last
	Err    error    // what the framework said
}

// Error tells the place before the reason.
func (f *Fault) Error() string {
	var where []string
	if len(f.Lines) > 0 {
		where = append(where, "at "+strings.Join(f.Lines, ", called at "))
	}
	if f.Layer != "" {
		where = append(where, "in or after layer "+f.Layer)
	}
	text := "in " + strings.Join(append([]string{f.In}, where...), ", ") + ": " + f.Err.Error()
	if message := f.Err.Error(); len(f.Shapes) > 1 && aboutShapes.MatchString(message) && len(shape.FindAllString(message, 2)) < 2 {
		text += " (the newest values there have shapes " + strings.Join(f.Shapes, " and ") + ")"
	}
	return text
}

// Unwrap returns what the framework said.
func (f *Fault) Unwrap() error { return f.Err }

// aboutShapes matches messages that shapes explain.
var aboutShapes = regexp.MustCompile(`(?i)dimension|shape|axis|axes|rank`)

// shape matches the dimensions of a shape in a message.
var shape = regexp.MustCompile(`\[\d+([, ]+\d+)*\]($|[^=])`)

// Guard runs code that builds a part of a graph in a scope. A panic of it goes on as a *Fault.
func Guard(in string, scope *model.Scope, g *graph.Graph, build func()) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if f, ok := p.(*Fault); ok {
			panic(f)
		}
		panic(&Fault{In: in, Lines: lines(), Layer: layer(scope, g), Shapes: newest(g), Err: asError(p)})
	}()
	build()
}

// asError makes an error of what was panicked with.
func asError(p any) error {
	switch p := p.(type) {
	case runtime.Error:
		return fmt.Errorf("panic: %w", p)
	case error:
		return p
	}
	return fmt.Errorf("%v", p)
}

// maxLines is how many calls of the user's code an error tells.
const maxLines = 3

// lines returns where the user's code stood when it panicked. Of a cell's file only its name is told, as the
// kernel shows it: In[3].
func lines() []string {
	pcs := make([]uintptr, 128)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var list []string
	standard := ""
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "runtime.gopanic") {
			standard = strings.TrimSuffix(f.File, "runtime/panic.go")
		}
		if strings.HasPrefix(f.Function, "github.com/lathe-go/lathe/pkg/train/internal/blame.Guard") && !isTest(f.File) {
			return list // beneath it stands who called the model
		}
		if f.Function != "" && !foreign(f, standard) && len(list) < maxLines {
			list = append(list, fmt.Sprintf("%s:%d", path.Base(f.File), f.Line))
		}
		if !more {
			return list
		}
	}
}

// foreign reports whether a frame is not the user's code.
func foreign(f runtime.Frame, standard string) bool {
	if isTest(f.File) {
		return false
	}
	for _, prefix := range []string{"runtime.", "github.com/gomlx/", "github.com/lathe-go/lathe/pkg/"} {
		if strings.HasPrefix(f.Function, prefix) {
			return true
		}
	}
	return standard != "" && strings.HasPrefix(f.File, standard)
}

func isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }

// layer returns the scope of the last variable of the model that the graph uses.
func layer(scope *model.Scope, g *graph.Graph) string {
	last := ""
	for v := range scope.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) {
			last = v.Scope()
		}
	}
	return last
}

// newest returns the shapes of the two newest values of a graph that are no scalars.
func newest(g *graph.Graph) []string {
	var list []string
	nodes := g.Nodes()
	for i := len(nodes) - 1; i >= 0 && len(list) < 2; i-- {
		if n := nodes[i]; n.NumOutputs() == 1 && !n.Shape().IsScalar() {
			list = append([]string{n.Shape().String()}, list...)
		}
	}
	return list
}

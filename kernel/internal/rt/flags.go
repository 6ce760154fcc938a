package rt

import (
	"flag"
	"os"
	"reflect"
	"slices"
)

// Args gives a cell that is run as a program its arguments. Flags that earlier programs were given have
// their default values again.
func Args(args ...string) {
	os.Args = append(os.Args[:1:1], args...)
	flag.Visit(func(f *flag.Flag) {
		// Of other types than Go's own it is not known what setting a value again does.
		if t := reflect.TypeOf(f.Value); t.Kind() == reflect.Pointer && slices.Contains([]string{"flag", "testing"}, t.Elem().PkgPath()) {
			_ = f.Value.Set(f.DefValue) // it was its value, so it can be set
		}
	})
	keepFlags(func(*flag.Flag) bool { return true })
}

// ParseFlags parses the arguments of a cell that is run as a program.
func ParseFlags() { flag.Parse() }

// Flag returns name, under which a flag is about to be defined on the command line. Package flag does not
// allow that a second time; but the cell that did it before may run again.
func Flag(name string) string {
	if flag.Lookup(name) != nil {
		keepFlags(func(f *flag.Flag) bool { return f.Name != name })
	}
	return name
}

// keepFlags makes the command line anew, with those of its flags that are kept, and unparsed.
func keepFlags(keep func(*flag.Flag) bool) {
	old := flag.CommandLine
	set := flag.NewFlagSet(old.Name(), old.ErrorHandling())
	set.Usage = old.Usage
	if out := old.Output(); out != os.Stderr {
		set.SetOutput(out)
	}
	flag.VisitAll(func(f *flag.Flag) {
		if !keep(f) {
			return
		}
		set.Var(f.Value, f.Name, f.Usage)
		set.Lookup(f.Name).DefValue = f.DefValue
	})
	*old = *set
}

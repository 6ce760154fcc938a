package rt

import (
	"flag"
	"os"
	"slices"
	"testing"
)

func TestFlags(t *testing.T) {
	args, set := os.Args, *flag.CommandLine
	defer func() { os.Args, *flag.CommandLine = args, set }()
	*flag.CommandLine = *flag.NewFlagSet("test", flag.ContinueOnError)
	other := flag.Bool("other", false, "")
	n := flag.Int(Flag("rt-n"), 10, "a number")
	Args("--rt-n=3", "rest")
	ParseFlags()
	if *n != 3 || !slices.Equal(flag.Args(), []string{"rest"}) || !slices.Equal(os.Args[1:], []string{"--rt-n=3", "rest"}) {
		t.Errorf("n is %d, the rest %q, the arguments %q", *n, flag.Args(), os.Args)
	}
	Args()
	if *n != 10 || flag.Parsed() || len(os.Args) != 1 {
		t.Errorf("n is %d and not its default", *n)
	}
	again := flag.String(Flag("rt-n"), "x", "now a text") // would panic otherwise
	Args("-rt-n", "y")
	ParseFlags()
	if *again != "y" || *n != 10 || flag.Lookup("rt-n").DefValue != "x" {
		t.Errorf("the new flag is %q, the old one %d", *again, *n)
	}
	if flag.Lookup("other") == nil || *other {
		t.Error("another flag has changed")
	}
}

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestParams: the command lists a notebook's parameters and answers what papermill asks.
func TestParams(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	lathe := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := run(context.Background(), env{&out, &out}, args); code != want {
			t.Fatalf("lathe %v: exit code %d, want %d: %s", args, code, want, out.String())
		}
		return out.String()
	}
	const head, foot = `{"cells":[{"cell_type":"code","metadata":{"tags":[`, `]},"outputs":[],"execution_count":null,"source":"epochs := 20 // of data\nvar opt = \"adam\"\nconst c = 1"}],"metadata":{},"nbformat":4,"nbformat_minor":4}`
	nb := write("a.ipynb", head+`"parameters"`+foot)
	if got, want := lathe(0, "params", nb), "epochs  int     20      of data\nopt     string  \"adam\"  \n"; got != want {
		t.Errorf("it lists\n%swant\n%s", got, want)
	}
	if got := lathe(1, "params", write("b.ipynb", head+foot)); !strings.Contains(got, "takes no parameters") {
		t.Errorf("without a tag it says %q", got)
	}
	ask := func(want int, question string) string {
		t.Helper()
		return lathe(want, "params", "--papermill", write("question", question))
	}
	const cell = `{"cell": "epochs := 20", "comment": "Parameters", "settings": [{"name": "`
	if got, want := ask(0, cell+`epochs", "value": 3.0}]}`), `"source":"// Parameters\nepochs = 3.0\n"`; !strings.Contains(got, want) {
		t.Errorf("the answer is %s, want %s in it", got, want)
	}
	if got, want := ask(0, `{"cell": "epochs := 20"}`), `{"name":"epochs","type":"int","default":"20","help":""}`; !strings.Contains(got, want) {
		t.Errorf("the answer is %s, want %s in it", got, want)
	}
	if got := ask(1, cell+`epoch", "value": 3}]}`); !strings.Contains(got, `no parameter "epoch"; it has epochs`) {
		t.Errorf("for another name it says %q", got)
	}
	if got := ask(0, `{"cell": null, "settings": [{"name": "a", "value": [1]}]}`); !strings.Contains(got, `a = []int{1}`) {
		t.Errorf("without a cell the answer is %s", got)
	}
	if got := ask(1, `{`); !strings.Contains(got, "read what papermill asks") {
		t.Errorf("for half a question it says %q", got)
	}
}

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/pkg/worklog"
)

func TestLogCommand(t *testing.T) {
	t.Chdir(t.TempDir()) // not in this repository, which would keep the code of the run
	dir := t.TempDir()
	var ids []string
	for _, width := range []int{16, 32} {
		run := worklog.Start("mlp", struct{ Width int }{width}, worklog.In(worklog.Open(dir)), worklog.Hypothesis("wide is good"))
		fmt.Fprintln(run.Tee(io.Discard), "epoch", width)
		run.Log(0, "loss", 0.5)
		run.End(nil)
		ids = append(ids, string(run.ID()))
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	table := filepath.Join(t.TempDir(), "other.csv")
	if err := os.WriteFile(table, []byte("step,loss\n0,1\n1,0.5\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string // in the output
	}{
		{[]string{"ls", "--dir", dir}, 0, "Width"},
		{[]string{"ls", "Width=16", "--dir", dir}, 0, "the same in all: Width=16"},
		{[]string{"show", ids[0], "--dir", dir}, 0, "parameter Width"},
		{[]string{"show", ids[0], "--output", "--dir", dir}, 0, "epoch 16"},
		{[]string{"show", ids[0], "--cells", "--dir", dir}, 0, ""},
		{[]string{"sql", "select hypothesis from runs limit 1", "--csv", "--dir", dir}, 0, "hypothesis\nwide is good\n"},
		{[]string{"diff", ids[1], "--dir", dir}, 0, "parameter  Width  16      32"},
		{[]string{"diff", ids[1], ids[0], "--dir", dir}, 0, "parameter  Width  32      16"},
		{[]string{"table", "--dir", dir}, 0, "Width"},
		{[]string{"table", "--csv", "--dir", dir}, 0, "run,name,Width,loss,loss best,"},
		{[]string{"note", ids[0], "--dir", dir, "too", "narrow"}, 0, ""},
		{[]string{"show", ids[0], "--dir", dir}, 0, "too narrow"},
		{[]string{"tag", ids[0], "small", "old", "--dir", dir}, 0, ""},
		{[]string{"ls", "tag:old", "--dir", dir}, 0, "Width=16"},
		{[]string{"verdict", ids[1], "good enough", "--dir", dir}, 0, ""},
		{[]string{"sql", "select p.value, r.verdict from runs r join params p using (run) where param = 'Width' order by 1", "--csv", "--dir", dir}, 0, "value,verdict\n16,\n32,good enough\n"},
		{[]string{"sql", "select tag from tags order by tag", "--json", "--dir", dir}, 0, `"tag": "old"`},
		{[]string{"sql", "select step, value from points limit 1", "--dir", dir}, 0, "step  value\n0     0.5\n"},
		{[]string{"sql", "--dir", dir}, 0, "metrics"},
		{[]string{"sql", "drop table run", "--dir", dir}, 1, "only answers"},
		{[]string{"sql", "select colour from runs", "--dir", dir}, 1, "no such column: colour"},
		{[]string{"export", ids[0], "--dir", dir}, 0, "# mlp"},
		{[]string{"export", "mlp", "-o", filepath.Join(t.TempDir(), "out.json"), "--dir", dir}, 0, "out.json (2 runs"},
		{[]string{"export", "mlp", "--format", "pdf", "--dir", dir}, 2, "md, html, json and csv"},
		{[]string{"export", "nothing", "--dir", dir}, 1, `no run "nothing"`},
		{[]string{"import", table, "--dir", dir}, 0, "2 points"},
		{[]string{"import", table, "--dir", dir}, 0, "there already"},
		{[]string{"import", filepath.Join(dir, "none"), "--dir", dir}, 1, "no such file"},
		{[]string{"note", ids[0], "--dir", dir}, 2, "usage: lathe log"},
		{[]string{"help"}, 0, "lathe log sql"},
		{[]string{"sql", "-h"}, 0, "usage: lathe log sql"},
		{[]string{"show", "nothing", "--dir", dir}, 1, `no run "nothing"`},
		{[]string{"ls", "colour:red", "--dir", dir}, 1, "colour"},
		{[]string{"drop"}, 2, "usage: lathe log"},
		{nil, 2, "usage: lathe log"},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), env{&out, &out}, append([]string{"log"}, c.args...)); code != c.code {
			t.Errorf("%q: exit code %d, want %d", c.args, code, c.code)
		}
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("%q: no %q in\n%s", c.args, c.want, out.String())
		}
	}
}

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/pkg/worklog"
)

func TestLogCommand(t *testing.T) {
	dir := t.TempDir()
	var ids []string
	for _, width := range []int{16, 32} {
		run := worklog.Start("mlp", struct{ Width int }{width}, worklog.In(worklog.Open(dir)))
		run.Log(0, "loss", 0.5)
		run.End(nil)
		ids = append(ids, string(run.ID()))
	}
	for _, c := range []struct {
		args []string
		code int
		want string // in the output
	}{
		{[]string{"ls", "--dir", dir}, 0, "Width"},
		{[]string{"ls", "Width=16", "--dir", dir}, 0, "the same in all: Width=16"},
		{[]string{"show", ids[0], "--dir", dir}, 0, "parameter Width"},
		{[]string{"diff", ids[1], "--dir", dir}, 0, "parameter  Width  16      32"},
		{[]string{"diff", ids[1], ids[0], "--dir", dir}, 0, "parameter  Width  32      16"},
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

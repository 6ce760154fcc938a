// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
)

func TestVerifyResume(t *testing.T) {
	t.Setenv("LATHE_CHECKPOINTS", t.TempDir())
	v, err := VerifyResume(classifier(8), newBlobs("blobs", 300, 32), 13, pureGo(t))
	if err != nil || v.NewProcess || v.Steps != 26 || v.Variables < 10 || !strings.Contains(v.String(), "again after a restart") {
		t.Errorf("%v, %v", v, err)
	}
	_, err = VerifyResume(classifier(8), restless{newBlobs("blobs", 300, 32)}, 13, pureGo(t), NoCheckpoints())
	if !errors.Is(err, ErrNotIdentical) || !strings.Contains(err.Error(), "variable /") {
		t.Errorf("data that loses its position: %v", err)
	}
	stop := Every(5, func(m *Moment) error { m.Stop("too soon"); return nil })
	if _, err := VerifyResume(classifier(8), newBlobs("blobs", 300, 32), 13, pureGo(t), stop); err == nil || !strings.Contains(err.Error(), "ended at step 5 of 13") {
		t.Errorf("stopped: %v", err)
	}
	if _, err := VerifyResume(classifier(8), newBlobs("blobs", 300, 32), 13, pureGo(t), StopEarly("valid/loss", 1, 0)); err != nil {
		t.Errorf("with an option about validations: %v", err)
	}
	if _, err := VerifyResume(classifier(8), newBlobs("blobs", 300, 32), 0); err == nil {
		t.Error("half of nothing is verified")
	}
}

// TestVerifyResumeInNewProcess runs this test again in processes of their own: the first proves what it can,
// the second finishes the proof, the third meets a changed recipe, the fourth a checkpoint that was tampered
// with.
func TestVerifyResumeInNewProcess(t *testing.T) {
	if width := os.Getenv("TRAIN_TEST_WIDTH"); width != "" {
		n, _ := strconv.Atoi(width)
		v, err := VerifyResume(classifier(n), newBlobs("blobs", 300, 32), 7, pureGo(t))
		fmt.Printf("verified=%v %v\n", v, err)
		return
	}
	dir := t.TempDir()
	run := func(width string) string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestVerifyResumeInNewProcess$")
		cmd.Env = append(os.Environ(), "TRAIN_TEST_WIDTH="+width, "LATHE_CHECKPOINTS="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	for i, c := range []struct{ width, want string }{
		{"8", "in this process"}, {"8", "by a new process"}, {"8", "in this process"}, {"9", "in this process"},
	} {
		if out := run(c.width); !strings.Contains(out, c.want) || !strings.Contains(out, "bit for bit") {
			t.Errorf("process %d: want %q in\n%s", i, c.want, out)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "verify-blobs-7", "half", "*", "*.ckpt"))
	if len(files) != 1 {
		t.Fatalf("kept: %v", files)
	}
	c, err := checkpoint.Read(files[0], recipeOf(t, files[0]))
	if err != nil {
		t.Fatal(err)
	}
	c.Vars[3].Data[0] ^= 1
	if err := c.Save(filepath.Dir(files[0])); err != nil {
		t.Fatal(err)
	}
	if out := run("9"); !strings.Contains(out, "differs") {
		t.Errorf("a changed bit of %s: %s", c.Vars[3].Path, out)
	}
}

// recipeOf reads the recipe from the header of a checkpoint.
func recipeOf(t *testing.T, path string) string {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(file[:1000]), `"recipe":"`)
	recipe, _, _ := strings.Cut(rest, `"`)
	return recipe
}

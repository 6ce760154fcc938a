package repotest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// maxNotebook bounds the size of a stored notebook: every clone of the repository carries all of its
// versions.
const maxNotebook = 3 << 20

// A notebook is stored as it was run from top to bottom, so that it can be read on a page that runs
// nothing, and tells nothing of the machine it ran on.
func TestNotebooksAreStoredWithTheirOutputs(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(loaded(t).root, "notebooks", "*.ipynb"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("found no notebooks (%v)", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if len(text) > maxNotebook {
			t.Errorf("%s has %.1f MB, more than %d", name, float64(len(text))/(1<<20), maxNotebook>>20)
		}
		if found := machinePath.Find(text); found != nil {
			t.Errorf("%s: %s is a path of one machine", name, found)
		}
		var nb struct {
			Cells []struct {
				Type    string `json:"cell_type"`
				Count   int    `json:"execution_count"`
				Outputs []struct {
					Type string `json:"output_type"`
				}
			}
		}
		if err := json.Unmarshal(text, &nb); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		count := 0
		for i, c := range nb.Cells {
			if c.Type != "code" {
				continue
			}
			if count++; c.Count != count {
				t.Errorf("%s: cell %d was run as the %dth, not the %dth; `lathe run -o` runs and stores all of it", name, i+1, c.Count, count)
			}
			for _, o := range c.Outputs {
				if o.Type == "error" {
					t.Errorf("%s: cell %d is stored with an error", name, i+1)
				}
			}
		}
	}
}

// machinePath finds a path that exists on one machine only.
var machinePath = regexp.MustCompile(`(^|[^\w.])/(root|home/\w+|Users/\w+|work|tmp)/[\w.]+`)

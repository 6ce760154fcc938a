package train

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// checkpointRoot returns the folder of all checkpoints: $LATHE_CHECKPOINTS, else .lathe/checkpoints in
// the project that the working folder belongs to.
func checkpointRoot() (string, error) {
	if dir := os.Getenv("LATHE_CHECKPOINTS"); dir != "" {
		return filepath.Abs(dir)
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the folder of checkpoints: %w", err)
	}
	return filepath.Join(projectRoot(wd), ".lathe", "checkpoints"), nil
}

// projectRoot returns the nearest folder from dir upward that holds a Go module or a git repository, or
// dir itself if there is none.
func projectRoot(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		for _, mark := range []string{"go.mod", ".git"} {
			if _, err := os.Stat(filepath.Join(at, mark)); err == nil {
				return at
			}
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// folderName makes the name of a recipe's folder from a model's name and the recipe.
func folderName(model, recipe string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, model)
	return fmt.Sprintf("%.40s-%.12s", clean, recipe)
}

package train

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	gomlx "github.com/gomlx/gomlx/ml/train"
)

// recipe initializes the variables from the seed and returns what identifies the training: the graph of
// a step with all its constants, the initial value of every variable, and the data. Whatever changes the
// numbers that training computes is in one of the three; how long it lasts is not, so that a training
// can be prolonged.
func (e *engine) recipe(like gomlx.Batch, data gomlx.Dataset) (string, error) {
	text, err := e.describe(like)
	if err != nil {
		return "", err
	}
	if err := e.store.InitializeVariables(e.backend, nil); err != nil {
		return "", fmt.Errorf("initialize variables: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "recipe 1\nbackend %s\ndata %s\ngraph %s\n", e.backend.Name(), identify(data), text)
	if err := writeVariables(h, e.store); err != nil {
		return "", err
	}
	io.WriteString(h, "end\n")
	return hex.EncodeToString(h.Sum(nil)), nil
}

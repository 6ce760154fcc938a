package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"html"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/dataset/sample"
)

// A Text is a long text as tokens, for language models.
//
//	text := dataset.Chars("shakespeare", content)
//	learn, valid, _ := text.Split(90, 10, 0)
//	batches := learn.Windows(64, 64).Batches(12, 1)      // 12 windows of 64 characters
type Text struct {
	Name   string
	Tokens []int32
	Vocab  []string // the text of each token
	Part   Part
	Source string // the sha256 of the file that the text came from
}

// Chars makes a text of characters. The tokens are the characters that occur, in the order of Unicode.
func Chars(name, content string) Text {
	seen := map[rune]int32{}
	var runes []rune
	for _, r := range content {
		if _, ok := seen[r]; !ok {
			seen[r] = 0
			runes = append(runes, r)
		}
	}
	slices.Sort(runes)
	t := Text{Name: name, Vocab: make([]string, len(runes)), Tokens: make([]int32, 0, len(content))}
	for i, r := range runes {
		seen[r], t.Vocab[i] = int32(i), string(r)
	}
	for _, r := range content {
		t.Tokens = append(t.Tokens, seen[r])
	}
	return t
}

// Bytes makes a text of bytes, of which there are 256.
func Bytes(name string, content []byte) Text {
	t := Text{Name: name, Vocab: make([]string, 256), Tokens: make([]int32, len(content))}
	for i := range t.Vocab {
		t.Vocab[i] = string([]byte{byte(i)})
	}
	for i, b := range content {
		t.Tokens[i] = int32(b)
	}
	return t
}

// LoadGoSource returns Go's own standard library as bytes: a text of some 26 MB that is wherever Go is. It is
// the .go files besides tests, commands and what comes from other modules, in the order of their paths. Which
// text that is depends on the version of Go, so its digest is Source.
func LoadGoSource(ctx context.Context) (Text, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return Text{}, fmt.Errorf("dataset: find Go's source by go env GOROOT: %w", err)
	}
	content, err := goFiles(ctx, os.DirFS(filepath.Join(strings.TrimSpace(string(root)), "src")))
	if err != nil {
		return Text{}, fmt.Errorf("dataset: read Go's source: %w", err)
	}
	t := Bytes("go source", content)
	sum := sha256.Sum256(content)
	t.Source = hex.EncodeToString(sum[:])
	return t, nil
}

func goFiles(ctx context.Context, source fs.FS) ([]byte, error) {
	var names []string
	err := fs.WalkDir(source, ".", func(name string, entry fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case entry.IsDir() && (name == "cmd" || base == "vendor" || base == "testdata"):
			return fs.SkipDir
		case !entry.IsDir() && path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go"):
			names = append(names, name)
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var content []byte
	for _, name := range names {
		file, err := fs.ReadFile(source, name)
		if err != nil {
			return nil, err
		}
		content = append(content, file...)
	}
	return content, ctx.Err()
}

// Encode returns the tokens of another text, which may have those of t only.
func (t Text) Encode(content string) ([]int32, error) {
	place := map[string]int32{}
	for i, v := range t.Vocab {
		place[v] = int32(i)
	}
	units := strings.Split(content, "") // characters
	if _, ok := place["\xff"]; ok {
		units = nil
		for i := range len(content) {
			units = append(units, content[i:i+1])
		}
	}
	tokens := make([]int32, len(units))
	for i, unit := range units {
		token, ok := place[unit]
		if !ok {
			return nil, fmt.Errorf("dataset: encode a text as %s: %q does not occur in it", t.Name, unit)
		}
		tokens[i] = token
	}
	return tokens, nil
}

// Decode returns the text of tokens.
func (t Text) Decode(tokens []int32) string {
	var b strings.Builder
	for _, token := range tokens {
		if token < 0 || int(token) >= len(t.Vocab) {
			fmt.Fprintf(&b, "�%d�", token)
			continue
		}
		b.WriteString(t.Vocab[token])
	}
	return b.String()
}

// Split divides the text in three, in the proportions given, as it is: the beginning is for training and
// the end for the test, so that no part has a window that overlaps with one of another.
func (t Text) Split(train, valid, test int) (Text, Text, Text) {
	p := Table{Name: t.Name}.proportions("Split", train, valid, test)
	a, b := p.cuts(len(t.Tokens))
	part := func(tokens []int32, as Part) Text {
		out := t
		out.Tokens, out.Name = tokens, t.Name+"/"+as.String()
		if t.Part != Test {
			out.Part = as
		}
		return out
	}
	return part(t.Tokens[:a:a], Train), part(t.Tokens[a:b:b], Valid), part(t.Tokens[b:], Test)
}

// String says what the text is.
func (t Text) String() string {
	start := t.Decode(t.Tokens[:min(60, len(t.Tokens))])
	return fmt.Sprintf("%s: %d tokens of %d, %.70q", t.Name, len(t.Tokens), len(t.Vocab), start)
}

// HTML shows the beginning of the text.
func (t Text) HTML() (string, error) {
	start := t.Decode(t.Tokens[:min(600, len(t.Tokens))])
	return fmt.Sprintf(`<div>%s: %d tokens of %d</div><pre style="white-space:pre-wrap">%s</pre>`,
		html.EscapeString(t.Name), len(t.Tokens), len(t.Vocab), html.EscapeString(strings.ToValidUTF8(start, "�"))), nil
}

// Windows are pieces of a text, with what follows each of their tokens. They are a Source: the inputs are
// shaped [batch, context] and the labels [batch, context], both int32, and label i is input i+1.
type Windows struct {
	text            Text
	context, stride int
	digest          func() string
}

// Windows cuts pieces of context tokens out of the text, the next of which begins stride tokens further on:
// at context every token is in one of them, at 1 there is one for each place.
func (t Text) Windows(context, stride int) Windows {
	if context < 1 || stride < 1 || len(t.Tokens) <= context {
		panic(fmt.Sprintf("dataset: windows of %d tokens, %d apart, of %s, which has %d", context, stride, t.Name, len(t.Tokens)))
	}
	return Windows{t, context, stride, sync.OnceValue(func() string {
		h := sha256.New()
		fmt.Fprintln(h, context, stride, t.Vocab)
		_ = binary.Write(h, binary.LittleEndian, t.Tokens) // a hash takes everything
		return hex.EncodeToString(h.Sum(nil))[:16]
	})}
}

// Len returns the number of windows.
func (w Windows) Len() int { return (len(w.text.Tokens)-w.context-1)/w.stride + 1 }

// Digest identifies the text and the windows.
func (w Windows) Digest() string { return w.digest() }

// Text returns what the windows are cut from.
func (w Windows) Text() Text { return w.text }

// Batch makes tensors of the windows at some places.
func (w Windows) Batch(places []int) (train.Batch, error) {
	x := make([]int32, 0, len(places)*w.context)
	y := make([]int32, 0, len(places)*w.context)
	for _, place := range places {
		from := place * w.stride
		x = append(x, w.text.Tokens[from:from+w.context]...)
		y = append(y, w.text.Tokens[from+1:from+w.context+1]...)
	}
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, len(places), w.context)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, len(places), w.context)},
	}, nil
}

// Batches returns shuffled batches of size windows, for training: see Table.Batches.
func (w Windows) Batches(size int, seed int64) *Batches {
	return w.Sampled(size, sample.Shuffle(w.Len(), seed))
}

// Ordered returns all windows as they come, for evaluation.
func (w Windows) Ordered(size int) *Batches {
	return w.Sampled(size, sample.Sequential(w.Len())).KeepShort()
}

// Sampled returns batches of size windows in any order.
func (w Windows) Sampled(size int, order sample.Order) *Batches {
	b := NewBatches(w.text.Name, w, order, size)
	b.vocab = w.text.Vocab
	return b
}

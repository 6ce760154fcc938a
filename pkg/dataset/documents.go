package dataset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/dataset/fetch"
	"github.com/lathe-go/lathe/pkg/dataset/sample"
)

// Documents are short texts, each with a class.
//
//	learn, test := dataset.Must2(dataset.LoadIMDB)
//	words, err := learn.Vocabulary(20_000)
//	batches := words.Encode(learn, 200).Batches(32, 1)
type Documents struct {
	Name       string
	Texts      []string
	Y          []int32 // [documents]
	ClassNames []string
	Part       Part
	Source     string // the sha256 of the file that they came from
}

// imdbFile is the Large Movie Review Dataset.
var imdbFile = File{
	Name: "aclImdb_v1.tar.gz", URL: "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
	SHA256: "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
}

// LoadIMDB returns the film reviews of Maas and others, Learning Word Vectors for Sentiment Analysis, 2011:
// 25,000 for training and as many for the test, half of them negative (class 0) and half positive. Reviews
// without a label are left out.
func LoadIMDB(ctx context.Context) (train, test Documents, err error) { return loadIMDB(ctx, imdbFile) }

func loadIMDB(ctx context.Context, f File) (train, test Documents, err error) {
	archive, err := fetch.Get(ctx, f)
	if err != nil {
		return Documents{}, Documents{}, err
	}
	type review struct {
		name, text string
		label      int32
	}
	found := map[string][]review{}
	err = fetch.Each(ctx, archive, fetch.Limits{}, func(name string, r io.Reader) error {
		kind := path.Base(path.Dir(name))
		label := int32(slices.Index([]string{"neg", "pos"}, kind))
		if label < 0 || path.Ext(name) != ".txt" {
			return nil
		}
		text, err := io.ReadAll(r)
		part := path.Base(path.Dir(path.Dir(name)))
		found[part] = append(found[part], review{path.Base(name), string(text), label})
		return err
	})
	if err != nil {
		return Documents{}, Documents{}, err
	}
	for name, part := range map[string]*Documents{"train": &train, "test": &test} {
		reviews := found[name]
		if len(reviews) == 0 {
			return Documents{}, Documents{}, fmt.Errorf("dataset: read %s: there are no reviews in %s/neg and %s/pos", f.Name, name, name)
		}
		slices.SortFunc(reviews, func(a, b review) int { return cmp.Or(cmp.Compare(a.label, b.label), cmp.Compare(a.name, b.name)) })
		*part = Documents{Name: "imdb/" + name, ClassNames: []string{"negative", "positive"}, Source: f.SHA256}
		for _, r := range reviews {
			part.Texts, part.Y = append(part.Texts, r.text), append(part.Y, r.label)
		}
	}
	train.Part, test.Part = Train, Test
	return train, test, nil
}

// Len returns the number of documents.
func (d Documents) Len() int { return len(d.Texts) }

// Pick returns the documents at the given places, in that order.
func (d Documents) Pick(places []int) Documents {
	d.Texts, d.Y = at(d.Texts, places), at(d.Y, places)
	return d
}

// Split is Table.StratifiedSplit for documents.
func (d Documents) Split(seed int64, train, valid, test int) (Documents, Documents, Documents) {
	places := Table{Name: d.Name, Shape: []int{1}, Y: d.Y, Classes: len(d.ClassNames), Part: d.Part}
	for i := range d.Len() {
		places.X = append(places.X, float32(i)) // exact below 16 million
	}
	a, b, c := places.StratifiedSplit(seed, train, valid, test)
	part := func(t Table) Documents {
		numbers := make([]int, t.Len())
		for i, x := range t.X {
			numbers[i] = int(x)
		}
		out := d.Pick(numbers)
		out.Name, out.Part = t.Name, t.Part
		return out
	}
	return part(a), part(b), part(c)
}

// String says what the documents are.
func (d Documents) String() string {
	counts := make([]int, len(d.ClassNames))
	for _, y := range d.Y {
		counts[y]++
	}
	return fmt.Sprintf("%s: %d documents, classes %s of %s", d.Name, d.Len(), strings.Join(d.ClassNames, ", "), strings.Trim(fmt.Sprint(counts), "[]"))
}

// Words divides a text into its words, in small letters: runs of letters, digits and apostrophes. Tags, such
// as <br />, are left out.
func Words(text string) []string {
	for {
		before, rest, ok := strings.Cut(text, "<")
		_, after, closed := strings.Cut(rest, ">")
		if !ok || !closed {
			break
		}
		text = before + " " + after
	}
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
}

// A Vocabulary numbers words: 0 is where there is none, 1 is a word that is not in it, and the others
// follow, the most frequent ones first.
type Vocabulary []string

// The tokens that are no words.
const (
	Padding int32 = 0
	Unknown int32 = 1
)

// Vocabulary returns the size most frequent words of documents for training. Those that are equally frequent
// are in the order of their letters.
func (d Documents) Vocabulary(size int) (Vocabulary, error) {
	if d.Part != Train {
		return nil, fmt.Errorf("dataset: a vocabulary of %s, whose part is %v: make it of the training part", d.Name, d.Part)
	}
	counts := map[string]int{}
	for _, text := range d.Texts {
		for _, word := range Words(text) {
			counts[word]++
		}
	}
	words := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	return append(Vocabulary{"·", "?"}, words[:min(len(words), max(0, size-2))]...), nil
}

// String says how many words there are, and the first ones.
func (v Vocabulary) String() string {
	return fmt.Sprintf("%d words: %s …", len(v), strings.Join(v[:min(12, len(v))], " "))
}

// Sequences are documents as tokens of one length. They are a Source: the inputs are shaped [batch, length],
// the labels [batch, 1], both int32.
type Sequences struct {
	docs   Documents
	vocab  Vocabulary
	length int
	tokens []int32 // [documents, length]
	digest func() string
}

// Encode returns documents as tokens: the first length words of each, with Padding behind shorter ones.
func (v Vocabulary) Encode(d Documents, length int) Sequences {
	place := map[string]int32{}
	for i, word := range v {
		if i > int(Unknown) {
			place[word] = int32(i)
		}
	}
	s := Sequences{docs: d, vocab: v, length: length, tokens: make([]int32, d.Len()*length)}
	for i, text := range d.Texts {
		row := s.tokens[i*length : (i+1)*length]
		for k, word := range Words(text) {
			if k == length {
				break
			}
			row[k] = Unknown
			if token, ok := place[word]; ok {
				row[k] = token
			}
		}
	}
	s.digest = sync.OnceValue(func() string {
		h := sha256.New()
		fmt.Fprintln(h, length, len(v))
		_ = binary.Write(h, binary.LittleEndian, s.tokens) // a hash takes everything
		_ = binary.Write(h, binary.LittleEndian, d.Y)
		return hex.EncodeToString(h.Sum(nil))[:16]
	})
	return s
}

// Len returns the number of documents.
func (s Sequences) Len() int { return s.docs.Len() }

// Digest identifies tokens and labels.
func (s Sequences) Digest() string { return s.digest() }

// Batch makes tensors of the documents at some places.
func (s Sequences) Batch(places []int) (train.Batch, error) {
	x := make([]int32, 0, len(places)*s.length)
	for _, place := range places {
		x = append(x, s.tokens[place*s.length:(place+1)*s.length]...)
	}
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, len(places), s.length)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(at(s.docs.Y, places), len(places), 1)},
	}, nil
}

// Batches returns shuffled batches of size documents, for training: see Table.Batches.
func (s Sequences) Batches(size int, seed int64) *Batches {
	return s.Sampled(size, sample.Shuffle(s.Len(), seed))
}

// Ordered returns all documents as they come, for evaluation.
func (s Sequences) Ordered(size int) *Batches {
	return s.Sampled(size, sample.Sequential(s.Len())).KeepShort()
}

// Sampled returns batches of size documents in any order.
func (s Sequences) Sampled(size int, order sample.Order) *Batches {
	b := NewBatches(s.docs.Name, s, order, size)
	b.vocab, b.spaced, b.classNames = s.vocab, true, s.docs.ClassNames
	return b
}

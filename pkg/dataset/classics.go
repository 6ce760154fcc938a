package dataset

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/lathe-go/lathe/pkg/dataset/fetch"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// inScikit returns a file of a release of scikit-learn, whose files never change.
func inScikit(file, sha256 string) Member {
	return Member{
		Project: "scikit-learn",
		Wheel:   "scikit_learn-1.7.2-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
		WheelID: "89877e19a80c7b11a2891a27c21c4894fb18e2c2e077815bcade10d34287b20d",
		Path:    "sklearn/datasets/data/" + file,
		SHA256:  sha256,
	}
}

var (
	digitsFile         = inScikit("digits.csv.gz", "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22")
	irisFile           = inScikit("iris.csv", "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449")
	wineFile           = inScikit("wine_data.csv", "10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede")
	breastCancerFile   = inScikit("breast_cancer.csv", "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed")
	diabetesFile       = inScikit("diabetes_data_raw.csv.gz", "a3e94cc7cea00f8a84fa5f6345203913a68efa42df18f87ddf9bead721bfd503")
	diabetesTargetFile = inScikit("diabetes_target.csv.gz", "8e53f65eb811df43c206f3534bb3af0e5fed213bc37ed6ba36310157d6023803")
)

// Must returns what a function that loads data returns, and panics if it fails. It is for cells, whose
// interruption stops the loading: dataset.Must(dataset.LoadIris).
func Must[T any](load func(context.Context) (T, error)) T {
	t, err := load(frame.Context())
	if err != nil {
		panic(err)
	}
	return t
}

// Must2 is Must for data that come as training and test examples: dataset.Must2(dataset.LoadMNIST).
func Must2[T any](load func(context.Context) (T, T, error)) (train, test T) {
	train, test, err := load(frame.Context())
	if err != nil {
		panic(err)
	}
	return train, test
}

// Digits returns scikit-learn's digits: 1,797 handwritten digits of 8×8 pixels with values from 0 to 16,
// in the published order, of which the first half is commonly used for training. It panics if they
// cannot be had, and stops when the running cell is interrupted; LoadDigits returns an error.
func Digits() Table { return Must(LoadDigits) }

// LoadDigits returns what Digits returns.
func LoadDigits(ctx context.Context) (Table, error) {
	content, err := member(ctx, digitsFile)
	if err != nil {
		return Table{}, err
	}
	t, err := ReadCSV("digits", bytes.NewReader(content), -1)
	if err != nil {
		return Table{}, err
	}
	if t.Features() != 64 || t.Classes != 10 {
		return Table{}, errors.New("dataset: read digits: the rows are not 8×8 pixels and a digit")
	}
	t.Shape, t.Source = []int{8, 8, 1}, digitsFile.SHA256
	return t, nil
}

// LoadIris returns Fisher's irises as scikit-learn has them: 150 flowers of 3 kinds by 4 lengths in cm.
func LoadIris(ctx context.Context) (Table, error) {
	return loadScikit(ctx, "iris", irisFile, []string{"sepal length", "sepal width", "petal length", "petal width"})
}

// LoadWine returns UCI's wines as scikit-learn has them: 178 wines of 3 growers by 13 measurements.
func LoadWine(ctx context.Context) (Table, error) {
	return loadScikit(ctx, "wine", wineFile, []string{
		"alcohol", "malic acid", "ash", "alcalinity of ash", "magnesium", "total phenols", "flavanoids",
		"nonflavanoid phenols", "proanthocyanins", "color intensity", "hue", "od280/od315", "proline",
	})
}

// LoadBreastCancer returns UCI's breast cancer data (Wisconsin, diagnostic) as scikit-learn has them: 569
// tumours, 212 malignant (class 0) and 357 benign ones, by 30 measurements.
func LoadBreastCancer(ctx context.Context) (Table, error) {
	var columns []string
	for _, kind := range []string{"mean", "error of", "worst"} {
		for _, what := range []string{
			"radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points", "symmetry", "fractal dimension",
		} {
			columns = append(columns, kind+" "+what)
		}
	}
	return loadScikit(ctx, "breast cancer", breastCancerFile, columns)
}

// LoadDiabetes returns the diabetes data of Efron and others, Least Angle Regression, 2004, as measured: 442
// patients by 10 features, and how far the disease has got a year later as the target.
func LoadDiabetes(ctx context.Context) (Table, error) {
	x, err := member(ctx, diabetesFile)
	if err != nil {
		return Table{}, err
	}
	y, err := member(ctx, diabetesTargetFile)
	if err != nil {
		return Table{}, err
	}
	t := Table{
		Name: "diabetes", Shape: []int{10}, Source: diabetesFile.SHA256,
		Columns: []string{"age", "sex", "body mass index", "blood pressure", "s1", "s2", "s3", "s4", "s5", "s6"},
	}
	t.X, err = floats(x)
	if err == nil {
		t.Target, err = floats(y)
	}
	if err == nil && len(t.X) != 10*len(t.Target) {
		err = fmt.Errorf("%d values for %d patients", len(t.X), len(t.Target))
	}
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read diabetes: %w", err)
	}
	return t, nil
}

// longleyFile is where Longley's data are: inside a release of statsmodels.
var longleyFile = Member{
	Project: "statsmodels",
	Wheel:   "statsmodels-0.15.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
	WheelID: "b67886b66d9c7ca118526accedb5c6de7ffd74c015dc0492ea0b1690192b65da",
	Path:    "statsmodels/datasets/longley/longley.csv",
	SHA256:  "0927ec7cc34edb5670920cb2ff1542e46de27a2010746e1662f4276cf3569a24",
}

// LoadLongley returns Longley's economic data of 1967, by which programs for least squares are tried: 16
// years, of which 6 features foretell the employment. NIST has certified coefficients, which arithmetic in
// float32 does not reach.
func LoadLongley(ctx context.Context) (Table, error) {
	content, err := member(ctx, longleyFile)
	if err != nil {
		return Table{}, err
	}
	years, err := ReadFrame("longley", bytes.NewReader(content), CSV{})
	if err != nil {
		return Table{}, err
	}
	years.Source = longleyFile.SHA256
	return years.Without("Obs").Regression("TOTEMP")
}

// floats reads numbers with white space between them.
func floats(text []byte) ([]float32, error) {
	var out []float32
	for field := range bytes.FieldsSeq(text) {
		v, err := strconv.ParseFloat(string(field), 32)
		if err != nil {
			return nil, err
		}
		out = append(out, float32(v))
	}
	return out, nil
}

// member returns the content of a file of a package, unpacked if it is packed by gzip.
func member(ctx context.Context, m Member) ([]byte, error) {
	path, err := FetchMember(ctx, m)
	if err != nil {
		return nil, err
	}
	return readUnpacked(path)
}

func readUnpacked(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(content, []byte{0x1f, 0x8b}) {
		return content, err
	}
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("dataset: unpack %s: %w", path, err)
	}
	content, err = io.ReadAll(io.LimitReader(z, maxMember))
	if err != nil {
		return nil, fmt.Errorf("dataset: unpack %s: %w", path, err)
	}
	return content, nil
}

// loadScikit reads a file whose first row has the numbers of rows and features and the names of the
// classes, and whose other rows have features and a class.
func loadScikit(ctx context.Context, name string, m Member, columns []string) (Table, error) {
	content, err := member(ctx, m)
	if err != nil {
		return Table{}, err
	}
	first, rest, _ := bytes.Cut(content, []byte("\n"))
	heading, err := csv.NewReader(bytes.NewReader(first)).Read()
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read %s: %w", name, err)
	}
	t, err := ReadCSV(name, bytes.NewReader(rest), -1)
	if err != nil {
		return Table{}, err
	}
	if len(heading) != 2+t.Classes || heading[0] != strconv.Itoa(t.Len()) || heading[1] != strconv.Itoa(t.Features()) || len(columns) != t.Features() {
		return Table{}, fmt.Errorf("dataset: read %s: the rows are not what the first one says: %q", name, first)
	}
	t.ClassNames, t.Columns, t.Source = heading[2:], columns, m.SHA256
	return t, nil
}

var (
	adultTrainFile = File{
		Name: "adult.data", URL: "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/adult.data",
		SHA256: "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
	}
	adultTestFile = File{
		Name: "adult.test", URL: "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/adult.test",
		SHA256: "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
	}
	adultColumns = []string{
		"age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship",
		"race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
	}
)

// LoadAdult returns UCI's Adult, also known as Census Income: 32,561 people for training and 16,281 for the
// test, of whom it is to be told whether they earn more than 50,000 a year. Columns of texts become a
// feature for each text that the training rows have; unknown ones ("?") are 0 in all of them. The column
// fnlwgt, a weight of the census, is left out.
func LoadAdult(ctx context.Context) (train, test Table, err error) {
	return loadAdult(ctx, adultTrainFile, adultTestFile)
}

func loadAdult(ctx context.Context, trainFile, testFile File) (train, test Table, err error) {
	learn, err := readAdult(ctx, trainFile)
	if err != nil {
		return Table{}, Table{}, err
	}
	held, err := readAdult(ctx, testFile)
	if err != nil {
		return Table{}, Table{}, err
	}
	e, err := learn.Encoding("income")
	if err != nil {
		return Table{}, Table{}, err
	}
	if train, err = e.Table(learn); err != nil {
		return Table{}, Table{}, err
	}
	if test, err = e.Table(held); err != nil {
		return Table{}, Table{}, err
	}
	return train.Named("adult/train").As(Train), test.Named("adult/test").As(Test), nil
}

// readAdult reads one of the two files. That of the test begins with a line of another kind, and ends each
// label with a dot.
func readAdult(ctx context.Context, f File) (Frame, error) {
	path, err := fetch.Get(ctx, f)
	if err != nil {
		return Frame{}, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return Frame{}, fmt.Errorf("dataset: read %s: %w", f.Name, err)
	}
	people, err := ReadFrame("adult", bytes.NewReader(content), CSV{Names: adultColumns, Comment: '|', Missing: []string{"?"}})
	if err != nil {
		return Frame{}, err
	}
	people.Source = f.SHA256
	income := &people.Columns[len(people.Columns)-1]
	for i, text := range income.Texts {
		income.Texts[i] = strings.TrimSuffix(text, ".")
	}
	return people.Without("fnlwgt"), nil
}

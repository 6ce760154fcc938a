package fetch_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/lathe-go/lathe/pkg/dataset/fetch"
)

func ExampleGet() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "1,2\n3,4\n")
	}))
	defer server.Close()
	cache, err := os.MkdirTemp("", "cache")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(cache)
	os.Setenv("LATHE_CACHE", cache)
	defer os.Unsetenv("LATHE_CACHE")

	digest := fmt.Sprintf("%x", sha256.Sum256([]byte("1,2\n3,4\n"))) // pinned in a real program
	path, err := fetch.Get(context.Background(), fetch.File{Name: "numbers.csv", URL: server.URL, SHA256: digest})
	if err != nil {
		panic(err)
	}
	content, err := os.ReadFile(path)
	fmt.Printf("%s%v", content, err)
	// Output:
	// 1,2
	// 3,4
	// <nil>
}

func ExampleEach() {
	err := fetch.Each(context.Background(), "testdata/tiny.zip", fetch.Limits{}, func(name string, r io.Reader) error {
		text, err := io.ReadAll(r)
		fmt.Printf("%s: %s\n", name, text)
		return err
	})
	if err != nil {
		panic(err)
	}
	// Output:
	// a.txt: hello
	// b/c.txt: world
}

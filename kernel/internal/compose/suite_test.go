package compose

import (
	"strings"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/cell"
)

func TestTestSource(t *testing.T) {
	c, err := cell.Parse("In[1]", `
func TestB(t *testing.T) {}
func TestA(x *testing.T) {}
func Testament(t *testing.T) {}
func TestTwo(a, b *testing.T) {}
func TestNone() {}
func BenchmarkA(b *testing.B) {}
func FuzzA(f *testing.F) {}
func ExampleA() {
	fmt.Println("a")
	// Output: a
}
func ExampleB() {}`)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Analyse(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := TestSource(a.Decls, nil, nil)
	for _, want := range []string{`"TestB", TestB}` + ",\n" + `{"TestA", TestA}`, `"BenchmarkA", BenchmarkA}`, `"FuzzA", FuzzA}`,
		`"ExampleA", ExampleA, "a\n", false}`, `[]string{"-v", "-bench=."}`} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is missing in\n%s", want, all)
		}
	}
	for _, no := range []string{"Testament", "TestTwo", "TestNone", "ExampleB"} {
		if strings.Contains(all, no) {
			t.Errorf("%s is run", no)
		}
	}
	if one := TestSource(a.Decls, []string{"TestA", "other"}, []string{"-run=X"}); strings.Contains(one, "TestB") || !strings.Contains(one, "TestA") || !strings.Contains(one, `{"-run=X"}`) {
		t.Errorf("of one name:\n%s", one)
	}
}

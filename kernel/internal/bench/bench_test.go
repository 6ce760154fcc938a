package bench

import (
	"fmt"
	"go/parser"
	"go/token"
	"math"
	"os"
	"strings"
	"testing"
)

func TestPercentile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		p      float64
		want   float64
	}{
		{[]float64{7}, 50, 7},
		{[]float64{7}, 95, 7},
		{[]float64{3, 1, 2}, 50, 2},
		{[]float64{4, 1, 2, 3}, 50, 2.5},
		{[]float64{10, 0, 20, 30, 40, 50, 60, 70, 80, 90, 100}, 90, 90},
		{[]float64{10, 0, 20, 30, 40, 50, 60, 70, 80, 90, 100}, 95, 95},
	} {
		s := Sample{Values: c.values}
		if got := s.Percentile(c.p); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("Percentile(%v) of %v = %v, want %v", c.p, c.values, got, c.want)
		}
	}
	if s := (&Sample{}); !math.IsNaN(s.Percentile(50)) {
		t.Error("the middle of nothing is a number")
	}
}

func TestTable(t *testing.T) {
	r := &Report{Machine: Machine{CPU: "a processor", Cores: 2, Load: 1.5}}
	r.sample("cells", "quick", "ms", most(50, 70), most(95, 10)).Values = []float64{20, 20, 20}
	r.sample("cells", "never", "ms")
	r.sample("training", "ratio", "times", least(50, 0.97)).Values = []float64{0.96}
	r.Missing = []string{"a kernel: it is not there"}
	var b strings.Builder
	r.WriteTable(&b)
	for _, want := range []string{"WARNING", "p50 ≤ 70: met, p95 ≤ 10: MISSED", "p50 ≥ 0.97: MISSED", "left out: a kernel: it is not there"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "never") {
		t.Errorf("the table has a line without values:\n%s", &b)
	}
}

func TestPlainProgramParses(t *testing.T) {
	if _, err := parser.ParseFile(token.NewFileSet(), "main.go", plainProgram, parser.SkipObjectResolution); err != nil {
		t.Error(err)
	}
}

func TestReadRate(t *testing.T) {
	if v, err := readRate("noise\nrate 312.5\n"); err != nil || v != 312.5 {
		t.Errorf("readRate = %v, %v", v, err)
	}
	for _, text := range []string{"", "rate ", "rate quick"} {
		if v, err := readRate(text); err == nil {
			t.Errorf("readRate(%q) = %v without an error", text, v)
		}
	}
}

func TestNoNumberTwice(t *testing.T) {
	var s serial
	seen := map[string]bool{}
	for range 100 {
		code, want := modelled(modelCell)(s.next())
		if seen[code] || !strings.Contains(code, strings.TrimSuffix(want, " func(")) {
			t.Fatalf("a cell that occurred before, or does not print %q:\n%s", want, code)
		}
		seen[code] = true
	}
}

func TestRequirement(t *testing.T) {
	text := "require one.example/a v1.2.3 // why\nrequire (\n\ttwo.example/b/c v0.1.0 // indirect\n)\ngo 1.26.0\n"
	var got []string
	for _, m := range requirement.FindAllStringSubmatch(text, -1) {
		got = append(got, m[1]+"@"+m[2])
	}
	if strings.Join(got, " ") != "one.example/a@v1.2.3 two.example/b/c@v0.1.0" {
		t.Errorf("requirements: %q", got)
	}
}

func TestThisProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	if kb, err := resident(os.Getpid()); err != nil || kb < 1000 {
		t.Errorf("this process holds %v KB, %v", kb, err)
	}
	if id, err := childNamed(os.Getpid(), "no-such-child"); err == nil {
		t.Errorf("found child %d that is not there", id)
	}
}

// Every question has its number, one cursor, and no answer in it.
func TestQuestions(t *testing.T) {
	var s serial
	for _, list := range [][]question{goCompletions, goInspections, gonbCompletions, gonbInspections, pythonCompletions, pythonInspections} {
		for _, q := range list {
			n := s.next()
			text := fmt.Sprintf(q.text, n)
			if !strings.Contains(text, fmt.Sprint("x", n)) || strings.Contains(text, "%!") || strings.Count(text, "‸") > 1 {
				t.Errorf("the question %q", text)
			}
		}
	}
	answer := answerOf([]byte(`{"matches": ["a", "b"], "data": {"text/plain": "c"}}`))
	for _, want := range []string{"a", "b", "c"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer %q has no %s", answer, want)
		}
	}
}

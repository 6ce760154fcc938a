package notebook

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func TestMathML(t *testing.T) {
	tests := []struct{ tex, want string }{
		{`x`, `<mi>x</mi>`},
		{`10^{-3}`, `<msup><mn>10</mn><mrow><mrow><mo>−</mo><mn>3</mn></mrow></mrow></msup>`},
		{`x_i^2`, `<msubsup><mi>x</mi><mrow><mi>i</mi></mrow><mrow><mn>2</mn></mrow></msubsup>`},
		{`x^10`, `<msup><mi>x</mi><mrow><mn>1</mn></mrow></msup><mn>0</mn>`},
		{`f'`, `<msup><mi>f</mi><mrow><mo>′</mo></mrow></msup>`},
		{`\frac{1}{n}`, `<mfrac><mrow><mn>1</mn></mrow><mrow><mi>n</mi></mrow></mfrac>`},
		{`\frac12`, `<mfrac><mn>1</mn><mn>2</mn></mfrac>`},
		{`\sqrt x`, `<msqrt><mi>x</mi></msqrt>`},
		{`\eta \le 1.5`, `<mi>η</mi><mo>≤</mo><mn>1.5</mn>`},
		{`a<b`, `<mi>a</mi><mo>&lt;</mo><mi>b</mi>`},
		{`\log p`, `<mo lspace="0.17em" rspace="0.17em" movablelimits="false">log</mo><mi>p</mi>`},
		{`\hat{y}`, `<mover><mrow><mi>y</mi></mrow><mo stretchy="false">^</mo></mover>`},
		{`\mathcal{L}, \mathbb R, \mathbf{w}`, `<mi>ℒ</mi><mo>,</mo><mi>ℝ</mi><mo>,</mo><mi>𝐰</mi>`},
		{`\text{valid loss}`, "<mtext>valid\u00a0loss</mtext>"},
		{`\left(x\right]`, `<mrow><mo fence="true" stretchy="true">(</mo><mrow><mi>x</mi></mrow><mo fence="true" stretchy="true">]</mo></mrow>`},
		{`5\,\%`, `<mn>5</mn><mspace width="0.17em"/><mo>%</mo>`},
		{`\{a\}`, `<mo>{</mo><mi>a</mi><mo>}</mo>`},
		{`\min_i`, `<msub><mo lspace="0.17em" rspace="0.17em" movablelimits="false">min</mo><mrow><mi>i</mi></mrow></msub>`},
		{`\sum_i x`, `<msub><mo>∑</mo><mrow><mi>i</mi></mrow></msub><mi>x</mi>`},
	}
	for _, tt := range tests {
		got, ok := mathML(tt.tex, false)
		_, got, _ = strings.Cut(got, "><mrow>")
		got = strings.TrimSuffix(got, "</mrow></math>")
		if !ok || got != tt.want {
			t.Errorf("%s gives %v\n%s\nwant\n%s", tt.tex, ok, got, tt.want)
		}
	}
	if got, ok := mathML(`\sum_{i}^{n} x`, true); !ok || !strings.Contains(got, `display="block"`) || !strings.Contains(got, "<munderover><mo>∑</mo>") {
		t.Errorf("a sum on a line of its own gives %v %s", ok, got)
	}
}

func TestMathMLGivesUp(t *testing.T) {
	for _, tex := range []string{
		`\begin{matrix} a & b \end{matrix}`, `\unknown`, `{x`, `x}`, `x^`, `x_}`, `\frac1`, `a & b`, `\left<x\right>`, `\left(x`, `\text{a{b}}`, `\`,
		strings.Repeat("{", 200) + strings.Repeat("}", 200),
	} {
		if got, ok := mathML(tex, true); ok {
			t.Errorf("%s gives %s; want nothing", tex, got)
		}
	}
}

func FuzzMathML(f *testing.F) {
	f.Add(`\mathcal{L}(\theta) = -\frac{1}{n}\sum_i \log p_\theta(y_i \mid x_i)`)
	f.Add(`\left(\hat x'_1\right) \text{a b} \& <`)
	f.Fuzz(func(t *testing.T, tex string) {
		got, ok := mathML(tex, true)
		if !ok {
			return
		}
		for dec := xml.NewDecoder(strings.NewReader(strings.ToValidUTF8(strings.Map(printable, got), "?"))); ; {
			if _, err := dec.Token(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("%q gives malformed markup: %v\n%s", tex, err, got)
			}
		}
	})
}

// printable drops what XML cannot hold; HTML can.
func printable(r rune) rune {
	if r < ' ' || r == '\ufffe' || r == '\uffff' {
		return -1
	}
	return r
}

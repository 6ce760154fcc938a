package notebook

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// reportOf renders a notebook of the given cells.
func reportOf(t *testing.T, dir string, cells ...*Cell) string {
	t.Helper()
	var b strings.Builder
	if err := Report(&b, &Notebook{Cells: cells}, ReportOptions{Name: "some/digits.ipynb", Dir: dir}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bundle returns a display of the given forms: MIME type, content, and so on.
func bundle(forms ...string) *Output {
	o := &Output{Type: DisplayData, Data: map[string]any{}}
	for i := 0; i < len(forms); i += 2 {
		o.Data[forms[i]] = forms[i+1]
	}
	return o
}

const (
	svg       = `<svg xmlns="http://www.w3.org/2000/svg"><path id="%23"/></svg>`
	svgAsData = `<img src="data:image/svg+xml,&lt;svg xmlns=&#34;http://www.w3.org/2000/svg&#34;&gt;&lt;path id=&#34;%2523&#34;/&gt;&lt;/svg&gt;" alt="loss"`
)

func TestReportShowsTheBestForm(t *testing.T) {
	tests := []struct {
		name      string
		out       *Output
		want, not string
	}{
		{"HTML first", bundle("text/html", "<b>h</b>", "image/png", "QQ==", "text/plain", "p"), `<div class="output html"><b>h</b></div>`, "QQ=="},
		{"HTML in the colours of the page", bundle("text/html", `<table><svg stroke="currentColor"></svg></table>`), `<div class="output html"><table>`, ""},
		{"HTML with a picture", bundle("text/html", svg+"<script>x()</script>", "image/svg+xml", svg), `<div class="output html paper">` + svg + "<script>x()</script>", "data:image"},
		{"HTML that a script draws", bundle("text/html", "<div></div><script>draw()</script>", "image/svg+xml", svg, "text/plain", "loss"), svgAsData, "draw()"},
		{"HTML that a script draws, without a picture", bundle("text/html", "<script>draw()</script>"), "<script>draw()</script>", "data:image"},
		{"SVG before PNG", bundle("image/png", "QQ==", "image/svg+xml", svg, "text/plain", "loss"), svgAsData, "QQ=="},
		{"PNG in lines", bundle("image/png", "QU\nI=\n", "text/plain", `a "b"`), `<img src="data:image/png;base64,QUI=" alt="a &#34;b&#34;"`, ""},
		{"Markdown before text", bundle("text/markdown", "*m*", "text/plain", "p"), "<em>m</em>", ">p<"},
		{"text", bundle("text/plain", "a < b"), `<pre class="output text">a &lt; b</pre>`, ""},
		{"TeX", bundle("text/latex", `\begin{x}`, "text/plain", "p"), `<code class="math display">\begin{x}</code>`, ""},
		{"nothing known", bundle("application/x+json", "{}"), "[application/x+json]", ""},
		{"colours", &Output{Type: Stream, Name: "stdout", Text: "\x1b[31mred\x1b[0m <"}, `<pre class="output stream stdout"><span style="color:var(--ansi-1)">red</span> &lt;</pre>`, ""},
		{"error", &Output{Type: Error, EName: "panic", EValue: "a<b"}, `<pre class="output error">panic: a&lt;b</pre>`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := reportOf(t, "", &Cell{Type: Code, Source: "x", Outputs: []*Output{tt.out}})
			if !strings.Contains(got, tt.want) {
				t.Errorf("the report lacks %s:\n%s", tt.want, after(got, "<main>"))
			}
			if tt.not != "" && strings.Contains(got, tt.not) {
				t.Errorf("the report holds %s:\n%s", tt.not, after(got, "<main>"))
			}
		})
	}
}

// after returns what follows mark in s.
func after(s, mark string) string {
	_, s, _ = strings.Cut(s, mark)
	return s
}

func TestReportMarkdown(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a b.png"), []byte("AB"), 0o644); err != nil {
		t.Fatal(err)
	}
	attached := &Cell{Type: Markdown, Source: "![dot](attachment:dot.png)",
		extra: map[string]any{"attachments": map[string]any{"dot.png": map[string]any{"image/png": "QUI="}}}}
	tests := []struct {
		name string
		cell *Cell
		want string
	}{
		{"inline math", &Cell{Source: "rate $a_1 * b_2 < c$."}, `rate <math alttext="a_1 * b_2 &lt; c"><mrow><msub><mi>a</mi>`},
		{"prices", &Cell{Source: "from $5 to $6"}, "from $5 to $6"},
		{"a lone sign", &Cell{Source: "a $ b"}, "a $ b"},
		{"display math", &Cell{Source: "$$\n\\cases *x*\n= 1\n$$"}, "<code class=\"math display\">\\cases *x*\n= 1</code>"},
		{"code", &Cell{Source: "```go\nvar a = 1\n```"}, `<pre class="code"><code><span class="tk">var</span> a = <span class="tn">1</span></code></pre>`},
		{"code of no language", &Cell{Source: "```\na<b\n```"}, `<code>a&lt;b`},
		{"table", &Cell{Source: "|a|\n|-|\n|1|"}, "<td>1</td>"},
		{"heading", &Cell{Source: "## Two *words*"}, `<h2 id="Two-*words*">`},
		{"image beside the notebook", &Cell{Source: "![x](a%20b.png)"}, `<img src="data:image/png;base64,QUI=" alt="x">`},
		{"attachment", attached, `<img src="data:image/png;base64,QUI=" alt="dot">`},
		{"image elsewhere", &Cell{Source: "![a < b](https://example.org/a.png)"}, `[image not embedded: a &lt; b]`},
		{"no image", &Cell{Source: "![x](secret.txt)"}, `[image not embedded: x]`},
		{"HTML", &Cell{Source: "<b>as it is</b>"}, "<b>as it is</b>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cell.Type = Markdown
			if got := reportOf(t, dir, tt.cell); !strings.Contains(got, tt.want) {
				t.Errorf("the report lacks %s:\n%s", tt.want, after(got, "<main>"))
			}
		})
	}
}

func TestReportContents(t *testing.T) {
	got := reportOf(t, "",
		&Cell{Type: Markdown, Source: "# Digits & more\n## Method\n#### Too deep"},
		&Cell{Type: Markdown, Source: "## Method\n### Part"})
	for _, want := range []string{
		"<title>Digits &amp; more</title>",
		`<li class="level-2"><a href="#Method">Method</a></li>`,
		`<li class="level-2"><a href="#Method-2">Method</a></li>`,
		`<li class="level-3"><a href="#Part">Part</a></li>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %s", want)
		}
	}
	if strings.Contains(got, `href="#Too-deep"`) || strings.Contains(got, `href="#Digits`) {
		t.Error("the contents list the title or a deep heading")
	}
	if got := reportOf(t, "", &Cell{Type: Markdown, Source: "text"}); !strings.Contains(got, "<title>digits.ipynb</title>") || strings.Contains(got, "<nav") {
		t.Error("without headings the title is not the file name, or there are contents")
	}
}

func TestReportTags(t *testing.T) {
	for tag, want := range map[string]string{
		"": "SOURCE OUTPUT", "remove-cell": "", "remove-input": "OUTPUT", "remove-output": "SOURCE", "hide-input": "FOLDED SOURCE OUTPUT",
	} {
		c := &Cell{Type: Code, Source: "SOURCE", Metadata: map[string]any{"tags": []any{tag}}, Outputs: []*Output{bundle("text/plain", "OUTPUT")}}
		body := strings.ReplaceAll(after(reportOf(t, "", c), "<main>"), "<details", "FOLDED")
		got := strings.Join(regexp.MustCompile("FOLDED|SOURCE|OUTPUT").FindAllString(body, -1), " ")
		if got != want {
			t.Errorf("tag %q shows %q, want %q", tag, got, want)
		}
	}
}

// A report must load nothing: no address may stand where a browser fetches it.
func TestReportLoadsNothing(t *testing.T) {
	nb, err := ReadFile("testdata/jupyter.ipynb")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Report(&b, nb, ReportOptions{Name: "jupyter.ipynb", Dir: "testdata"}); err != nil {
		t.Fatal(err)
	}
	loads := regexp.MustCompile(`(?i)(src|srcset|data|poster)\s*=\s*["']?(https?:)?//|url\(\s*["']?(https?:)?//|@import|<link\b`)
	if found := loads.FindString(b.String()); found != "" {
		t.Errorf("the report loads something: %s", found)
	}
	if !strings.Contains(b.String(), `content="default-src 'none';`) {
		t.Error("the report does not forbid the browser to fetch")
	}
}

func TestANSI(t *testing.T) {
	tests := []struct{ in, want string }{
		{"a<b", "a&lt;b"},
		{"\x1b[1;32mok\x1b[m.", `<span style="color:var(--ansi-2);font-weight:700">ok</span>.`},
		{"\x1b[91mx\x1b[39my", `<span style="color:var(--ansi-9)">x</span>y`},
		{"\x1b[38;5;196mx", `<span style="color:rgb(255,0,0)">x</span>`},
		{"\x1b[38;5;244mx", `<span style="color:rgb(128,128,128)">x</span>`},
		{"\x1b[48;2;1;2;300;1mx", `<span style="background:rgb(1,2,255);font-weight:700">x</span>`},
		{"\x1b[7mx\x1b[27my", `<span style="color:var(--page);background:var(--text)">x</span>y`},
		{"\x1b[3;4;2mx\x1b[23;24;22my", `<span style="opacity:.7;font-style:italic;text-decoration:underline">x</span>y`},
		{"a\x1b[2Kb\x1b[1Ac", "abc"},
		{"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\.", "link."},
		{"cut \x1b[3", "cut "},
		{"cut \x1b", "cut "},
		{"\x1b[38mx", "x"},
	}
	for _, tt := range tests {
		if got := ansiHTML(tt.in); got != tt.want {
			t.Errorf("ansiHTML(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func FuzzANSI(f *testing.F) {
	f.Add("\x1b[38;5;196mx\x1b]8;;y\x1b\\")
	f.Fuzz(func(t *testing.T, in string) {
		got := regexp.MustCompile(`</?span[^<>]*>`).ReplaceAllString(ansiHTML(in), "")
		if strings.ContainsAny(got, "<>\x1b") {
			t.Errorf("ansiHTML(%q) lets markup through: %q", in, got)
		}
	})
}

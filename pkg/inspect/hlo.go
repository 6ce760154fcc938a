package inspect

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/go-xla/pjrt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// A Program is the text of a program, line by line, and what is known of it.
type Program struct {
	Title  string
	Lines  []string
	Costs  map[string]float64 // by XLA's own analysis, such as "flops" and "bytes accessed"; nil where the plugin has none
	Memory *Memory            // of the compiled program; nil before it is compiled

	Notes []string

	found []int // lines that a search found; nil for all
}

// Memory is what a compiled program needs on the device, in bytes, by the compiler's count.
type Memory struct {
	Code, Inputs, Outputs int64
	Aliases               int64 // parts of Inputs in which outputs are put
	Temporary             int64
}

// Peak is what a run needs at most.
func (m Memory) Peak() int64 { return m.Code + m.Inputs + m.Outputs - m.Aliases + m.Temporary }

// StableHLO returns the program as it was given to XLA.
func (v *View) StableHLO() (*Program, error) {
	text, err := stableHLO(v.graph)
	if err != nil {
		return nil, fmt.Errorf("inspect: StableHLO of %q: %w", v.Model, err)
	}
	return &Program{Title: "StableHLO of " + v.Model, Lines: strings.Split(strings.TrimRight(text, "\n"), "\n")}, nil
}

// MustStableHLO is StableHLO for cells: it panics on an error.
func (v *View) MustStableHLO() *Program { return must(v.StableHLO()) }

// Optimized returns the program as XLA made it, with fusions and layouts, what it costs by XLA's count and the
// memory that it needs.
func (v *View) Optimized() (*Program, error) {
	p, err := v.optimized()
	if err != nil {
		return nil, fmt.Errorf("inspect: optimised HLO of %q: %w", v.Model, err)
	}
	return p, nil
}

// MustOptimized is Optimized for cells: it panics on an error.
func (v *View) MustOptimized() *Program { return must(v.Optimized()) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (v *View) optimized() (*Program, error) {
	l, err := load(v.graph)
	if err != nil {
		return nil, err
	}
	code, format, err := l.optimized()
	if err != nil {
		return nil, err
	}
	module, err := decodeModule(code, format)
	if err != nil {
		return nil, err
	}
	p := &Program{Title: "optimised HLO of " + v.Model, Lines: moduleLines(module), Memory: memoryOf(l.executable)}
	if p.Costs, err = l.costs(); err != nil {
		p.Notes = append(p.Notes, err.Error())
	}
	return p, nil
}

func memoryOf(e *pjrt.LoadedExecutable) *Memory {
	s := e.OnDeviceMemoryUsageStats
	return &Memory{Code: s.GeneratedCode, Inputs: s.Inputs, Outputs: s.Outputs, Aliases: s.Aliases, Temporary: s.Temporary}
}

// decodeModule decodes an HLO module by the descriptions of messages that go-xla links.
func decodeModule(code []byte, format string) (protoreflect.Message, error) {
	name := map[string]protoreflect.FullName{"hlo": "xla.HloModuleProto", "hlo_with_config": "xla.HloModuleProtoWithConfig"}[format]
	if name == "" {
		return nil, fmt.Errorf("the plugin gives it in the format %q, which is not read here", format)
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(name)
	if err != nil {
		return nil, err
	}
	m := kind.New()
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(code, m.Interface()); err != nil {
		return nil, err
	}
	if format == "hlo_with_config" {
		return get(m, "hlo_module").Message(), nil
	}
	return m, nil
}

// get returns a field of m by its name; a name that m has not is a fault of this package.
func get(m protoreflect.Message, name protoreflect.Name) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(name))
}

// each returns the messages of a repeated field.
func each(m protoreflect.Message, name protoreflect.Name) []protoreflect.Message {
	list := get(m, name).List()
	all := make([]protoreflect.Message, list.Len())
	for i := range all {
		all[i] = list.Get(i).Message()
	}
	return all
}

func integers(m protoreflect.Message, name protoreflect.Name) []int64 {
	list := get(m, name).List()
	all := make([]int64, list.Len())
	for i := range all {
		all[i] = list.Get(i).Int()
	}
	return all
}

// moduleLines writes a module as text, the entry computation first.
func moduleLines(module protoreflect.Message) []string {
	names := map[int64]string{}
	computations := each(module, "computations")
	for _, c := range computations {
		names[get(c, "id").Int()] = get(c, "name").String()
	}
	entry := get(module, "entry_computation_id").Int()
	slices.SortStableFunc(computations, func(a, b protoreflect.Message) int {
		first := func(m protoreflect.Message) int {
			if get(m, "id").Int() == entry {
				return 0
			}
			return 1
		}
		return first(a) - first(b)
	})
	lines := []string{"HloModule " + get(module, "name").String()}
	for _, c := range computations {
		head := get(c, "name").String() + " {"
		if get(c, "id").Int() == entry {
			head = "ENTRY " + head
		}
		lines = append(append(lines, "", head), instructionLines(c, names)...)
		lines = append(lines, "}")
	}
	return lines
}

// instructionLines writes the instructions of a computation, one a line.
func instructionLines(c protoreflect.Message, computations map[int64]string) []string {
	instructions := each(c, "instructions")
	names := map[int64]string{}
	for _, i := range instructions {
		names[get(i, "id").Int()] = get(i, "name").String()
	}
	root := get(c, "root_id").Int()
	var lines []string
	for _, i := range instructions {
		var operands []string
		for _, id := range integers(i, "operand_ids") {
			operands = append(operands, names[id])
		}
		mark := ""
		if get(i, "id").Int() == root {
			mark = "ROOT "
		}
		lines = append(lines, fmt.Sprintf("  %s%s = %s %s(%s)%s", mark, get(i, "name").String(), shapeText(get(i, "shape").Message()),
			get(i, "opcode").String(), strings.Join(operands, ", "), details(i, computations)))
	}
	return lines
}

// details writes what else tells about an instruction.
func details(i protoreflect.Message, computations map[int64]string) string {
	var parts []string
	add := func(key, value string) {
		if value != "" {
			parts = append(parts, key+"="+value)
		}
	}
	if get(i, "opcode").String() == "parameter" {
		add("number", fmt.Sprint(get(i, "parameter_number").Int()))
	}
	add("kind", get(i, "fusion_kind").String())
	add("target", get(i, "custom_call_target").String())
	add("direction", get(i, "comparison_direction").String())
	var calls []string
	for _, id := range integers(i, "called_computation_ids") {
		calls = append(calls, computations[id])
	}
	add("calls", strings.Join(calls, " "))
	add("op_name", quoted(get(get(i, "metadata").Message(), "op_name").String()))
	if len(parts) == 0 {
		return ""
	}
	return ", " + strings.Join(parts, ", ")
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("%q", s)
}

// shapeText writes a shape as XLA does: f32[64,10].
func shapeText(s protoreflect.Message) string {
	if tuple := each(s, "tuple_shapes"); len(tuple) > 0 {
		var parts []string
		for _, t := range tuple {
			parts = append(parts, shapeText(t))
		}
		return "(" + strings.Join(parts, ", ") + ")"
	}
	field := s.Descriptor().Fields().ByName("element_type")
	kind := strings.ToLower(string(field.Enum().Values().ByNumber(s.Get(field).Enum()).Name()))
	var dims []string
	for _, d := range integers(s, "dimensions") {
		dims = append(dims, fmt.Sprint(d))
	}
	return kind + "[" + strings.Join(dims, ",") + "]"
}

// Search returns the program with only the lines that contain a text shown, in any case of letters, and
// their numbers.
func (p *Program) Search(text string) *Program {
	found := *p
	found.Title = fmt.Sprintf("%q in the %s", text, p.Title)
	found.found = []int{}
	for i, line := range p.Lines {
		if strings.Contains(strings.ToLower(line), strings.ToLower(text)) {
			found.found = append(found.found, i)
		}
	}
	return &found
}

// Found returns how many lines a search found, or how many there are.
func (p *Program) Found() int { return len(p.places()) }

func (p *Program) places() []int {
	if p.found != nil {
		return p.found
	}
	all := make([]int, len(p.Lines))
	for i := range all {
		all[i] = i
	}
	return all
}

// Bounds of what is shown of a program; Lines holds all of it.
const (
	shownLines = 400
	textLines  = 60
)

// facts says what is known of the program beside its text.
func (p *Program) facts() string {
	text := fmt.Sprintf("%s: %d lines", p.Title, p.Found())
	if p.Memory != nil {
		m := p.Memory
		text += fmt.Sprintf("; memory: code %s, inputs %s, outputs %s (%s of them in place of inputs), temporary %s, at most %s", si(float64(m.Code), "B"),
			si(float64(m.Inputs), "B"), si(float64(m.Outputs), "B"), si(float64(m.Aliases), "B"), si(float64(m.Temporary), "B"), si(float64(m.Peak()), "B"))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Costs)) {
		if name == "flops" || name == "bytes accessed" || name == "transcendentals" {
			text += fmt.Sprintf("; %s %s", si(p.Costs[name], ""), name)
		}
	}
	return strings.Join(append([]string{text}, p.Notes...), "; ")
}

// String returns the program with the numbers of its lines, at most 60 of them.
func (p *Program) String() string {
	var b strings.Builder
	b.WriteString(p.facts())
	p.write(textLines, func(number int, line string) { fmt.Fprintf(&b, "\n%5d  %s", number, line) })
	return b.String() + p.more("\n", textLines)
}

// HTML returns the program in a box that can be unfolded and scrolled, at most 400 lines of it.
func (p *Program) HTML() string {
	var b strings.Builder
	open := ""
	if p.found != nil {
		open = " open"
	}
	fmt.Fprintf(&b, `<details%s><summary>%s</summary><pre style="max-height:30em;overflow:auto;font-size:11px;line-height:1.35">`, open, html.EscapeString(p.facts()))
	p.write(shownLines, func(number int, line string) {
		fmt.Fprintf(&b, "<span style=\"opacity:.5\">%5d</span>  %s\n", number, html.EscapeString(line))
	})
	return b.String() + p.more("", shownLines) + "</pre></details>"
}

func (p *Program) write(limit int, line func(number int, text string)) {
	for _, i := range p.places()[:min(p.Found(), limit)] {
		line(i+1, p.Lines[i])
	}
}

func (p *Program) more(before string, limit int) string {
	if n := p.Found() - limit; n > 0 {
		return fmt.Sprintf("%s… and %d more lines; Search finds some, Lines holds all", before, n)
	}
	return ""
}

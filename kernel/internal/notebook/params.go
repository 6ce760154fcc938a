package notebook

import (
	"errors"
	"fmt"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// The tags of the cell that declares parameters and of the one that sets them, as papermill has them.
const (
	tagParameters = "parameters"
	tagInjected   = "injected-parameters"
)

// A Param is a value for a name that the cell tagged "parameters" declares.
type Param struct {
	Name  string
	Value string // as typed: a Go literal, a list or an object of JSON, or text
}

// A Setting is a Param whose value comes from another program and has a type: what encoding/json
// makes of a value with Decoder.UseNumber. As JSON has no such numbers, {"$float": "nan"}, "inf" and
// "-inf" stand for them.
type Setting struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// Parameters returns the variables that the cell tagged "parameters" declares. It is an error if there
// is no such cell.
func (nb *Notebook) Parameters() ([]Parameter, error) {
	at := slices.IndexFunc(nb.Cells, isParameters)
	if at < 0 {
		return nil, errNoParameters
	}
	return Declared(nb.Cells[at].Source), nil
}

// errNoParameters says why a notebook cannot be given parameters.
var errNoParameters = errors.New(`the notebook takes no parameters: none of its code cells is tagged "parameters"`)

// isParameters reports whether c is the cell that declares parameters.
func isParameters(c *Cell) bool { return c.Type == Code && c.HasTag(tagParameters) }

// Declared returns the variables that a parameters cell of this source declares.
func Declared(source string) []Parameter {
	return slices.DeleteFunc(declared(source), func(p Parameter) bool { return p.constant })
}

// Settings returns the source of a cell that assigns settings to what the parameters cell of this
// source declares, headed by a comment. If there is no such cell, known is false, and any name is taken.
func Settings(source string, known bool, settings []Setting, comment string) (string, error) {
	var b strings.Builder
	for line := range strings.SplitSeq(comment, "\n") {
		fmt.Fprintf(&b, "// %s\n", line)
	}
	vars := declared(source)
	for _, s := range settings {
		if !token.IsIdentifier(s.Name) {
			return "", fmt.Errorf("parameter %q is not named as a variable of Go can be", s.Name)
		}
		p, err := find(vars, s.Name)
		if err != nil && known {
			return "", err
		}
		value, err := express(s.Value, p.Type)
		if err != nil {
			return "", fmt.Errorf("parameter %q: %w", s.Name, err)
		}
		fmt.Fprintf(&b, "%s = %s\n", s.Name, value)
	}
	return b.String(), nil
}

// ParseParam reads "name=value".
func ParseParam(s string) (Param, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok || !token.IsIdentifier(name) {
		return Param{}, fmt.Errorf("parameter %q is not of the form name=value", s)
	}
	return Param{name, value}, nil
}

// Inject puts a cell tagged "injected-parameters" after the cell tagged "parameters" that assigns
// params; one of an earlier call is replaced. The names must be variables that the parameters cell
// declares.
func (nb *Notebook) Inject(params []Param) error {
	if len(params) == 0 {
		return nil
	}
	at := slices.IndexFunc(nb.Cells, isParameters)
	if at < 0 {
		return errNoParameters
	}
	source, err := assignments(declared(nb.Cells[at].Source), params)
	if err != nil {
		return err
	}
	nb.Cells = slices.DeleteFunc(nb.Cells, func(c *Cell) bool { return c.HasTag(tagInjected) })
	at = slices.IndexFunc(nb.Cells, isParameters)
	cell := &Cell{Type: Code, Source: source, Metadata: map[string]any{"tags": []any{tagInjected}}}
	if nb.Minor >= 5 {
		cell.ID = nb.freeID(tagInjected)
	}
	nb.Cells = slices.Insert(nb.Cells, at+1, cell)
	return nil
}

// freeID returns name, or name with a number that no cell has yet.
func (nb *Notebook) freeID(name string) string {
	id := name
	for n := 2; slices.ContainsFunc(nb.Cells, func(c *Cell) bool { return c.ID == id }); n++ {
		id = name + "-" + strconv.Itoa(n)
	}
	return id
}

// assignments returns the source of the cell that sets params.
func assignments(vars []Parameter, params []Param) (string, error) {
	var b strings.Builder
	b.WriteString("// Set for this run.")
	for _, p := range params {
		v, err := find(vars, p.Name)
		if err != nil {
			return "", err
		}
		value, err := literal(p.Value, v.Type)
		if err != nil {
			return "", fmt.Errorf("parameter %q: %w", p.Name, err)
		}
		fmt.Fprintf(&b, "\n%s = %s", p.Name, value)
	}
	return b.String(), nil
}

// find returns the variable of that name; it is an error if there is none that can be set.
func find(vars []Parameter, name string) (Parameter, error) {
	i := slices.IndexFunc(vars, func(v Parameter) bool { return v.Name == name })
	if i < 0 {
		return Parameter{}, fmt.Errorf("the notebook has no parameter %q; it has %s", name, listNames(vars))
	}
	if vars[i].constant {
		return Parameter{}, fmt.Errorf("parameter %q is a constant and cannot be set; declare it with := or var", name)
	}
	return vars[i], nil
}

// listNames lists the names of variables for an error.
func listNames(vars []Parameter) string {
	var names []string
	for _, v := range vars {
		if !v.constant && !slices.Contains(names, v.Name) {
			names = append(names, v.Name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

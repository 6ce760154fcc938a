package chart

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A goEchart is what every chart of go-echarts has.
type goEchart interface {
	Validate()
	JSON() map[string]any
}

// extensions are series that ECharts alone cannot draw.
var extensions = map[string]string{
	"bar3D": "echarts-gl", "line3D": "echarts-gl", "scatter3D": "echarts-gl", "surface": "echarts-gl",
	"liquidFill": "echarts-liquidfill", "wordCloud": "echarts-wordcloud", "map": "a map's outlines",
}

// functionMark encloses JavaScript in the options of go-echarts.
const functionMark = "__f__"

// Echarts returns a chart of go-echarts, any one, as a chart of this package. Numbers that are not
// finite become gaps, functions in JavaScript are left out, since a picture is drawn from data alone,
// and the text says so in both cases. The size is that of the chart's Initialization.
func Echarts(from any) *Chart {
	c := newChart(foreign, "")
	g, ok := from.(goEchart)
	if !ok || reflect.ValueOf(from).Kind() == reflect.Pointer && reflect.ValueOf(from).IsNil() {
		return c.fail(fmt.Errorf("%T is not a chart of go-echarts", from))
	}
	g.Validate()
	var p plainer
	o, _ := p.plain(reflect.ValueOf(g.JSON()), nil).(map[string]any)
	c.option = o
	c.sizeFrom(from)
	if colours, ok := o["color"].([]any); ok && len(colours) > 0 && colours[0] == "#5470c6" {
		o["color"] = palette // go-echarts' own colours are a default, not a wish
	}
	p.addNotes(c)
	if title, ok := firstObject(o["title"]); ok {
		c.title, _ = title["text"].(string)
		c.subtitle, _ = title["subtext"].(string)
	}
	c.describeForeign()
	o["animation"] = false
	return c
}

// firstObject returns v, or the first of a list, if it is an object.
func firstObject(v any) (map[string]any, bool) {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	m, ok := v.(map[string]any)
	return m, ok
}

// sizeFrom takes the size in pixels of a go-echarts chart.
func (c *Chart) sizeFrom(from any) {
	v := reflect.Indirect(reflect.ValueOf(from))
	if v.Kind() != reflect.Struct {
		return
	}
	for name, into := range map[string]*int{"Width": &c.width, "Height": &c.height} {
		init := v.FieldByName("Initialization")
		if !init.IsValid() || init.Kind() != reflect.Struct {
			return
		}
		text, isPixels := strings.CutSuffix(fmt.Sprint(init.FieldByName(name)), "px")
		if n, err := strconv.Atoi(text); err == nil && isPixels && n >= 50 && n <= 8000 {
			*into = n
		}
	}
}

// describeForeign names the series and refuses those that cannot be drawn.
func (c *Chart) describeForeign() {
	list, _ := c.option["series"].([]any)
	for _, e := range list {
		s, ok := e.(map[string]any)
		if !ok {
			continue
		}
		kind, _ := s["type"].(string)
		if needs := extensions[kind]; needs != "" {
			c.fail(fmt.Errorf("a series of type %s needs %s, which is not part of ECharts", kind, needs))
		}
		data, _ := s["data"].([]any)
		name, _ := s["name"].(string)
		c.notes = append(c.notes, strings.TrimSpace(fmt.Sprintf("%s %s", kind, name))+fmt.Sprintf(": %d items", len(data)))
	}
}

// A plainer turns the options of go-echarts into plain data.
type plainer struct {
	holes     []pathHole
	functions []string // where functions were
}

// A pathHole is a number in an option that is not finite.
type pathHole struct {
	what string
	path []string
}

// place says where a hole is: by the name of its series if it is in one.
func (h pathHole) place(option map[string]any) string {
	where := strings.Join(h.path, ".")
	if len(h.path) >= 4 && h.path[0] == "series" && h.path[2] == "data" {
		where = "item " + h.path[3]
		list, _ := option["series"].([]any)
		if i, err := strconv.Atoi(h.path[1]); err == nil && i < len(list) {
			if s, ok := list[i].(map[string]any); ok && s["name"] != nil {
				where = fmt.Sprintf("item %s of %v", h.path[3], s["name"])
			}
		}
	}
	return h.what + " at " + where
}

func (p *plainer) addNotes(c *Chart) {
	if n := len(p.holes); n > 0 {
		places := make([]string, min(n, maxListed))
		for i := range places {
			places[i] = p.holes[i].place(c.option)
		}
		shown := strings.Join(places, ", ")
		if n > maxListed {
			shown += fmt.Sprintf(" and %d more", n-maxListed)
		}
		c.notes = append(c.notes, "not finite, shown as a gap: "+shown)
		c.edits = append(c.edits, func(o map[string]any) { addSubtext(o, "not finite: "+shown) })
	}
	if n := len(p.functions); n > 0 {
		c.notes = append(c.notes, "functions in JavaScript left out: "+strings.Join(p.functions[:min(n, maxListed)], ", "))
	}
}

// addSubtext puts a remark on the picture itself.
func addSubtext(o map[string]any, text string) {
	title, ok := firstObject(o["title"])
	if !ok {
		title = map[string]any{}
		o["title"] = title
	}
	if old, _ := title["subtext"].(string); old != "" && !strings.Contains(old, text) {
		text = old + "\n" + text
	}
	title["subtext"] = text
}

// plain returns v as encoding/json would write it, with nil for numbers that are not finite and
// without functions. Path says where v stands.
func (p *plainer) plain(v reflect.Value, path []string) any {
	if !v.IsValid() || !v.CanInterface() {
		return nil
	}
	data, err := json.Marshal(v.Interface())
	if err == nil {
		var out any
		if json.Unmarshal(data, &out) != nil {
			return nil
		}
		return p.withoutFunctions(out, path)
	}
	// Something inside cannot be written: go down to it.
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		p.holes = append(p.holes, pathHole{nameOf(v.Float()), slices.Clone(path)})
	case reflect.Pointer, reflect.Interface:
		return p.plain(v.Elem(), path)
	case reflect.Slice, reflect.Array:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = p.plain(v.Index(i), append(path, strconv.Itoa(i)))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			k := fmt.Sprint(it.Key())
			out[k] = p.plain(it.Value(), append(path, k))
		}
		return out
	case reflect.Struct:
		return p.fields(v, path)
	}
	return nil
}

// fields follows the tags of encoding/json.
func (p *plainer) fields(v reflect.Value, path []string) map[string]any {
	out := map[string]any{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		e := v.Field(i)
		if !f.IsExported() || name == "-" || strings.Contains(rest, "omitempty") && e.IsZero() {
			continue
		}
		if f.Anonymous && name == "" {
			if inner, ok := p.plain(e, path).(map[string]any); ok {
				for k, x := range inner {
					out[k] = x
				}
			}
			continue
		}
		if name == "" {
			name = f.Name
		}
		out[name] = p.plain(e, append(path, name))
	}
	return out
}

func (p *plainer) withoutFunctions(v any, path []string) any {
	switch x := v.(type) {
	case string:
		if strings.Contains(x, functionMark) {
			p.functions = append(p.functions, strings.Join(path, "."))
			return nil
		}
	case []any:
		for i, e := range x {
			x[i] = p.withoutFunctions(e, append(path, strconv.Itoa(i)))
		}
	case map[string]any:
		for k, e := range x {
			if y := p.withoutFunctions(e, append(path, k)); y == nil && e != nil {
				delete(x, k)
			}
		}
	}
	return v
}

package exchange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// damaged says how far a source was read.
func damaged(valid, size int) string { return fmt.Sprintf("valid up to byte %d of %d", valid, size) }

// readJSONL reads the history of a run as W&B writes it: an object with a value for each metric on each line, its step
// as _step and its time as _timestamp, in seconds.
func readJSONL(content []byte, modified time.Time) foreign {
	var run foreign
	texts := map[string]string{}
	number, offset := 0, 0
	for line := range bytes.Lines(content) {
		if len(bytes.TrimSpace(line)) > 0 {
			row, ok := parseObject(line)
			if !ok {
				run.damage = damaged(offset, len(content))
				break
			}
			run.row(row, metric.Point{Step: number, Time: modified}, texts)
			number++
		}
		offset += len(line)
	}
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		run.Params = append(run.Params, worklog.Param{Path: path, Type: "string", Value: texts[path]})
	}
	return run
}

// parseObject reads one line. Python's json writes NaN and Infinity bare, which JSON lacks.
func parseObject(line []byte) (map[string]any, bool) {
	var row map[string]any
	if err := json.Unmarshal(line, &row); err != nil {
		if row = nil; json.Unmarshal(quoteBare(line), &row) != nil {
			return nil, false
		}
	}
	return row, row != nil
}

// quoteBare puts quotes around NaN, Infinity and -Infinity outside of strings.
func quoteBare(line []byte) []byte {
	var out []byte
	inside := false
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case inside && c == '\\' && i+1 < len(line):
			out = append(out, c, line[i+1])
			i += 2
			continue
		case c == '"':
			inside = !inside
		case !inside:
			if word := bareWord(line[i:]); word != "" {
				out = append(out, '"')
				out = append(out, word...)
				out = append(out, '"')
				i += len(word)
				continue
			}
		}
		out = append(out, line[i])
		i++
	}
	return out
}

func bareWord(b []byte) string {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(b, []byte(word)) {
			return word
		}
	}
	return ""
}

// row takes one line. Numbers are points; texts are parameters, of which the first counts.
func (f *foreign) row(row map[string]any, p metric.Point, texts map[string]string) {
	if v, ok := row["_step"].(float64); ok && math.Abs(v) < 1<<53 {
		p.Step = metric.Step(v)
	}
	if v, ok := row["_timestamp"].(float64); ok {
		p.Time = unix(v)
	}
	values := map[string]any{}
	flatten("", row, values)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value, ok := toFloat(values[name])
		if ok {
			p.Name, p.Value = name, value
			f.points = append(f.points, p)
		} else if s, isText := values[name].(string); isText && texts[name] == "" {
			texts[name] = s
		}
	}
}

// flatten lists the values of nested objects by their paths, but for those whose names begin with _, which are W&B's own.
func flatten(prefix string, row map[string]any, out map[string]any) {
	for name, v := range row {
		if strings.HasPrefix(name, "_") {
			continue
		}
		if inner, ok := v.(map[string]any); ok {
			flatten(prefix+name+".", inner, out)
			continue
		}
		out[prefix+name] = v
	}
}

// toFloat reads a number, which may be a text where it is none of JSON's.
func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case string:
		switch v {
		case "NaN", "Infinity", "-Infinity", "+Inf", "-Inf", "inf", "-inf", "nan":
			f, err := strconv.ParseFloat(v, 64)
			return f, err == nil
		}
	}
	return 0, false
}

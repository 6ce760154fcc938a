package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
	"github.com/lathe-go/lathe/pkg/worklog"
	"github.com/lathe-go/lathe/pkg/worklog/exchange"
	"github.com/lathe-go/lathe/pkg/worklog/sqlindex"
)

func csvFlag(flags *flag.FlagSet, o *logOptions) { flags.BoolVar(&o.csv, "csv", false, "") }

func tableFlags(flags *flag.FlagSet, o *logOptions) {
	csvFlag(flags, o)
	flags.BoolVar(&o.json, "json", false, "")
}

func exportFlags(flags *flag.FlagSet, o *logOptions) {
	flags.StringVar(&o.format, "format", "", "")
	flags.StringVar(&o.out, "o", "", "")
}

func logTable(_ context.Context, c logCall) error {
	runs, err := c.folder.Runs(c.words...)
	head, rows := exchange.Table(runs)
	return errors.Join(writeTable(c, head, rows), err)
}

// writeTable writes rows as CSV if that was asked for, else in columns.
func writeTable(c logCall, head []string, rows [][]string) error {
	if c.csv {
		w := csv.NewWriter(c.stdout)
		w.Write(head)
		w.WriteAll(rows)
		return w.Error()
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			row[i] = strings.Join(strings.Fields(cell), " ") // a line is a row
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// tablesQuery lists the tables and their columns.
const tablesQuery = `SELECT v.name AS "table", group_concat(c.name, ', ') AS columns
	FROM sqlite_schema v JOIN pragma_table_info(v.name) c WHERE v.type = 'view' GROUP BY v.name`

// logSQL brings the index up to date and answers a query.
func logSQL(ctx context.Context, c logCall) error {
	query := strings.Join(c.words, " ")
	if query == "" {
		query = tablesQuery
	}
	index, err := sqlindex.Open(ctx, c.folder)
	if err != nil {
		return err
	}
	defer index.Close()
	index.Progress = sayProgress(c.stderr)
	_, bad := index.Update(ctx)
	if query != tablesQuery {
		if err := index.LoadFor(ctx, query); err != nil {
			return err
		}
	}
	answer, err := index.Query(ctx, query)
	if err != nil {
		return errors.Join(err, bad)
	}
	if c.json {
		return errors.Join(writeObjects(c.stdout, answer), bad)
	}
	var rows [][]string
	for _, values := range answer.Rows {
		var row []string
		for _, v := range values {
			row = append(row, cellText(v))
		}
		rows = append(rows, row)
	}
	return errors.Join(writeTable(c, answer.Columns, rows), bad)
}

// sayProgress returns a function that tells log, about every second, how much of something slow is done, and nothing if
// all is done within a second.
func sayProgress(log io.Writer) func(done, total int) {
	said := time.Now()
	return func(done, total int) {
		if time.Since(said) < time.Second {
			return
		}
		said = time.Now()
		fmt.Fprintf(log, "reading runs into the index: %d of %d\n", done, total)
	}
}

// cellText writes a value of SQL; NULL is empty.
func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

// writeObjects writes rows as a list of JSON objects whose fields keep the order of the columns. An infinity is a text.
func writeObjects(w io.Writer, t sqlindex.Table) error {
	var b bytes.Buffer
	b.WriteString("[")
	for n, values := range t.Rows {
		b.WriteString([]string{"\n{", ",\n{"}[min(n, 1)])
		for i, v := range values {
			if f, ok := v.(float64); ok && math.IsInf(f, 0) {
				v = cellText(v)
			}
			name, err := json.Marshal(t.Columns[i])
			if err != nil {
				return err
			}
			value, err := json.Marshal(v)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%s%s: %s", []string{"", ", "}[min(i, 1)], name, value)
		}
		b.WriteString("}")
	}
	b.WriteString("\n]\n")
	_, err := w.Write(b.Bytes())
	return err
}

// exporters maps the formats of export to what writes them.
var exporters = map[string]func(w io.Writer, runs []*worklog.Run) error{
	"md": exchange.Markdown, "html": exchange.HTML, "json": exchange.JSON, "csv": exchange.CSV,
}

// logExport writes the run that the words name, or the runs that they find.
func logExport(_ context.Context, c logCall) error {
	format := c.format
	if _, ending, ok := strings.Cut(c.out, "."); ok && format == "" {
		format = ending[strings.LastIndexByte(ending, '.')+1:]
	}
	if format == "" {
		format = "md"
	}
	export, ok := exporters[format]
	if !ok {
		return fmt.Errorf("%w: export writes md, html, json and csv, not %q", errUsage, format)
	}
	runs, err := chosen(c)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := export(&b, runs); err != nil {
		return err
	}
	if c.out == "" {
		_, err := c.stdout.Write(b.Bytes())
		return err
	}
	if err := makeFolder(c.out); err != nil {
		return err
	}
	if err := notebook.ReplaceFile(c.out, b.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%s (%d runs, %.1f kB)\n", c.out, len(runs), float64(b.Len())/1e3)
	return nil
}

// chosen returns the one run whose ID was given, or those that meet a query.
func chosen(c logCall) (worklog.List, error) {
	runs, err := c.folder.Runs(c.words...)
	if len(runs) > 0 || len(c.words) > 1 {
		if err == nil && len(runs) == 0 {
			err = fmt.Errorf("no run meets %s", strings.Join(c.words, " "))
		}
		return runs, err
	}
	run, err := c.folder.Run(c.words[0])
	return worklog.List{run}, err
}

// logImport adds runs of other programs.
func logImport(_ context.Context, c logCall) error {
	var bad error
	for _, path := range c.words {
		results, err := exchange.Import(c.folder, path)
		bad = errors.Join(bad, err)
		for _, r := range results {
			what := fmt.Sprintf("%d points", r.Points)
			switch {
			case r.Added > 0:
				what = fmt.Sprintf("there already; %d of %d points are new", r.Added, r.Points)
			case r.Known:
				what = "there already"
			}
			if r.Damage != "" {
				what += "; " + r.Damage
			}
			fmt.Fprintf(c.stdout, "%s  %s  %s (%s)\n", r.Run, r.Name, r.Source, what)
		}
	}
	return bad
}

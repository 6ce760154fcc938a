package worklog

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/chart"
	"github.com/lathe-go/lathe/pkg/display"
	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/metric"
)

const (
	lookEvery   = 500 * time.Millisecond // between two looks at the logs
	aliveEvery  = time.Second            // between two questions whether the process of a run is there
	betweenRuns = 2 * time.Second        // that long after the last run has ended, another may begin
	rateMemory  = 15 * time.Second       // how far back the rate of steps looks
	maxFollowed = 50                     // runs on a board
	boardPoints = 8000                   // of all curves together, while they grow
)

// Watch follows runs that other processes write, at work in the cell until all of them have ended or the
// cell is interrupted: a table of their states and latest values, and the curves of one metric. Terms are
// those of Runs; metric:NAME chooses the curves, which are else those of the metric by which runs are
// judged. Without other terms it follows the runs that are at work, and those that begin later. See
// Board for what it shows.
//
// A term or a folder that is not understood is reported on standard error; Board.Show returns the error.
func Watch(terms ...string) {
	folder, err := Find()
	var b *Board
	if err == nil {
		b, err = NewBoard(folder, terms...)
	}
	if err == nil {
		err = b.Show(frame.Context())
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
	}
}

// A Board follows the runs of a folder that meet the terms of a query, from the moment that they do: also
// those that begin after it was made. Update reads what was appended to their logs since it was called
// last, and no more. A Board shows as a table: what varies between the runs, how far they are, their
// latest values, the steps in a second of the last 15 seconds, and the time that is left where the number
// of steps is known, from a parameter or a fact named Steps or MaxSteps, or from Epochs and the metric
// epoch. It holds the 50 runs that began last.
//
// Its methods are for one goroutine at a time.
type Board struct {
	folder *Folder
	terms  []string
	query  query
	metric string // of the curves; empty until one is known
	id     string // of its table
	since  time.Time
	here   owner
	curves bool // points of the metric are kept for curves

	listed  time.Time // when the folder was listed
	changed time.Time // and its own time then
	asked   time.Time // when processes were looked for
	seen    map[metric.RunID]bool
	runs    map[metric.RunID]*followed
	left    int // runs that met the query and have no place
}

// A followed run is one on a board, or one that may yet come on it.
type followed struct {
	id     metric.RunID
	agg    *aggregate
	size   int64     // of the log when it was read
	when   time.Time // and its time
	sum    Summary   // as of the last look
	on     bool      // it met the query
	marks  []mark    // steps and their times, of the last seconds
	xs, ys []float64 // points of the metric that are not drawn yet
	anew   bool      // the curve is to be drawn anew, because points became void
	told   state
}

// A mark says when a step was.
type mark struct {
	step metric.Step
	time int64 // Unix, nanoseconds
}

// A state is what News told of a run last.
type state struct {
	State
	points int
	when   time.Time
}

// NewBoard returns a board of the runs in folder that meet every term, see Watch.
func NewBoard(folder *Folder, terms ...string) (*Board, error) {
	b := &Board{folder: folder, since: time.Now(), here: self(), id: "board-" + rand.Text()}
	for _, term := range strings.Fields(strings.Join(terms, " ")) {
		if name, ok := strings.CutPrefix(term, "metric:"); ok {
			b.metric = name
			continue
		}
		b.terms = append(b.terms, term)
	}
	var err error
	b.query, err = parseQuery(b.terms)
	return b, err
}

// Update reads what is new in the folder, and reports whether that changed what the board shows.
func (b *Board) Update() (changed bool, err error) {
	now := time.Now()
	if err := b.list(now); err != nil {
		return false, fmt.Errorf("worklog: watch %s: %w", b.folder.path, err)
	}
	ask := now.Sub(b.asked) >= aliveEvery
	if ask {
		b.asked = now
	}
	for id, f := range b.runs {
		news := b.look(f)
		if f.agg == nil || !news && !(ask && f.sum.State == Running && !f.agg.Owner.alive(b.here, f.sum.Ended, now)) {
			continue
		}
		f.sum = f.agg.now(b.here, now)
		f.on = f.on || b.matches(f.sum, now)
		changed = changed || f.on
		if !f.on && f.sum.State != Running {
			delete(b.runs, id)
		}
	}
	b.limit()
	if b.metric == "" && b.choose() {
		for _, f := range b.runs { // now that it is known which points make the curves
			f.agg, f.size = nil, -1
			b.look(f)
		}
	}
	return changed, nil
}

// list takes up the runs that came into the folder since the last time.
func (b *Board) list(now time.Time) error {
	info, err := os.Stat(b.folder.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no run was begun yet
	}
	if err != nil {
		return err
	}
	// A clock that ticks slowly may give two changes one time, and that of another machine may lag.
	quiet := info.ModTime().Equal(b.changed) && now.Sub(b.changed) > 2*time.Second && now.Sub(b.listed) < 30*time.Second
	if b.seen != nil && quiet {
		return nil
	}
	ids, err := b.folder.ids()
	if err != nil {
		return err
	}
	first := b.seen == nil
	if first {
		b.seen, b.runs = map[metric.RunID]bool{}, map[metric.RunID]*followed{}
	}
	young := metric.RunID(now.Add(-10 * time.Second).UTC().Format(idTime)) // its log may have no start yet
	for _, id := range ids {
		if !b.seen[id] && (!first || id >= young) {
			b.runs[id] = &followed{id: id}
		}
		b.seen[id] = true
	}
	b.listed, b.changed = now, info.ModTime()
	if first {
		return b.begin()
	}
	return nil
}

// begin takes up the runs that are there when the board is made: those that meet the query, and those that
// may yet.
func (b *Board) begin() error {
	running, err := b.folder.Runs("state:running")
	if err != nil && len(running) == 0 {
		return err
	}
	met := running
	if len(b.terms) > 0 {
		if met, err = b.folder.Runs(b.terms...); err != nil && len(met) == 0 {
			return err
		}
	}
	busy := map[metric.RunID]bool{}
	for _, r := range running {
		b.seen[r.id], b.runs[r.id], busy[r.id] = true, &followed{id: r.id}, true
	}
	for i, r := range met {
		b.seen[r.id] = true
		switch {
		case i < maxFollowed:
			b.runs[r.id] = &followed{id: r.id, on: true, sum: r.Summary()}
		case !busy[r.id]:
			delete(b.runs, r.id)
			b.left++
		}
	}
	b.choose()
	return nil
}

// matches reports whether a run belongs on the board.
func (b *Board) matches(s Summary, now time.Time) bool {
	if len(b.terms) == 0 {
		return s.State == Running || s.Began.After(b.since)
	}
	return b.query.match(s.facts(), now)
}

// look reads what was appended to the log of f, and reports whether there was anything.
func (b *Board) look(f *followed) bool {
	info, err := os.Stat(b.folder.log(f.id))
	if err != nil || info.Size() == f.size && info.ModTime().Equal(f.when) {
		return false // of a log that is gone the board keeps what it knows
	}
	file, err := os.Open(b.folder.log(f.id))
	if err != nil {
		return false
	}
	defer file.Close()
	if f.agg == nil || info.Size() < f.agg.Offset {
		f.restart(nil)
	}
	tap := func(p point) { f.take(p, b.metric, b.curves) }
	err = f.agg.read(file, tap)
	for errors.Is(err, errRescan) {
		f.restart(f.agg.Cuts)
		err = f.agg.read(file, tap)
	}
	f.size, f.when = info.Size(), info.ModTime()
	if err != nil || f.agg.Summary.ID == "" {
		f.size = -1 // to be looked at again
		return false
	}
	f.agg.Summary.Damage = max(0, f.size-f.agg.Offset)
	return true
}

// restart forgets what was read of a log, but for the cuts that are known.
func (f *followed) restart(cuts []cut) {
	f.anew = f.anew || f.agg != nil
	f.agg, f.marks, f.xs, f.ys = &aggregate{Cuts: cuts}, nil, nil, nil
}

// take keeps of a point what a board shows beside the summary.
func (f *followed) take(p point, name string, curves bool) {
	if n := len(f.marks); n == 0 || p.step > f.marks[n-1].step && p.time-f.marks[n-1].time > int64(rateMemory)/50 {
		old := 0
		for old < n-1 && p.time-f.marks[old].time > int64(rateMemory) {
			old++
		}
		f.marks = append(f.marks[:copy(f.marks, f.marks[old:])], mark{p.step, p.time})
	}
	if curves && p.name == name {
		f.xs, f.ys = append(f.xs, float64(p.step)), append(f.ys, p.value())
	}
}

// limit takes the oldest runs off a board that is full, first those that have ended.
func (b *Board) limit() {
	on := b.shown()
	slices.SortStableFunc(on, func(x, y *followed) int {
		return cmp.Compare(rank(x.sum.State), rank(y.sum.State))
	})
	for _, f := range on[min(len(on), maxFollowed):] {
		delete(b.runs, f.id)
		b.left++
	}
}

// rank puts runs at work first.
func rank(s State) int {
	if s == Running {
		return 0
	}
	return 1
}

// shown returns the runs on the board, those that began last first.
func (b *Board) shown() []*followed {
	var on []*followed
	for _, f := range b.runs {
		if f.on && f.agg != nil {
			on = append(on, f)
		}
	}
	slices.SortFunc(on, func(x, y *followed) int {
		return cmp.Or(y.sum.Began.Compare(x.sum.Began), cmp.Compare(y.id, x.id))
	})
	return on
}

// choose chooses the metric of the curves as soon as a run has one, and reports whether it did.
func (b *Board) choose() bool {
	var sums []Summary
	for _, f := range b.runs {
		if f.on {
			sums = append(sums, f.sum)
		}
	}
	if all := names(sums); b.metric == "" && len(all) > 0 {
		b.metric = all[0]
		return true
	}
	return false
}

// States returns how many runs on the board are in each state.
func (b *Board) States() map[State]int {
	n := map[State]int{}
	for _, f := range b.shown() {
		n[f.sum.State]++
	}
	return n
}

// over reports whether there are runs on the board, and none is at work.
func (b *Board) over() bool {
	n := b.States()
	return len(n) > 0 && n[Running] == 0
}

// Show shows the board and the curves in the running cell and follows the runs, until all that are on it
// have ended or ctx is cancelled, of which it returns the error. What it leaves behind is a table and a
// picture. Outside of a notebook it prints both in the end.
func (b *Board) Show(ctx context.Context) error {
	b.curves = true
	v := view{board: b}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var idle time.Time // since when no run is at work
	for first := true; ; first = false {
		changed, err := b.Update()
		if err != nil {
			return errors.Join(err, v.close())
		}
		if changed || first {
			v.show(false)
		}
		now := time.Now()
		switch {
		case !b.over():
			idle = time.Time{}
		case first:
			return v.close()
		case idle.IsZero():
			idle = now
		case now.Sub(idle) > betweenRuns:
			return v.close()
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), v.close())
		case <-ticker.C:
		}
	}
}

// A view is a board on the page.
type view struct {
	board *Board
	table *display.Handle
	live  *chart.Live
}

// show brings the table up to date, and draws the points that are new. Outside of a notebook only the
// last table is shown.
func (v *view) show(last bool) {
	if frame.Attached() != nil || last {
		if v.table == nil {
			v.table = display.Show(v.board)
		} else {
			v.table.Update(v.board)
		}
	}
	on := v.board.shown()
	for i := len(on) - 1; i >= 0; i-- { // as Curves has them
		f := on[i]
		label := f.sum.Name + " " + shortID(f.sum)
		if len(f.xs) > 0 && v.live == nil {
			c := chart.Line(v.board.metric).X("step").Y(v.board.metric).Edit(scrolled)
			v.live = chart.NewLive(c.Points(min(2000, max(120, boardPoints/len(on)))))
		}
		if f.anew && v.live != nil {
			v.live.Drop(label)
		}
		for k, x := range f.xs {
			v.live.Append(label, x, f.ys[k])
		}
		f.xs, f.ys, f.anew = f.xs[:0], f.ys[:0], false
	}
}

// close leaves what a notebook keeps.
func (v *view) close() error {
	v.show(true)
	if v.live == nil {
		return v.table.Err()
	}
	return errors.Join(v.table.Err(), v.live.Close())
}

// HTML returns the table for a page.
func (b *Board) HTML() string { return b.grid().HTML() }

// String returns the table as text.
func (b *Board) String() string { return b.grid().Text() }

// pace returns how many steps f makes in all, how many in a second, and the time that it needs for the
// rest; each is 0 if it is not known.
func (f *followed) pace() (total int, rate float64, left time.Duration) {
	total = f.sum.total()
	if n := len(f.marks); n > 1 && f.sum.State == Running {
		first, last := f.marks[0], f.marks[n-1]
		rate = float64(last.step-first.step) / time.Duration(last.time-first.time).Seconds()
	}
	switch done := f.sum.passed(); {
	case rate <= 0:
	case total > f.agg.Top:
		left = seconds(float64(total-f.agg.Top) / rate)
	case total == 0 && done > 0 && done < 1:
		left = seconds(float64(f.agg.Top) * (1 - done) / done / rate)
	}
	return total, rate, left
}

func seconds(s float64) time.Duration { return time.Duration(min(s, 1e9) * float64(time.Second)) }

// total returns the number of steps that a run is to make, or 0.
func (s Summary) total() int {
	for name, value := range s.Env.Facts {
		if isTotal(name) {
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				return n
			}
		}
	}
	for _, p := range s.Params {
		if n, ok := p.Int(); ok && n > 0 && isTotal(p.Path) {
			return int(n)
		}
	}
	return 0
}

func isTotal(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch strings.ToLower(strings.ReplaceAll(last, "_", "")) {
	case "steps", "maxsteps", "totalsteps", "iterations":
		return true
	}
	return false
}

// passed returns the part of its epochs that a run has behind it, or 0.
func (s Summary) passed() float64 {
	epoch, ok := s.Metric("epoch")
	if !ok {
		return 0
	}
	for _, p := range s.Params {
		if n, ok := p.Float(); ok && n > 0 && strings.EqualFold(p.Path[strings.LastIndexByte(p.Path, '.')+1:], "epochs") {
			return epoch.Last.Value / n
		}
	}
	return 0
}

// News returns a line for each run on the board whose state changed since the last call, and one for each
// that has new points and was not told of for a time.
func (b *Board) News(every time.Duration) []string {
	var lines []string
	now := time.Now()
	for _, f := range slices.Backward(b.shown()) {
		s := f.sum
		if f.told.State == s.State && (f.told.points == s.Points || now.Sub(f.told.when) < every) {
			continue
		}
		f.told = state{s.State, s.Points, now}
		lines = append(lines, f.line(b.metric))
	}
	return lines
}

// line tells f in one line.
func (f *followed) line(metric string) string {
	s := f.sum
	parts := []string{time.Now().Format(time.TimeOnly), shortID(s), s.Name, stateCell(s).Text}
	total, rate, left := f.pace()
	if s.Points > 0 {
		step := "step " + strconv.Itoa(f.agg.Top)
		if total > 0 {
			step += "/" + strconv.Itoa(total)
		}
		parts = append(parts, step)
	}
	if m, ok := s.Metric(metric); ok {
		parts = append(parts, metric+" "+number(m.Last.Value))
	}
	if rate > 0 {
		parts = append(parts, strconv.FormatFloat(rate, 'g', 3, 64)+" steps/s")
	}
	if left > 0 {
		parts = append(parts, took(left)+" left")
	}
	return strings.Join(parts, "  ")
}

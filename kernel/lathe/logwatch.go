package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lathe-go/lathe/pkg/worklog"
)

const (
	watchEvery = 500 * time.Millisecond
	newsEvery  = 10 * time.Second // between two lines about one run, where the table cannot be drawn again
)

// logWatch follows runs until it is interrupted: in a terminal as a table that stays in its place, else
// line by line.
func logWatch(ctx context.Context, c logCall) error {
	board, err := worklog.NewBoard(c.folder, c.words...)
	if err != nil {
		return err
	}
	tell := func() { fmt.Fprint(c.stdout, lines(board.News(newsEvery))) }
	if file, ok := c.stdout.(*os.File); ok {
		if _, _, tty := terminalSize(file); tty {
			s := screen{out: file}
			tell = func() { s.draw(board.String()) }
		}
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if _, err := board.Update(); err != nil {
			return err
		}
		tell()
		select {
		case <-ctx.Done():
			return nil // Ctrl-C is how it ends
		case <-ticker.C:
		}
	}
}

// lines ends each line.
func lines(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}

// A screen draws a text over the one before.
type screen struct {
	out    *os.File
	height int    // lines that are drawn
	last   string // what they say
}

// draw draws as much of text as the terminal has room for.
func (s *screen) draw(text string) {
	columns, rows, _ := terminalSize(s.out)
	all := fit(strings.Split(strings.TrimRight(text, "\n"), "\n"), columns, rows-1)
	text = lines(all)
	if text == s.last {
		return
	}
	var b strings.Builder
	if s.height > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", s.height) // up to the first line
	}
	b.WriteString("\x1b[J" + text) // what was there is wiped
	io.WriteString(s.out, b.String())
	s.height, s.last = len(all), text
}

// fit cuts lines to a width, and leaves some out so that there are not more than height; the last, which
// counts the runs, stays.
func fit(all []string, width, height int) []string {
	if height >= 3 && len(all) > height {
		hidden := len(all) - height + 1
		rest := append([]string{fmt.Sprintf("… %d more lines; a taller window shows them", hidden)}, all[len(all)-1])
		all = append(all[:height-2:height-2], rest...)
	}
	for i, line := range all {
		if letters := []rune(line); width > 1 && len(letters) > width {
			all[i] = string(letters[:width-1]) + "…"
		}
	}
	return all
}

// terminalSize returns the size of the terminal that file is, or false if it is none.
func terminalSize(file *os.File) (columns, rows int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, false
	}
	return int(size.Col), int(size.Row), true
}

package figure

import (
	"sync"
	"time"
)

const (
	freshFor = 10 * time.Second // a live chart is drawn again after this long
	maxLive  = 64               // live charts whose pictures are kept
)

// A liveSet keeps the last picture of each live chart: what a page shows where no script runs.
type liveSet struct {
	mu    sync.Mutex
	clock func() time.Time
	last  map[string]livePicture
}

type livePicture struct {
	svg   string
	drawn time.Time
}

func newLiveSet(clock func() time.Time) liveSet {
	return liveSet{clock: clock, last: map[string]livePicture{}}
}

func (l *liveSet) recent(id string) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.last[id]
	return p.svg, ok && l.clock().Sub(p.drawn) < freshFor
}

func (l *liveSet) keep(id, svg string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.last) >= maxLive {
		oldest := ""
		for k, p := range l.last {
			if oldest == "" || p.drawn.Before(l.last[oldest].drawn) {
				oldest = k
			}
		}
		delete(l.last, oldest)
	}
	l.last[id] = livePicture{svg, l.clock()}
}

func (l *liveSet) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.last, id)
}

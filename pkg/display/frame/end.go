package frame

import (
	"slices"
	"sync"
)

// ends are the functions that wait for the end of a cell, with who has asked.
var ends struct {
	sync.Mutex
	wait []ending
}

type ending struct {
	key any
	f   func()
}

// AtEnd has f called when a cell ends, before anyone is told that it has: whoever shows something a little
// later, so as not to show it too often, must not be too late. It is called once, and takes the place of an f
// that key waits with already. Outside a notebook no cell ends.
func AtEnd(key any, f func()) {
	if Attached() == nil {
		return
	}
	ends.Lock()
	defer ends.Unlock()
	ends.wait = slices.DeleteFunc(ends.wait, func(e ending) bool { return e.key == key })
	ends.wait = append(ends.wait, ending{key, f})
}

// End calls the functions that wait for the end of a cell. The worker calls it.
func End() {
	ends.Lock()
	wait := ends.wait
	ends.wait = nil
	ends.Unlock()
	for _, e := range wait {
		Guard(e.f)
	}
}

package session

import (
	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/compose"
)

// A View is what the names in a next cell would mean. It never changes.
type View struct {
	World    compose.World
	Imports  *compose.Imports // of the cells so far
	Packages build.Exports    // what a cell may import
	Module   string           // the folder of the notebook's module, or ""
}

// View returns the session's state between two cells.
func (s *Session) View() View {
	s.turn.Lock()
	defer s.turn.Unlock()
	return View{World: s.live, Imports: s.inherited, Packages: s.builder.Exports(), Module: s.opts.Module}
}

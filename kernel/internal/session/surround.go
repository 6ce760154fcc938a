package session

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/rt/control"
)

// Setenv sets an environment variable of the worker, and of one that may take its place.
func (s *Session) Setenv(ctx context.Context, name, value string) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if err := s.surround(ctx, control.Execute{Env: []string{name + "=" + value}}); err != nil {
		return err
	}
	env := slices.DeleteFunc(slices.Clone(s.opts.Env), func(v string) bool { return strings.HasPrefix(v, name+"=") })
	s.opts.Env = append(env, name+"="+value)
	return nil
}

// Chdir sets the working directory of the worker, and of one that may take its place.
func (s *Session) Chdir(ctx context.Context, dir string) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if err := s.surround(ctx, control.Execute{Dir: dir}); err != nil {
		return err
	}
	s.opts.Dir = dir
	return nil
}

// surround changes the surroundings of the worker. It is the caller's turn.
func (s *Session) surround(ctx context.Context, req control.Execute) error {
	done, _, err := s.worker.Execute(ctx, loadNumber, req)
	if err == nil && done.Status != control.OK {
		err = errors.New(done.Panic.Text)
	}
	return err
}

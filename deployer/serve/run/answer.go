package run

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
)

// Whoever decides must not wait for a Docker that hangs: it would see neither the
// end of a pause nor its command. What it wants to know is asked in the background,
// and until the answer is there it does as if Docker could not tell.

// answerWait is for how long to wait for an answer; most take milliseconds.
const answerWait = 250 * time.Millisecond

// ErrNoAnswer says so.
var ErrNoAnswer = errors.New("docker has not answered yet")

// question is one that was asked and not answered yet.
type question[T any] struct {
	pending chan answer[T]
	left    chan struct{} // closed when nobody waits for the answer any more
}

type answer[T any] struct {
	value T
	err   error
}

// ask waits a moment for the answer that get gives. One that takes longer is
// that of the next call, and told by changed.
func (q *question[T]) ask(get func() (T, error), changed func()) (value T, err error) {
	if q.pending == nil {
		pending, left := make(chan answer[T], 1), make(chan struct{})
		q.pending, q.left = pending, left
		go func() {
			v, err := get()
			pending <- answer[T]{v, err}
			select {
			case <-left:
				changed()
			default:
			}
		}()
	}
	wait := time.NewTimer(answerWait)
	defer wait.Stop()
	select {
	case a := <-q.pending:
		q.pending = nil
		return a.value, a.err
	case <-wait.C:
	}
	select {
	case <-q.left:
	default:
		close(q.left)
	}
	select {
	case a := <-q.pending: // in the last moment, before it was known that nobody waits
		q.pending = nil
		return a.value, a.err
	default:
		return value, ErrNoAnswer
	}
}

// Inspect describes the container with that name or id.
func (s *Containers) Inspect(ctx context.Context, name string) (docker.Container, error) {
	q := s.inspects[name]
	if q == nil {
		q = &question[docker.Container]{}
		if s.inspects == nil {
			s.inspects = map[string]*question[docker.Container]{}
		}
		s.inspects[name] = q
	}
	return q.ask(func() (c docker.Container, err error) {
		err = s.With(ctx, func(ctx context.Context, e Engine) error {
			c, err = e.Inspect(ctx, name)
			return err
		})
		return c, err
	}, s.Changed)
}

// InOther lists the containers of the app's other slot.
func (s *Containers) InOther(ctx context.Context) ([]docker.Container, error) {
	other := s.Slot.Other()
	return s.lists.ask(func() (found []docker.Container, err error) {
		err = s.With(ctx, func(ctx context.Context, e Engine) error {
			found, err = e.List(ctx, map[string]string{label.App: other.App, label.Slot: other.Color}, true)
			return err
		})
		return found, err
	}, s.Changed)
}

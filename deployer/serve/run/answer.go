package run

import (
	"context"
	"errors"
	"sync/atomic"
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
type question struct {
	answer chan answer
	left   atomic.Bool // nobody waits for the answer any more
}

type answer struct {
	found []docker.Container
	err   error
}

// ask waits a moment for the answer that get gives. One that takes longer is
// that of the next call of this name, and told by Changed.
func (s *Containers) ask(ctx context.Context, name string, get func(context.Context, Engine) ([]docker.Container, error)) ([]docker.Container, error) {
	q := s.questions[name]
	if q == nil {
		q = &question{answer: make(chan answer, 1)}
		if s.questions == nil {
			s.questions = map[string]*question{}
		}
		s.questions[name] = q
		go func() {
			var a answer
			a.err = s.With(ctx, func(ctx context.Context, e Engine) (err error) {
				a.found, err = get(ctx, e)
				return err
			})
			q.answer <- a
			if q.left.Load() {
				s.Changed()
			}
		}()
	}
	select {
	case a := <-q.answer:
		delete(s.questions, name)
		return a.found, a.err
	case <-time.After(answerWait):
	}
	q.left.Store(true)
	select {
	case a := <-q.answer: // in the last moment, before it was known that nobody waits
		delete(s.questions, name)
		return a.found, a.err
	default:
		return nil, ErrNoAnswer
	}
}

// Inspect describes the container with that name or id.
func (s *Containers) Inspect(ctx context.Context, name string) (docker.Container, error) {
	found, err := s.ask(ctx, "inspect "+name, func(ctx context.Context, e Engine) ([]docker.Container, error) {
		c, err := e.Inspect(ctx, name)
		return []docker.Container{c}, err
	})
	if err != nil {
		return docker.Container{}, err
	}
	return found[0], nil
}

// InOther lists the containers of the app's other slot.
func (s *Containers) InOther(ctx context.Context) ([]docker.Container, error) {
	other := s.Slot.Other()
	return s.ask(ctx, "list", func(ctx context.Context, e Engine) ([]docker.Container, error) {
		return e.List(ctx, map[string]string{label.App: other.App, label.Slot: other.Color}, true)
	})
}

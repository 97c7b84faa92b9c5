package serve

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/docker"
)

// The keeper must not wait for a Docker that hangs: it would see neither the end
// of a pause nor its command. What it wants to know is asked in the background,
// and until the answer is there it does as if Docker could not tell.

// answerWait is for how long the keeper waits for an answer; most take milliseconds.
const answerWait = 250 * time.Millisecond

var errNoAnswer = errors.New("docker has not answered yet")

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
// that of the next call, for which it pokes the keeper.
func (q *question[T]) ask(get func() (T, error), changes chan<- struct{}) (value T, err error) {
	if q.pending == nil {
		pending, left := make(chan answer[T], 1), make(chan struct{})
		q.pending, q.left = pending, left
		go func() {
			v, err := get()
			pending <- answer[T]{v, err}
			select {
			case <-left:
				poke(changes)
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
		return value, errNoAnswer
	}
}

// inspect describes the container with that name or id.
func (k *keeper) inspect(ctx context.Context, name string) (docker.Container, error) {
	q := k.inspects[name]
	if q == nil {
		q = &question[docker.Container]{}
		if k.inspects == nil {
			k.inspects = map[string]*question[docker.Container]{}
		}
		k.inspects[name] = q
	}
	return q.ask(func() (c docker.Container, err error) {
		err = k.withEngine(ctx, func(ctx context.Context, e engine) error {
			c, err = e.Inspect(ctx, name)
			return err
		})
		return c, err
	}, k.changes)
}

// list are the other slot's containers.
func (k *keeper) list(ctx context.Context, labels map[string]string) ([]docker.Container, error) {
	return k.lists.ask(func() (found []docker.Container, err error) {
		err = k.withEngine(ctx, func(ctx context.Context, e engine) error {
			found, err = e.List(ctx, labels, true)
			return err
		})
		return found, err
	}, k.changes)
}

// withEngine makes one call to Docker, with a deadline of its own.
func (k *keeper) withEngine(ctx context.Context, call func(context.Context, engine) error) error {
	return limited(ctx, callLimit, func(ctx context.Context) error {
		e, err := k.host.engine(ctx)
		if err != nil {
			return err
		}
		return call(ctx, e)
	})
}

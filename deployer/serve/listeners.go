package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"edgeman/deployer/serve/carry"
	"edgeman/sockets"
	"edgeman/sockets/count"
	"edgeman/sockets/relay"
)

// listener is what the keeper asks of one of the slot's listening sockets, beside
// what carries its connections.
type listener interface {
	carry.Listener
	Accept(ctx context.Context) (*relay.Conn, error)
	Queue() (count.Queue, error)
	Relisten(backlog int) error
	SetBlocking(on bool) error
	Path() string
	Alive() bool
	AwaitDeath(ctx context.Context) error
	AwaitConnection(ctx context.Context) error
}

// listeners are all of the slot's; none if its service was not started by its
// socket unit, which then has nothing to do.
type listeners []listener

// asListeners are those that systemd has passed.
func asListeners(all []*sockets.Listener) (ls listeners) {
	for _, l := range all {
		ls = append(ls, l)
	}
	return ls
}

// carried are the listeners for those who only accept.
func (ls listeners) carried() (out []carry.Listener) {
	for _, l := range ls {
		out = append(out, l)
	}
	return out
}

// lost tells what has become of the one that is dead.
func (ls listeners) lost() string {
	for _, l := range ls {
		if _, err := os.Lstat(l.Path()); errors.Is(err, fs.ErrNotExist) {
			return "removed from " + filepath.Dir(l.Path())
		}
	}
	return "shut down by a process that holds it"
}

// pending is how many connections wait in their queues.
func (ls listeners) pending() (sum int, err error) {
	for _, l := range ls {
		n, unread := l.Pending()
		sum, err = sum+n, errors.Join(err, unread)
	}
	return sum, err
}

func (ls listeners) setBlocking(on bool) (err error) {
	for _, l := range ls {
		err = errors.Join(err, l.SetBlocking(on))
	}
	return err
}

// waits are one kind of wait, for each of them.
func (ls listeners) waits(kind func(listener, context.Context) error) (out []func(context.Context) error) {
	for _, l := range ls {
		out = append(out, func(ctx context.Context) error { return kind(l, ctx) })
	}
	return out
}

// inOrder are the passed listeners of those names.
func inOrder(all []*sockets.Listener, names []string) (out []*sockets.Listener, err error) {
	for _, name := range names {
		i := slices.IndexFunc(all, func(l *sockets.Listener) bool { return l.Name() == name })
		if i < 0 {
			return nil, fmt.Errorf("the slot's socket unit has no listener %s", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

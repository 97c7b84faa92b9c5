package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/hint"
	"edgeman/deployer/poll"
	"edgeman/sockets"
)

// ErrLocked is returned when another command works on the app.
var ErrLocked = errors.New("another command is at work")

const (
	lockPoll      = 25 * time.Millisecond
	lockLeast     = 200 * time.Millisecond // a slot's service that only asks holds the lock for a moment
	stateDeadline = 10 * time.Second       // state.lock is held for milliseconds
	lockSize      = 512                    // one write, so that a reader sees all of it
)

// Holder is what the holder of an app's lock says of itself.
type Holder struct {
	Operation string    `json:"operation"`
	Slot      string    `json:"slot,omitempty"` // the candidate, while there is one
	PID       int       `json:"pid"`
	Boot      string    `json:"boot"`
	Since     time.Time `json:"since"`
}

// Lock is an app's lock, or the host's, held by one command for its whole run.
// The kernel frees it when its holder dies. Not safe for concurrent use.
type Lock struct {
	file   *os.File
	holder Holder
	remove bool // the file, when it is unlocked
}

// TakeLock takes the app's lock, waiting at most wait for another command to
// end, and a fifth of a second in any case. The error is ErrLocked, with the
// holder's name in it, when it did not, and ctx's cause when ctx has ended.
func (p Paths) TakeLock(ctx context.Context, app, operation string, wait time.Duration) (*Lock, error) {
	l, err := takeLock(ctx, filepath.Join(p.App(app), "lock"), app, operation, wait)
	if errors.Is(err, os.ErrNotExist) { // released by the command that was waited for
		return nil, NoApp(app)
	}
	if err != nil {
		return nil, err
	}
	if err := p.sweep(app); err != nil {
		l.Unlock()
		return nil, err
	}
	return l, nil
}

// LockHost is TakeLock for what must not meet on one host: installing, removing
// and adopting.
func (p Paths) LockHost(ctx context.Context, operation string, wait time.Duration) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(p.Run), 0o755); err != nil {
		return nil, err
	}
	// It lies beside the directories of which uninstall leaves nothing.
	l, err := takeLock(ctx, p.Run+".lock", "this host", operation, wait)
	if err != nil {
		return nil, err
	}
	l.remove = true
	return l, nil
}

func takeLock(ctx context.Context, path, what, operation string, wait time.Duration) (*Lock, error) {
	waiting, cancel := context.WithTimeout(ctx, max(wait, lockLeast))
	defer cancel()
	f, err := lockAt(waiting, path)
	if err != nil {
		defer f.Close()
		switch {
		case f == nil:
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded):
			holder := readHolder(f)
			return nil, hint.New("wait for it, or give more time with --wait", "%s: %w: edgeman %s (pid %d, for %s)",
				what, ErrLocked, holder.Operation, holder.PID, time.Since(holder.Since).Round(time.Second))
		}
		return nil, fmt.Errorf("locking %s: %w", what, err)
	}
	l := &Lock{file: f, holder: Holder{Operation: operation, PID: os.Getpid(), Boot: bootID(), Since: time.Now()}}
	if err := l.write(); err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

// Candidate says which slot this command is filling, so that the slot's service
// knows that somebody waits for it. The zero slot says that there is none.
func (l *Lock) Candidate(s sockets.Slot) error {
	l.holder.Slot = ""
	if s != (sockets.Slot{}) {
		l.holder.Slot = s.String()
	}
	return l.write()
}

// Unlock lets the next command in. It may be called twice.
func (l *Lock) Unlock() {
	if l.remove { // while it is held: nobody else's is removed
		_ = os.Remove(l.file.Name())
		l.remove = false
	}
	l.file.Close()
}

func (l *Lock) write() error {
	data, err := json.Marshal(l.holder)
	if err != nil {
		return err
	}
	data = append(data, bytes.Repeat([]byte(" "), max(0, lockSize-len(data)))...)
	if _, err := l.file.WriteAt(data, 0); err != nil {
		return fmt.Errorf("writing the lock: %w", err)
	}
	return nil
}

// LockHolder is the command that works on the app; false if the lock is free.
// It asks the kernel, so a dead holder's words count for nothing.
func (p Paths) LockHolder(app string) (Holder, bool, error) {
	// Read-only: a slot's service watches this file for being closed by a writer,
	// and must not be woken by its own question.
	f, err := os.OpenFile(filepath.Join(p.App(app), "lock"), os.O_RDONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, err
	}
	defer f.Close()
	// A shared lock is enough to ask; commands that meet it try again.
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if err == nil {
		return Holder{}, false, nil
	}
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return Holder{}, false, fmt.Errorf("asking for the lock of %s: %w", app, err)
	}
	return readHolder(f), true, nil
}

// WithState runs change under the app's state lock, which commands and slot
// services alike hold while they change pointers, for milliseconds.
func (p Paths) WithState(ctx context.Context, app string, change func() error) error {
	ctx, cancel := context.WithTimeout(ctx, stateDeadline)
	defer cancel()
	f, err := lockAt(ctx, filepath.Join(p.App(app), "state.lock"))
	if f == nil {
		return fmt.Errorf("locking the state of %s: %w", app, err)
	}
	defer f.Close()
	if err != nil {
		return fmt.Errorf("waiting for the state lock of %s: %w", app, err)
	}
	return change()
}

// The locks are flock(2) itself instead of gofrs/flock, which keeps its descriptor
// to itself: the holder's words go through the one that is locked. Written through
// another, whose close wakes the services that watch for that, they would be taken
// for the end of the command.

// lockAt locks the file at path; with an error, it returns the file that it could
// not lock, or nil. The app may have been removed, and adopted again, while the
// lock of the file that was there before was waited for: that locks nothing.
func lockAt(ctx context.Context, path string) (*os.File, error) {
	for {
		// Close-on-exec, as all files are: a child must not keep its parent's lock.
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, err
		}
		if err := flock(ctx, f); err != nil {
			return f, err
		}
		held, err := f.Stat()
		if err != nil {
			return f, err
		}
		if at, err := os.Stat(path); err == nil && os.SameFile(held, at) {
			return f, nil
		}
		f.Close()
	}
}

func flock(ctx context.Context, f *os.File) error {
	return poll.Until(ctx, poll.DoneDecides, lockPoll, func() (bool, error) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
			return false, nil
		}
		return err == nil, err
	})
}

func readHolder(f *os.File) Holder {
	var h Holder
	buf := make([]byte, 2*lockSize)
	n, _ := f.ReadAt(buf, 0)
	_ = json.Unmarshal(bytes.TrimRight(buf[:n], " \x00"), &h) // an unreadable holder is nameless, not an error
	return h
}

package check

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/hint"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// Records reads the adopted apps from edgeman's state on disk, and takes no
// lock: a swap may be under way. Without root the parts that hold secrets are
// left out. The error joins an *AppError for each app whose records cannot be
// read; the others are returned beside it.
func Records(p state.Paths) func() ([]app, error) {
	return func() ([]app, error) {
		names, err := p.AppNames()
		if err != nil {
			return nil, err
		}
		var out []app
		var unread []error
		for _, name := range names {
			a, err := readApp(p, name)
			if err != nil {
				unread = append(unread, &appError{name, err})
				continue
			}
			out = append(out, a)
		}
		return out, errors.Join(unread...)
	}
}

// appError says why the records of one app cannot be read.
type appError struct {
	App string
	Err error
}

func (e *appError) Error() string { return e.App + ": " + e.Err.Error() }
func (e *appError) Unwrap() error { return e.Err }

func readApp(p state.Paths, name string) (app, error) {
	intent, err := p.ReadApp(name)
	if err != nil {
		return app{}, err
	}
	a := app{
		Name: name, Live: p.Live(name), Strategy: intent.Strategy,
		Drain: time.Duration(intent.Drain.Timeout),
	}
	// A pointer that leads elsewhere is as good as none: nobody serves behind it.
	if live, ok, err := sockets.ReadLive(a.Live); err == nil && ok {
		a.LiveSlot = live.String()
	}
	for _, color := range []string{sockets.Blue, sockets.Green} {
		s, err := readSlot(p, sockets.Slot{App: name, Color: color})
		if err != nil {
			return a, err
		}
		a.Slots = append(a.Slots, s)
	}
	readOperation(p, &a)
	readAdoption(p, &a)
	return a, nil
}

func readSlot(p state.Paths, id sockets.Slot) (slot, error) {
	s := slot{
		Name: id.String(), SocketUnit: id.SocketUnit(), Service: id.ServiceUnit(),
		SocketDir: id.SocketDir(p.Run),
	}
	r, filled, err := p.SlotRelease(id)
	switch {
	case errors.Is(err, fs.ErrPermission):
		_, err := os.Lstat(p.Slot(id))
		s.Filled = err == nil
	case err != nil:
		return s, err
	case filled:
		s.Filled, s.Release, s.Image, s.ImageID = true, r.Number, r.Image, r.ImageID
		s.Containers = r.Containers(id.Color)
	}
	if st, ok, err := p.ReadSlotStatus(id); err == nil && ok {
		s.Phase, s.Message, s.Silent, s.Since, s.Exits = st.Phase, st.Message, st.Silent, st.Since, st.Exits
	}
	if _, err := os.Lstat(p.SlotNext(id)); err == nil {
		s.NextPending = true
	}
	if pause, _, err := p.ReadPause(id); err == nil {
		s.PauseUntil = pause.Until
	}
	return s, nil
}

// readOperation tells a command at work from one that was killed: the lock goes
// with its holder, the journal stays.
func readOperation(p state.Paths, a *app) {
	holder, held, err := p.LockHolder(a.Name)
	if err != nil {
		return
	}
	if held {
		a.Busy, a.BusySince, a.Adopting = holder.Operation, holder.Since, holder.Operation == "adopt"
		return
	}
	if op, ok, err := p.ReadOperation(a.Name); err == nil && ok {
		a.Interrupted, a.Adopting = fmt.Sprintf("%s at step %q", op.Name, op.Step), op.Name == "adopt"
	}
}

// readAdoption reads the way back: which files were edited and how, and the
// containers that were there before.
func readAdoption(p state.Paths, a *app) {
	record, err := adoption.Read(p, a.Name)
	if err == nil && record.Plan == nil {
		err = errors.New("adoption.json holds no plan")
	}
	if errors.Is(err, fs.ErrPermission) {
		return
	}
	if err != nil {
		a.Missing = err.Error()
		return
	}
	a.Sites, a.Edits = record.Sites, record.Plan.Files
	a.OriginalImage, a.OriginalImageID = record.Image, record.ImageID
	if record.Container != "" {
		a.Originals = record.Originals()
		if record.Beside {
			a.Originals = nil // they are to run
		}
	}
	for _, f := range a.Edits {
		if f.AfterSum != hexSum(f.After) || f.BeforeSum != hexSum(f.Before) {
			a.Missing = "the stored bytes of " + f.Path + " are damaged"
		}
	}
	for i := range record.Originals() {
		inspect, err := adoption.ReadInspect(p, a.Name, i)
		if err == nil && !json.Valid(inspect) {
			err = errors.New("the adopted container's settings are damaged")
		}
		if err != nil {
			a.Missing = err.Error()
		}
	}
}

// recordsHint is what to do about records that cannot be read: what err says
// itself, if it does.
func recordsHint(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "run it as root"
	}
	return cmp.Or(strings.Join(hint.Of(err), "; "), "edgeman status")
}

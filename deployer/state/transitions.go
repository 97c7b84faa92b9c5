package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"edgeman/sockets"
)

// What commands and the slots' services do to an app's slots and its live
// pointer. They meet in nothing but these files, so the order of the writes is
// what either side may rely on: killed between any two of them, the live pointer
// leads to a slot that serves, and the next command, or the service itself,
// finishes or undoes the rest. Each write has reached the disk before the next
// begins, but for what lies in Run, which no reboot leaves.

// ErrLive is returned when the slot that users reach would be emptied.
var ErrLive = errors.New("is live")

// Fill makes an empty slot run a release from its next start on, with requests
// held back if hold has a reason. The caller holds the app's lock, which names
// the slot as its candidate.
//
//  1. What the slot's last service said, the terms of its end, and what was asked
//     of it are forgotten.
//  2. hold is written.
//  3. The slot's link is written: its socket may start.
//
// Killed before 3, the slot is as empty as it was, and the next Fill begins with
// 1 again. Killed after it, the slot is a candidate whose lock is free: its
// service retires it.
func (p Paths) Fill(s sockets.Slot, number int, hold Pause) error {
	if err := errors.Join(p.clearSlotStatus(s), p.Forget(s)); err != nil {
		return err
	}
	if hold.Reason != "" {
		if err := p.SetPause(s, hold); err != nil {
			return err
		}
	}
	return p.FillSlot(s, number)
}

// Forget drops what was asked of a slot whose service is gone, or about to go: it
// would hold for the next release in that slot. These are single files that
// count for nothing while the slot is empty; killed between two of them, the next
// Fill drops the rest.
func (p Paths) Forget(s sockets.Slot) error {
	return errors.Join(p.ClearDrain(s), p.ClearPause(s), p.DropNext(s))
}

// SetLive makes s live where no slot is: for adopt, before nginx knows of the
// pointer, and for repair, when somebody has removed it. It is one rename.
func (p Paths) SetLive(ctx context.Context, s sockets.Slot) error {
	return p.withLive(ctx, s.App, func(live sockets.Slot) error {
		if live != s && live != (sockets.Slot{}) {
			return liveChanged(live)
		}
		return p.switchLive(s)
	})
}

// Switch makes the slot beside from live, which runs release number, and does
// then, if it is not nil, in the same moment.
//
//  1. The terms of from's end are written: whenever its service notices the
//     switch, it finds them.
//  2. The live pointer is renamed.
//  3. then
//
// Killed before 2, from is live as before; terms count only for a slot that is
// not. Killed after it, the other slot serves and from drains by its terms.
func (p Paths) Switch(ctx context.Context, from sockets.Slot, number int, terms Drain, then func() error) error {
	return p.withLive(ctx, from.App, func(live sockets.Slot) error {
		if live != from {
			return liveChanged(live)
		}
		// Whoever empties a slot holds this lock, so what is filled here stays.
		to := from.Other()
		if r, filled, err := p.SlotRelease(to); err != nil {
			return err
		} else if !filled || r.Number != number {
			return fmt.Errorf("%s no longer runs release %d", to, number)
		}
		if err := p.SetDrain(from, terms); err != nil {
			return err
		}
		if err := p.switchLive(to); err != nil || then == nil {
			return err
		}
		return then()
	})
}

// StandIn makes the slot beside s live, which holds requests back, and asks s for
// the release next in the place of number: a Switch that does AskNext's part in
// the same moment, because the service of the other slot gives back at once what
// nobody wants replaced. Killed between the two, it does just that.
func (p Paths) StandIn(ctx context.Context, s sockets.Slot, number, next int, terms Drain) error {
	return p.Switch(ctx, s, number, terms, func() error { return p.SetNext(s, next) })
}

// SwitchBack makes the slot beside from live again, which is filled, if from is
// live and when, unless it is nil, says yes in the same moment. It is one rename.
func (p Paths) SwitchBack(ctx context.Context, from sockets.Slot, when func() (bool, error)) error {
	return p.withLive(ctx, from.App, func(live sockets.Slot) error {
		if live != from {
			return nil
		}
		to := from.Other()
		if _, filled, err := p.SlotRelease(to); err != nil {
			return err
		} else if !filled {
			return fmt.Errorf("%s is empty", to)
		}
		if when != nil {
			if ok, err := when(); err != nil || !ok {
				return err
			}
		}
		return p.switchLive(to)
	})
}

// AskNext asks the service of s to replace its release in place.
//
//  1. The terms on which the present release ends are written.
//  2. The link to the next release is written: the service begins.
//
// Killed before 2, nothing was asked for. Killed after it, the service sees the
// lock free and drops the link, unless it has proven the release before: either
// way the slot's link names the one that runs.
func (p Paths) AskNext(ctx context.Context, s sockets.Slot, number int, terms Drain) error {
	if err := p.SetDrain(s, terms); err != nil {
		return err
	}
	return p.WithState(ctx, s.App, func() error { return p.SetNext(s, number) })
}

// WithdrawNext takes back what AskNext has asked for, if that is still release
// number; 0 is any. The service goes on with, or back to, the release that the
// slot's link names.
func (p Paths) WithdrawNext(ctx context.Context, s sockets.Slot, number int) error {
	return p.WithState(ctx, s.App, func() error {
		if number > 0 {
			if is, err := p.IsNext(s, number); err != nil || !is {
				return err
			}
		}
		return p.DropNext(s)
	})
}

// Promote makes release proven, which the slot's service has found healthy, the
// slot's own, in one rename; ErrNotNext if it is not asked for any more.
func (p Paths) Promote(ctx context.Context, s sockets.Slot, proven int) error {
	err := p.WithState(ctx, s.App, func() error {
		is, err := p.IsNext(s, proven)
		if err == nil && !is {
			err = ErrNotNext
		}
		if err != nil {
			return err
		}
		return p.change(p.Slot(s), func(link string) error {
			return errors.Join(os.Rename(p.SlotNext(s), link), syncDir(p.Slots()))
		})
	})
	if err != nil {
		return fmt.Errorf("promoting release %d of %s: %w", proven, s, err)
	}
	return nil
}

// Yield makes a slot hold its requests back and stop its container, for one that
// must not run beside it.
//
//  1. The terms on which its connections end are written.
//  2. A replacement that was asked for is taken back: it would not be interrupted.
//  3. The pause is written: the service begins.
//
// Killed before 3, the slot serves as before. Killed after it, requests wait
// until the pause has passed and none of its containers runs any more.
func (p Paths) Yield(ctx context.Context, s sockets.Slot, terms Drain, pause Pause) error {
	if err := p.SetDrain(s, terms); err != nil {
		return err
	}
	if err := p.WithdrawNext(ctx, s, 0); err != nil {
		return err
	}
	return p.SetPause(s, pause)
}

// Empty takes the release of a slot that is not live away, if may, unless it is
// nil, says yes in the same moment: its service then stops the container and goes
// away. It is one removal; the slot's requests stay until the container is gone,
// because they may be what keeps it from running beside another.
func (p Paths) Empty(ctx context.Context, s sockets.Slot, may func() (bool, error)) (emptied bool, err error) {
	err = p.WithState(ctx, s.App, func() error {
		if may != nil {
			if ok, err := may(); err != nil || !ok {
				return err
			}
		}
		live, _, err := sockets.ReadLive(p.Live(s.App))
		if err == nil && live == s {
			err = fmt.Errorf("%s %w", s, ErrLive)
		}
		if err != nil {
			return err
		}
		emptied = true
		return p.EmptySlot(s)
	})
	return emptied, err
}

// TakeDown empties a slot of an app that nginx does not use any more.
//
//  1. The live pointer is removed, if it leads to s.
//  2. The slot's link is removed.
//
// Killed between the two, the slot runs on, unreached, and the next TakeDown
// ends it.
func (p Paths) TakeDown(ctx context.Context, s sockets.Slot) error {
	return p.withLive(ctx, s.App, func(live sockets.Slot) error {
		if live == s {
			if err := p.change(p.Live(s.App), removeFile); err != nil {
				return err
			}
		}
		return p.EmptySlot(s)
	})
}

// EndWarm takes the time that a slot is kept warm from it: its connections keep
// what they have beyond that. It is one write; a slot that is not kept warm stays
// as it is.
func (p Paths) EndWarm(s sockets.Slot) error {
	terms, ok, err := p.ReadDrain(s)
	if err != nil || !ok || terms.WarmUntil.IsZero() {
		return err
	}
	terms.Deadline = time.Now().Add(terms.Deadline.Sub(terms.WarmUntil))
	terms.WarmUntil = time.Time{}
	return p.SetDrain(s, terms)
}

// withLive is WithState for what depends on which slot is live; the zero slot is
// none.
func (p Paths) withLive(ctx context.Context, app string, change func(live sockets.Slot) error) error {
	return p.WithState(ctx, app, func() error {
		live, _, err := sockets.ReadLive(p.Live(app))
		if err != nil {
			return err
		}
		return change(live)
	})
}

func liveChanged(live sockets.Slot) error {
	return fmt.Errorf("the live slot changed to %s meanwhile", live)
}

func (p Paths) switchLive(to sockets.Slot) error {
	return p.change(p.Live(to.App), func(link string) error { return sockets.SwitchLive(link, p.Run, to) })
}

// change makes one change of the files that commands and services meet in.
func (p Paths) change(path string, write func(path string) error) error {
	if p.before != nil {
		if err := p.before(path); err != nil {
			return err
		}
	}
	return write(path)
}

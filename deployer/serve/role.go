package serve

import (
	"cmp"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// role is what a slot is to its app. The live pointer and the app's lock alone
// decide it, so that every process that looks comes to the same answer.
type role string

const (
	live      role = "live"      // the live pointer names it
	candidate role = "candidate" // a command that runs is filling it, or the other slot only takes requests in for it
	retired   role = "retired"   // everything else
)

// candidateGrace is how long a candidate outlives its command: the command may
// have ended well and its last words may not have been read yet.
const candidateGrace = 5 * time.Second

// pointers are what decides about a slot's role.
type pointers struct {
	live   sockets.Slot // the zero slot if there is no live pointer
	relays bool         // the other slot is live only to take requests in for this one
	held   bool         // the app's lock is
	names  string       // the slot that its holder works on
}

// readPointers reads no more than decides.
func readPointers(paths state.Paths, slot sockets.Slot) (p pointers, err error) {
	to, ok, err := sockets.ReadLive(paths.Live(slot.App))
	if err != nil {
		return p, err
	}
	if ok {
		p.live = to
	}
	if p.live == slot {
		return p, nil
	}
	if p.live == slot.Other() {
		pause, _, err := paths.ReadPause(to)
		if p.relays = pause.Reason == state.PauseStandIn; err != nil || p.relays {
			return p, err
		}
	}
	holder, held, err := paths.LockHolder(slot.App)
	p.held, p.names = held, holder.Slot
	return p, err
}

// standing is a slot's role, and what of the past decides about it.
type standing struct {
	role      role
	wasLive   bool      // in this process's time
	freeSince time.Time // the candidate's lock; zero while it is held
}

// next is the standing after those pointers were seen.
func (s standing) next(slot sockets.Slot, p pointers, now time.Time) standing {
	last := cmp.Or(s.role, live)
	switch {
	case p.live == slot:
		return standing{role: live, wasLive: true}
	case p.live == sockets.Slot{} && s.wasLive && last == live:
		return s // somebody removed the pointer; nothing says that another slot serves
	case p.relays:
		s.role = candidate
		return s // whether a command is there or not
	case p.held:
		s.freeSince, s.role = time.Time{}, retired
		if p.names == slot.String() {
			s.role = candidate
		}
		return s
	}
	s.role = retired
	if last == candidate {
		if s.freeSince.IsZero() {
			s.freeSince = now
		}
		if now.Sub(s.freeSince) < candidateGrace {
			s.role = candidate
		}
	}
	return s
}

// look reads the pointers. A question that cannot be answered changes nothing: a
// slot is not retired because a directory could not be read.
func (s standing) look(paths state.Paths, slot sockets.Slot, now time.Time) (standing, error) {
	p, err := readPointers(paths, slot)
	if err != nil {
		s.role = cmp.Or(s.role, live)
		return s, err
	}
	return s.next(slot, p, now), nil
}

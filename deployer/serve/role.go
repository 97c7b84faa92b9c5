package serve

import (
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// role is what a slot is to its app. The live pointer and the app's lock alone
// decide it, so that every process that looks comes to the same answer.
type role string

const (
	live      role = "live"      // the live pointer names it
	candidate role = "candidate" // a command that runs is filling it, or the other slot stands in for it
	retired   role = "retired"   // everything else
)

// candidateGrace is how long a candidate outlives its command: the command may
// have ended well and its last words may not have been read yet.
const candidateGrace = 5 * time.Second

// judge finds a slot's role out. A question that cannot be answered changes
// nothing: a slot is not retired because a directory could not be read.
type judge struct {
	paths state.Paths
	slot  sockets.Slot

	last      role
	served    bool      // it was live in this process's time
	freeSince time.Time // the candidate's lock, zero while it is held
}

func newJudge(paths state.Paths, slot sockets.Slot) *judge {
	return &judge{paths: paths, slot: slot, last: live}
}

func (j *judge) role(now time.Time) (role, error) {
	r, err := j.ask(now)
	if err != nil {
		return j.last, err
	}
	j.last = r
	return r, nil
}

func (j *judge) ask(now time.Time) (role, error) {
	to, ok, err := sockets.ReadLive(j.paths.Live(j.slot.App))
	if err != nil {
		return "", err
	}
	if ok && to == j.slot {
		j.freeSince, j.served = time.Time{}, true
		return live, nil
	}
	if !ok && j.served && j.last == live {
		return live, nil // somebody removed the pointer; nothing says that another slot serves
	}
	if ok && to == j.slot.Other() {
		// It only stands in for this one, whether a command is there or not.
		p, _, err := j.paths.ReadPause(to)
		if err != nil || p.Reason == state.PauseStandIn {
			return candidate, err
		}
	}
	holder, held, err := j.paths.LockHolder(j.slot.App)
	if err != nil {
		return "", err
	}
	if held {
		j.freeSince = time.Time{}
		if holder.Slot == j.slot.String() {
			return candidate, nil
		}
		return retired, nil
	}
	if j.last == candidate {
		if j.freeSince.IsZero() {
			j.freeSince = now
		}
		if now.Sub(j.freeSince) < candidateGrace {
			return candidate, nil
		}
	}
	return retired, nil
}

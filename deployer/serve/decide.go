package serve

import (
	"time"

	"edgeman/deployer/state"
)

// decision is one under way.
type decision struct {
	view
	slotState
	wasHeld bool
	do      []*action
}

func (d *decision) add(a *action) { d.do = append(d.do, a) }

// decide says what is to be done about a slot in state s that looks like v, in
// that order, and the state after that. The actions that can fail or find out
// more, fallAsleep, attach and those that start or stop containers, correct the
// phase themselves.
func decide(v view, s slotState) (slotState, []*action) {
	d := &decision{view: v, slotState: s}
	d.takeRole()
	d.holdOrAdmit()
	d.forward()
	d.giveBack()
	if !d.replace() {
		d.sleepOrWake()
		d.attend()
	}
	return d.slotState, d.do
}

func (d *decision) takeRole() {
	was := d.role
	d.standing = roleIn(d.view, d.slotState)
	if was == d.role {
		return
	}
	d.retiredAt = time.Time{}
	if d.role == retired {
		d.retiredAt = d.now
	}
	d.neverServed = d.role == retired && was == candidate && !d.wasLive
	if was != retired {
		return
	}
	if d.role == live {
		d.add(clearDrain) // it was for the retirement that did not happen
	}
	if d.phase == attended && d.partial {
		d.add(letGo) // all are attended again
		d.phase = unattended
	}
}

// roleIn is the slot's standing in a view.
func roleIn(v view, s slotState) standing {
	if v.roleUnknown {
		if s.role == "" {
			s.role = live
		}
		return s.standing
	}
	return s.next(v.slot, v.pointers, v.now)
}

// holdOrAdmit lets requests wait while a pause says so. Only the deadline inside
// the file counts, so a pause ends by itself, after a reboot too, unless something
// runs that must not run beside the slot's containers.
func (d *decision) holdOrAdmit() {
	kind := fenceIn(d.view, d.role)
	d.wasHeld = d.held()
	switch {
	case d.pauseUnknown, d.role == retired:
		d.hold = admitting
	case kind == noFence:
		d.hold = pausing
	case d.fence != "":
		d.hold = fenced
	default:
		d.hold = admitting
	}
	if kind == relaySlot && d.role == live && d.otherFilled {
		d.add(pointBack)
	}
	// A retired slot can be wanted again, so it keeps its fence.
	if !d.held() && !d.pause.Until.IsZero() && !(d.role == retired && keepsFence(d.pause)) {
		d.add(clearPause)
	}
	d.turnHold()
	if d.held() {
		d.add(closeWebsockets)
	}
}

// turnHold begins or ends the holding back.
func (d *decision) turnHold() {
	if d.wasHeld == d.held() {
		if d.thawing {
			d.add(freezeOrThaw)
		}
		return
	}
	d.holdSince = d.now
	frozen := d.held() && (d.pause.Reason == state.PauseAsked || d.pause.Reason == state.PauseAdopt)
	turned := frozen != d.frozen
	d.frozen = frozen
	switch {
	case d.native && turned:
		d.add(freezeOrThaw)
	case d.native:
	case d.held():
		d.add(holdRequests)
	default:
		d.add(admitRequests)
	}
}

// forward lets what waits go to the containers that the app is given back to:
// the slot's own have stopped, those answer, and nginx still sends everything
// here. The same when an adoption was killed after nginx had been turned: the
// adopted container still runs, and serves until repair.
func (d *decision) forward() {
	p := d.pause
	wanted := d.held() && p.Container != "" &&
		(p.Forward && (d.isStopped() || p.Reason == state.PauseAdopt) || d.hold == fenced && fenceAbandoned(d.view))
	switch {
	case wanted && !d.forwards:
		d.add(forwardRequests)
	case !wanted && d.forwards:
		d.add(endForward)
	}
}

// isStopped tells whether the slot's containers are stopped for the app to be
// given back.
func (d *decision) isStopped() bool {
	return d.pause.Reason == state.PauseUnadopt && (d.phase == stopped || d.phase == asleep)
}

// giveBack stops the containers once nothing is inside the app any more, or the
// drain's deadline has passed. What is inside counts only while nothing comes in.
func (d *decision) giveBack() {
	switch {
	case !d.held() || d.pause.Reason != state.PauseUnadopt:
		if d.phase == stopped {
			d.phase = unattended
		}
	case d.isStopped(), !d.wasHeld:
	case d.inside == 0 || !d.now.Before(d.stopBy):
		d.add(stopForOriginal)
		d.phase = stopped
	}
}

// keptOut tells whether the containers may not start while requests wait.
func (d *decision) keptOut() bool {
	return d.held() && (d.pause.Reason != state.PauseAsked || d.pause.Container != "")
}

// replace puts another release in the place of the slot's, if a command that
// still runs asks for it.
func (d *decision) replace() bool {
	switch {
	case !d.next || d.keptOut():
		return false
	case !d.lockHeld || d.role == retired:
		d.add(dropNext)
		return false
	}
	d.add(replaceRelease)
	d.phase, d.usedAt = attended, d.now
	return true
}

// sleepOrWake stops the containers of a live slot that nobody has used for the
// app's idle time, and lets them run again as soon as somebody does.
func (d *decision) sleepOrWake() {
	if d.phase == asleep {
		d.stayAsleep()
		return
	}
	if d.holder && d.healthy {
		d.add(removeHolder)
	}
	switch {
	case d.idle == 0 || d.role != live || d.held() || !d.healthy || d.used:
		d.usedAt = d.now
	case d.now.Sub(d.usedAt) >= d.idle && !d.holder && !d.lockHeld:
		d.usedAt = d.now
		d.add(fallAsleep)
	}
}

// stayAsleep lasts until somebody needs the app. A slot that is retired in its
// sleep has no container, and passes on what may still come.
func (d *decision) stayAsleep() {
	switch {
	case d.role == retired || d.held():
		if d.watched {
			d.add(endWatch) // what comes now would use it up
		}
	case d.role == live && d.idle > 0 && !d.queued:
		if !d.watched { // asleep since an earlier process, or not watched for a while
			d.add(watchQueue)
		}
		d.add(holdNeeds)
	default:
		d.add(wake)
		d.phase, d.usedAt = unattended, d.now
	}
}

// relaysIn tells whether the slot passes on what waited: it only took requests
// in, or was retired while it slept, and has no container of its own.
func relaysIn(v view, s slotState) bool {
	return s.role == retired && (v.pause.Reason == state.PauseStandIn || s.phase == asleep)
}

// attend sees to the containers.
func (d *decision) attend() {
	relays := relaysIn(d.view, d.slotState)
	if d.phase == gone { // or not: that is found out anew
		d.phase = unattended
	}
	switch {
	case d.phase == attended || d.phase == asleep || relays:
	case d.role == retired:
		d.add(attach)
	case d.keptOut() || d.held() && d.native:
		// While what they take the place of still runs, they are created and no more:
		// both together could spoil their volumes.
		if d.phase == unattended && d.pause.Reason != state.PauseStandIn {
			d.add(create)
			d.phase = created
		}
	default:
		d.add(start)
		d.phase = attended
	}
}

// routeIn is where requests go after what was decided is done. usable tells
// whether a container of the slot takes connections, parked how many wait in this
// process.
func routeIn(v view, s slotState, usable bool, parked int) route {
	switch {
	case relaysIn(v, s):
		return toLive
	case v.forwards:
		return toOriginals
	case v.native && v.healthy && !s.held() && parked > 0:
		return toOwnSocket
	case v.native && v.healthy && !s.held():
		return toNobody
	case v.native:
		return nowhere
	case usable && !s.held():
		return toContainers
	case s.role == retired:
		return toLive // nobody is left here to take what waits, and the other slot serves
	}
	return nowhere
}

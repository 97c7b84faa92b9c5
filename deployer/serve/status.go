package serve

import (
	"fmt"
	"os"
	"reflect"
	"time"

	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// publisher tells the world what the slot is doing: in its status file, which
// commands read, and to systemd. It writes only what changed.
type publisher struct {
	paths   state.Paths
	slot    sockets.Slot
	version string // of this program
	notify  func(string) error
	log     func(string, ...any)

	last state.SlotStatus
	line string
}

// publish writes st unless it says nothing new. Since, PID and Version are filled in.
func (p *publisher) publish(r role, st state.SlotStatus) {
	st.PID, st.Version = os.Getpid(), p.version
	st.Since = p.last.Since
	if st.Phase != p.last.Phase {
		st.Since = time.Now().UTC()
	}
	if reflect.DeepEqual(st, p.last) {
		return
	}
	if err := p.paths.WriteSlotStatus(p.slot, st); err != nil {
		p.log("%v", err)
		return
	}
	p.last = st
	line := fmt.Sprintf("%s, release %d (%s): %s", r, st.Release, st.Image, st.Phase)
	if st.Message != "" {
		line += ": " + st.Message
	}
	if line != p.line {
		p.line = line
		_ = p.notify("STATUS=" + line) // nothing depends on it
	}
}

// oldFrom is the age from which a connection's is published. Those of ordinary
// requests would be news at every look, and wrong at the next moment.
const oldFrom = time.Second

// publish says what the slot is doing.
func (k *keeper) publish() {
	if k.release.Number == 0 {
		k.out.publish(k.role, state.SlotStatus{Phase: state.PhaseFailed, Message: k.trouble, NoDocker: k.containers.NoDocker.Load()})
		return
	}
	st := state.SlotStatus{
		Release: k.release.Number, Image: k.release.Image, Container: k.release.Container(k.slot.Color),
		Phase: state.PhaseStarting, Deadline: k.outcome.deadline, Rejected: k.outcome.rejected, Dead: k.outcome.dead,
		Stop: k.outcome.stopTook, Boot: k.outcome.bootTook, NoDocker: k.containers.NoDocker.Load(),
	}
	st.Ended = k.outcome.ended
	if oldest := k.front.Conns.Oldest(); time.Since(oldest) >= oldFrom {
		st.Oldest = oldest.UTC()
	}
	if k.group != nil {
		c := k.condition()
		st.Replicas = k.group.Report()
		st.Phase, st.Message, st.Probe = c.Phase, c.Message, c.Probe
		st.Healthy, st.Silent = c.Phase == state.PhaseHealthy, c.Silent
		st.ContainerID, st.Started = c.ContainerID, c.Started
		st.Exits, st.ExitCode, st.Failures = c.Exits, c.ExitCode, c.Failures
	}
	st.Rate = k.front.Rate(time.Now())
	inside, parked := k.front.Gate.Counts()
	if !k.serves() {
		st.Open, st.Parked = inside, parked
	}
	if k.phase == asleep {
		st.Phase = state.PhaseIdle
		st.Message = fmt.Sprintf("stopped after %s without a connection; the next one starts it", words.Length(time.Duration(k.app.Idle)))
	}
	switch {
	case k.role == retired:
		k.describeDrain(&st)
	case k.held():
		k.describePause(&st)
	case st.Message == "" && k.outcome.rejected != nil:
		st.Message = fmt.Sprintf("release %d was not taken: %s", k.outcome.rejected.Release, k.outcome.rejected.Reason)
	}
	k.out.publish(k.role, st)
}

// describePause puts the pause into the status. The slot holds only once
// nothing is inside the app any more.
func (k *keeper) describePause(st *state.SlotStatus) {
	p := k.seen.pause
	halted := p.Reason == state.PauseUnadopt && (k.phase == stopped || k.phase == asleep)
	st.Deadline, st.Stopped = p.Until, halted
	switch {
	case k.originals != nil && fenceAbandoned(k.seen):
		st.Message = "requests go there: " + k.seen.fence
	case p.Reason == state.PauseReplace && k.phase != created:
		if k.trouble != "" {
			st.Phase, st.Message = state.PhaseFailed, k.trouble
		}
		return
	case k.thawing:
		st.Message = k.trouble
		return // the app goes on
	case k.hold == fenced:
		st.Message = "requests wait: " + k.seen.fence
	case k.trouble != "":
		st.Message = k.trouble
	case st.Open > 0 && !halted:
		st.OpenKinds = k.front.Conns.Kinds(st.Open)
		st.Message = st.OpenKinds.Of(st.Open) + " left"
		st.Listeners = k.describeListeners(nil)
		return
	case halted:
		st.Message = fmt.Sprintf("container stopped, requests wait until %s (%s)", words.Clock(p.Until), p.Reason)
	default:
		st.Message = fmt.Sprintf("requests wait until %s (%s)", words.Clock(p.Until), p.Reason)
	}
	st.Phase = state.PhaseHolding
}

// statusAt is the status of a slot at a moment of change.
func (k *keeper) statusAt(phase, message string) state.SlotStatus {
	st := state.SlotStatus{Phase: phase, Message: message, Release: k.release.Number, Image: k.release.Image, Dead: k.outcome.dead, Stop: k.outcome.stopTook}
	st.Ended = k.outcome.ended
	return st
}

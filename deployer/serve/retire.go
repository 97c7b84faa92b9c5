package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/poll"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets/count"
)

const (
	// A connection can be between the queue and its process at the moment of
	// one count, so zero has to be seen for a while.
	quietFor   = 100 * time.Millisecond
	quietCheck = 20 * time.Millisecond
	drainCheck = 100 * time.Millisecond
	warmCheck  = time.Second

	// To stop the container while Docker is away. After that systemd starts the
	// service again, for as many more.
	endTries = 20
	endRetry = 5 * time.Second
)

// terms are the conditions on which the retired slot ends: those its command
// stated, else the app's own from the moment the retirement was noticed.
func (k *keeper) terms() state.Drain {
	d, ok, err := k.paths.ReadDrain(k.slot)
	if err != nil {
		k.log("%v", err)
	}
	if !ok {
		d = k.usualTerms(k.retiredAt)
	}
	return d
}

// usualTerms are those of the app file.
func (k *keeper) usualTerms(from time.Time) state.Drain {
	app := k.settings()
	return app.DrainTerms(from, time.Duration(app.Drain.Timeout))
}

// keptAlive is how long nginx goes on using the connections that it keeps to
// the retired slot, with the settings that adopt writes and some time to spare.
const keptAlive = 10 * time.Second

// keptGap is for how long none of them may be idle until they count as gone: one
// that is in use is idle again after its request.
const keptGap = 500 * time.Millisecond

// endWebsockets ends those that have had their time, which is over at until;
// zero is never. While nginx keeps connections to the slot it waits a little:
// the handshakes of the clients that come back would be sent over these, and
// lead to the old release again. One that did is ended, too.
func (k *keeper) endWebsockets(until time.Time) {
	now := time.Now()
	if until.IsZero() {
		return
	}
	if k.front.Conns.Kinds(0).Idle > 0 {
		k.idleAt = now
	}
	if now.Before(until) || now.Before(until.Add(keptAlive)) && now.Sub(k.idleAt) < keptGap {
		return
	}
	if n := k.front.Conns.CloseWebsockets(); n > 0 {
		k.ended.Closed += n
		k.log("%s: closed %s, whose clients reach the new release when they connect again", k.slot, state.Plural(n, "websocket"))
	}
}

// drained tells whether the retired slot may end now: no connection is left,
// queued ones included, or the deadline has passed.
func (k *keeper) drained() bool {
	now := time.Now()
	k.drain = k.terms()
	k.deadline = k.drain.Deadline
	k.endWebsockets(k.drain.WebsocketsUntil)
	n, err := k.host.count(k.slot.SocketPath(k.paths.Run))
	if err != nil {
		// Without the kernel's count only the deadline ends the slot.
		k.log("%v", err)
		n = count.Connections{Established: 1}
	}
	k.left = n.Total()
	switch {
	case k.left > 0:
		k.zeroSince = time.Time{}
	case k.zeroSince.IsZero():
		k.zeroSince = now
	}
	if now.Before(k.drain.WarmUntil) {
		return false
	}
	return k.quiet(now) || !now.Before(k.drain.Deadline)
}

func (k *keeper) quiet(now time.Time) bool {
	return !k.zeroSince.IsZero() && now.Sub(k.zeroSince) >= quietFor
}

// drainWait is how long until the drain needs another look.
func (k *keeper) drainWait() time.Duration {
	if k.over {
		return lookBusy // it could not be emptied
	}
	now := time.Now()
	if warm := k.drain.WarmUntil.Sub(now); warm > 0 {
		return min(warm, warmCheck)
	}
	if !k.zeroSince.IsZero() {
		return quietCheck
	}
	return min(drainCheck, max(k.drain.Deadline.Sub(now), 0))
}

// describeDrain puts the drain into the status.
func (k *keeper) describeDrain(st *state.SlotStatus) {
	st.Open, st.OpenKinds = k.left, k.front.Conns.Kinds(k.left)
	if time.Now().Before(k.drain.WarmUntil) {
		st.Phase, st.Deadline = state.PhaseWarm, k.drain.WarmUntil
		st.Message = "kept for a rollback until " + state.Clock(k.drain.WarmUntil)
		return
	}
	st.Phase = state.PhaseDraining
	st.Message = fmt.Sprintf("%s left, cut at %s", st.OpenKinds.Of(k.left), state.Clock(k.deadline))
}

// empty takes the slot's release away, in one moment in which nobody else
// changes pointers. False means that the slot is needed after all, or that a
// connection came in the last moment.
func (k *keeper) empty(ctx context.Context) bool {
	emptied, err := k.paths.Empty(ctx, k.slot, func() (bool, error) {
		role, err := k.judge.role(time.Now())
		if err != nil || role != retired {
			return false, err
		}
		n, err := k.host.count(k.slot.SocketPath(k.paths.Run))
		if err != nil && time.Now().Before(k.drain.Deadline) {
			return false, err
		}
		if n.Total() > 0 && time.Now().Before(k.drain.Deadline) {
			k.zeroSince = time.Time{}
			return false, nil
		}
		k.left = n.Total()
		if k.group != nil {
			// What ends now is not started again: the other slot may be about to
			// start what must not run beside it.
			k.group.End()
		}
		return true, nil
	})
	if err != nil {
		k.log("%v", err)
	}
	return emptied
}

// end stops and removes the container of a slot that is empty now, says its
// last word and exits as drained. Neither a signal nor systemd's own stopping
// of this process keeps it from that.
func (k *keeper) end() (int, error) {
	if k.left > 0 && !k.unseen {
		k.cutOff(k.left)
	}
	what := k.ended.String()
	if k.ended.Cut > 0 {
		what = k.ended.Kinds.Of(k.ended.Cut) + " left"
	}
	ctx := context.Background()
	stopping := k.word(state.PhaseDraining, "stopping the container, "+what)
	stopping.StopsBy = k.containers.StopsBy(ctx, k.release.Containers(k.slot.Color))
	k.out.publish(k.role, stopping)
	if k.group != nil {
		k.group.End()
	}
	return k.clear(ctx)
}

// cutOff counts n connections as cut, by what they are at. Those whose answer
// comes while the container ends are taken off again by reckon.
func (k *keeper) cutOff(n int) {
	k.late = k.front.Conns.InProgress()
	k.ended.Kinds = k.front.Conns.Kinds(n)
	k.ended.Cut = k.ended.Kinds.Total()
	k.log("%s: stopping with %s at the drain deadline", k.slot, k.ended.Kinds.Of(k.ended.Cut))
}

// reckon corrects what was counted as cut, once the container has ended: an app
// may finish its requests after its stop signal. In native mode nobody sees
// that, and the count is the most that can be cut.
func (k *keeper) reckon() {
	if len(k.late) == 0 {
		return
	}
	select { // the last bytes may still be on their way
	case <-k.front.Gate.Emptied():
	case <-time.After(quietFor):
	}
	counts := &k.ended.Kinds
	for _, c := range k.late {
		if c.Answered() && counts.Requests > 0 {
			counts.Requests--
			k.ended.Cut--
		}
	}
	k.log("%s: %s", k.slot, k.ended)
	k.late = nil
}

// recordCut puts what was cut into the history where no command is there to do
// so, after a swap that did not wait.
func (k *keeper) recordCut() {
	if k.ended.Cut == 0 && k.ended.Closed == 0 {
		return
	}
	if _, held, err := k.paths.LockHolder(k.slot.App); err != nil || held {
		return
	}
	e := state.Event{
		Time: time.Now().UTC(), Operation: "drain", Release: k.release.Number, Image: k.release.Image, Slot: k.slot.String(),
		By: "edgeman serve", Outcome: state.Done,
	}
	e.SetEnded(k.ended)
	if e.Cut > 0 {
		e.Note = "cut at the drain deadline"
	}
	if err := k.paths.Record(k.slot.App, e); err != nil {
		k.log("%v", err)
	}
}

// clear stops and removes every container of the empty slot and says its last
// word. While one may still run the service is not done: it is started again
// until none does.
func (k *keeper) clear(ctx context.Context) (int, error) {
	began := time.Now()
	for try := 1; ; try++ {
		err := k.containers.RemoveAll(ctx)
		k.stopTook = took(began)
		if err == nil || try == endTries {
			k.reckon()
			k.recordCut()
		}
		if err == nil {
			return k.lastWord(ctx)
		}
		k.out.publish(retired, k.word(state.PhaseFailed, "its container is not removed yet: "+run.OneLine(err.Error())))
		if ctx.Err() != nil {
			// Whoever stops the service now removes the container, or the next start does.
			return exitStopped, nil
		}
		if try == endTries {
			return exitBroken, fmt.Errorf("removing the containers of %s: %w", k.slot, err)
		}
		k.log("%v; trying again in %s", err, endRetry)
		poll.Sleep(ctx, endRetry)
	}
}

// lastWord ends the service of an empty slot. Its socket is stopped, too, or
// the next connection would start the service again for nothing.
func (k *keeper) lastWord(ctx context.Context) (int, error) {
	k.out.publish(retired, k.word(state.PhaseEmpty, ""))
	err := k.paths.Forget(k.slot)
	if _, filled, _ := k.paths.SlotRelease(k.slot); filled {
		// Somebody filled it meanwhile. Systemd starts it again for that.
		return exitBroken, errors.Join(err, fmt.Errorf("%s was filled again", k.slot))
	}
	stop := k.host.stopUnit
	if k.dead {
		stop = k.host.stopAlone
	}
	if stopErr := stop(ctx, k.slot.SocketUnit()); stopErr != nil {
		k.log("%v", stopErr)
	}
	return exitEmptied, err
}

// word is the status of a slot that is about to end.
func (k *keeper) word(phase, message string) state.SlotStatus {
	st := state.SlotStatus{Phase: phase, Message: message, Release: k.release.Number, Image: k.release.Image, Dead: k.dead, Stop: k.stopTook}
	st.SetEnded(k.ended)
	return st
}

package serve

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

const (
	// A connection can be between the queue and its process at the moment of
	// one count, so zero has to be seen for a while.
	quietFor   = 100 * time.Millisecond
	quietCheck = 20 * time.Millisecond
	drainCheck = 100 * time.Millisecond
	warmCheck  = time.Second
)

// quiet is since when no connection has been seen.
type quiet struct{ since time.Time }

func (q *quiet) see(n int, now time.Time) {
	switch {
	case n > 0:
		q.since = time.Time{}
	case q.since.IsZero():
		q.since = now
	}
}

// lasts tells whether that was for long enough.
func (q quiet) lasts(now time.Time) bool { return !q.since.IsZero() && now.Sub(q.since) >= quietFor }

// drain is how far a retired slot is.
type drain struct {
	terms state.Drain
	left  int            // connections at the last count
	each  map[string]int // by listener
}

// over tells whether the slot may end now: no connection is left, queued ones
// included, or the deadline has passed.
func (d drain) over(q quiet, now time.Time) bool {
	return !now.Before(d.terms.WarmUntil) && (q.lasts(now) || !now.Before(d.terms.Deadline))
}

// terms are the conditions on which connections end: those that a command has
// stated, else the app's own from that moment on.
func (k *keeper) terms(from time.Time) state.Drain {
	d, ok, err := k.paths.ReadDrain(k.slot)
	k.warn(err)
	if !ok {
		app := k.settings()
		d = app.DrainTerms(from, time.Duration(app.Drain.Timeout))
	}
	return d
}

// drained tells whether the retired slot may end now.
func (k *keeper) drained() bool {
	now := time.Now()
	k.drain.terms = k.terms(k.retiredAt)
	k.outcome.deadline = k.drain.terms.Deadline
	k.endWebsockets(k.drain.terms.WebsocketsUntil)
	k.drain.each, k.drain.left = k.count()
	k.quiet.see(k.drain.left, now)
	return k.drain.over(k.quiet, now)
}

// count asks the kernel for the slot's connections. Without its answer only the
// deadline ends a wait for the last.
func (k *keeper) count() (left map[string]int, total int) {
	left, total, err := k.open()
	if err != nil {
		k.log("%v", err)
		return nil, 1
	}
	return left, total
}

// open are the connections of the slot's listeners, by their names.
func (k *keeper) open() (left map[string]int, total int, err error) {
	each, err := k.host.count(k.slot.SocketDir(k.paths.Run))
	left = map[string]int{}
	for _, l := range k.host.listeners {
		n := each[filepath.Base(sockets.SocketPath("", l.Name()))].Total()
		left[l.Name()], total = n, total+n
	}
	return left, total, err
}

// nextDrainLook is how long until the drain needs another look.
func (k *keeper) nextDrainLook(now time.Time) time.Duration {
	warm := k.drain.terms.WarmUntil.Sub(now)
	switch {
	case k.phase == gone:
		return lookBusy // it could not be emptied
	case warm > 0:
		return min(warm, warmCheck)
	case !k.quiet.since.IsZero():
		return quietCheck
	}
	return min(drainCheck, max(k.drain.terms.Deadline.Sub(now), 0))
}

// describeDrain puts the drain into the status.
func (k *keeper) describeDrain(st *state.SlotStatus) {
	st.Open, st.OpenKinds = k.drain.left, k.front.Conns.Kinds(k.drain.left)
	st.Listeners = k.describeListeners(k.drain.each)
	if until := k.drain.terms.WarmUntil; time.Now().Before(until) {
		st.Phase, st.Deadline = state.PhaseWarm, until
		st.Message = "kept for a rollback until " + words.Clock(until)
		return
	}
	st.Phase = state.PhaseDraining
	st.Message = fmt.Sprintf("%s left, cut at %s", st.OpenKinds.Of(st.Open), words.Clock(k.outcome.deadline))
}

// describeListeners are the connections of each listener, if there are several.
func (k *keeper) describeListeners(each map[string]int) (out []state.ListenerStatus) {
	if len(k.host.listeners) < 2 {
		return nil
	}
	for _, l := range k.release.Listeners {
		kinds := k.front.Conns.Kinds(each[l.Name], l.Name)
		out = append(out, state.ListenerStatus{Name: l.Name, Open: kinds.Total(), OpenKinds: kinds})
	}
	return out
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
		k.keptAt = now
	}
	if now.Before(until) || now.Before(until.Add(keptAlive)) && now.Sub(k.keptAt) < keptGap {
		return
	}
	if n := k.front.Conns.CloseWebsockets(); n > 0 {
		k.outcome.ended.WebsocketsClosed += n
		k.log("%s: closed %s, whose clients reach the new release when they connect again", k.slot, words.Plural(n, "websocket"))
	}
}

// cutOff counts n connections as cut, by what they are at. Those whose answer
// comes while the container ends are taken off again by recount.
func (k *keeper) cutOff(n int) {
	k.outcome.late = k.front.Conns.InProgress()
	k.outcome.ended.CutKinds = k.front.Conns.Kinds(n)
	k.outcome.ended.Cut = k.outcome.ended.CutKinds.Total()
	k.log("%s: stopping with %s at the drain deadline", k.slot, k.outcome.ended.CutKinds.Of(k.outcome.ended.Cut))
}

// recount corrects what was counted as cut, once the container has ended: an app
// may finish its requests after its stop signal. In native mode nobody sees
// that, and the count is the most that can be cut.
func (k *keeper) recount() {
	if len(k.outcome.late) == 0 {
		return
	}
	select { // the last bytes may still be on their way
	case <-k.front.Gate.Emptied():
	case <-time.After(quietFor):
	}
	counts := &k.outcome.ended.CutKinds
	for _, c := range k.outcome.late {
		if c.Answered() && counts.Requests > 0 {
			counts.Requests--
			k.outcome.ended.Cut--
		}
	}
	k.log("%s: %s", k.slot, k.outcome.ended)
	k.outcome.late = nil
}

// closeWebsockets closes those that have had their time in a pause.
func (k *keeper) closeWebsockets(context.Context) error {
	k.endWebsockets(k.seen.pause.WebsocketsUntil)
	if k.seen.pause.Reason == state.PauseUnadopt && k.phase != stopped {
		k.endWebsockets(k.terms(k.holdSince).WebsocketsUntil)
	}
	return nil
}

// recordCut puts what was cut into the history where no command is there to do
// so, after a swap that did not wait.
func (k *keeper) recordCut() {
	if k.outcome.ended.Cut == 0 && k.outcome.ended.WebsocketsClosed == 0 {
		return
	}
	if k.commandRuns() {
		return
	}
	e := state.Event{
		Time: time.Now().UTC(), Operation: "drain", Release: k.release.Number, Image: k.release.Image, Slot: k.slot.String(),
		By: "edgeman serve", Outcome: state.Done,
	}
	e.Ended = k.outcome.ended
	if e.Cut > 0 {
		e.Note = "cut at the drain deadline"
	}
	k.warn(k.paths.Record(k.slot.App, e))
}

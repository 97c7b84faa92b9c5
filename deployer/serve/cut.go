package serve

import (
	"time"

	"edgeman/deployer/state"
)

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
		k.outcome.ended.Closed += n
		k.log("%s: closed %s, whose clients reach the new release when they connect again", k.slot, state.Plural(n, "websocket"))
	}
}

// cutOff counts n connections as cut, by what they are at. Those whose answer
// comes while the container ends are taken off again by recount.
func (k *keeper) cutOff(n int) {
	k.outcome.late = k.front.Conns.InProgress()
	k.outcome.ended.Kinds = k.front.Conns.Kinds(n)
	k.outcome.ended.Cut = k.outcome.ended.Kinds.Total()
	k.log("%s: stopping with %s at the drain deadline", k.slot, k.outcome.ended.Kinds.Of(k.outcome.ended.Cut))
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
	counts := &k.outcome.ended.Kinds
	for _, c := range k.outcome.late {
		if c.Answered() && counts.Requests > 0 {
			counts.Requests--
			k.outcome.ended.Cut--
		}
	}
	k.log("%s: %s", k.slot, k.outcome.ended)
	k.outcome.late = nil
}

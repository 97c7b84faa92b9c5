package serve

import (
	"time"
)

// slotState is what the keeper remembers from one look to the next: the state of
// the machine that decide moves.
type slotState struct {
	standing
	retiredAt   time.Time // zero unless retired
	neverServed bool      // retired, and nobody but probes was ever sent here

	hold      hold
	holdSince time.Time
	frozen    bool // native containers' processes are to stand still

	phase  phase
	usedAt time.Time // when the app was last seen in use
	holder bool      // a container may hold what the app needs while it is asleep
}

// hold is whether requests wait.
type hold string

const (
	admitting hold = ""       // they do not
	pausing   hold = "paused" // until the deadline that somebody has set
	fenced    hold = "fenced" // until what must not run beside the slot's containers has ended
)

// phase is what is done about the slot's containers.
type phase string

const (
	unattended phase = ""         // nothing yet
	created    phase = "created"  // they are there, and may not start yet
	attended   phase = "attended" // they are started, started again, and asked how they are
	stopped    phase = "stopped"  // the app is given back
	asleep     phase = "asleep"   // for lack of use
	gone       phase = "gone"     // the slot is retired, and none runs
)

// held tells whether requests wait.
func (s slotState) held() bool { return s.hold != admitting }

// route is where the requests go that this process takes in.
type route string

const (
	nowhere      route = ""           // they wait
	toContainers route = "containers" // the slot's own
	toNobody     route = "nobody"     // a native app takes them in by itself
	toOwnSocket  route = "socket"     // what came before a native app did
	toLive       route = "live"       // the slot that is live
	toOriginals  route = "originals"  // the containers that the app is given back to
)

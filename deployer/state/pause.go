package state

import (
	"time"

	"edgeman/sockets"
)

// Reasons of a pause.
const (
	PauseAsked   = "pause"   // an operator's
	PauseAdopt   = "adopt"   // the adopted container still runs: do not start ours
	PauseUnadopt = "unadopt" // the app is given back: stop ours
	PauseReplace = "replace" // the other slot's containers still run: ours takes their place
	PauseStandIn = "standin" // requests wait here while the other slot replaces its container
)

// Pause says until when a slot holds its requests back, and why.
type Pause struct {
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`

	// Container is the id of one that must not run beside the slot's, and Others
	// are more. While one does the slot's are not started, even past Until.
	Container string   `json:"container,omitempty"`
	Others    []string `json:"others,omitempty"`
	// Forward lets what waits go to those containers instead: they run again, and
	// nginx is about to use them directly.
	Forward bool       `json:"forward,omitempty"`
	Ports   []Listener `json:"ports,omitempty"` // where those containers' app listens, if elsewhere than the release says

	// WebsocketsUntil is when websockets are ended that keep the slot from coming
	// to rest; zero leaves them alone.
	WebsocketsUntil time.Time `json:"websockets_until,omitzero"`

	Stated stamp `json:"stated,omitzero"` // set by SetPause
}

// Bars are the ids of the containers that must not run beside the slot's.
func (p Pause) Bars() []string {
	if p.Container == "" {
		return nil
	}
	return append([]string{p.Container}, p.Others...)
}

// PauseFor is a pause while containers run that the slot's must not run beside.
func PauseFor(until time.Time, reason string, containers []string) Pause {
	p := Pause{Until: until, Reason: reason}
	if len(containers) > 0 {
		p.Container, p.Others = containers[0], containers[1:]
	}
	return p
}

// SetPause makes the slot's service hold requests until the deadline.
func (p Paths) SetPause(s sockets.Slot, pause Pause) error {
	pause.Stated = p.stamp()
	return p.change(p.slotPause(s), func(path string) error { return WriteJSON(path, pause) })
}

// ReadPause is the slot's pause; false means it is not paused. One whose
// deadline has passed counts as none, but is returned all the same.
func (p Paths) ReadPause(s sockets.Slot) (Pause, bool, error) {
	pause, ok, err := readRecord[Pause](p.slotPause(s))
	if !ok {
		return pause, false, err
	}
	now := p.stamp()
	pause.Until, pause.WebsocketsUntil = pause.Stated.deadline(pause.Until, now), pause.Stated.deadline(pause.WebsocketsUntil, now)
	return pause, time.Now().Before(pause.Until), nil
}

// ClearPause lets requests through again.
func (p Paths) ClearPause(s sockets.Slot) error { return p.change(p.slotPause(s), removeFile) }

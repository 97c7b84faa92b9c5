package state

import (
	"fmt"
	"strings"
	"time"

	"edgeman/deployer/words"
	"edgeman/sockets"
)

// Drain are the terms on which a retired slot ends: it stays until WarmUntil in
// any case, then until its connections are gone or Deadline has passed. From
// WebsocketsUntil on, unless zero, websockets are ended, warm or not. For a
// slot whose release is replaced in place, Start is how long the next one may
// take to become healthy.
type Drain struct {
	Deadline        time.Time     `json:"deadline"`
	WarmUntil       time.Time     `json:"warm_until,omitzero"`
	WebsocketsUntil time.Time     `json:"websockets_until,omitzero"`
	Start           time.Duration `json:"start_ns,omitempty"`

	Stated stamp `json:"stated,omitzero"` // set by SetDrain
}

// DrainTerms are the terms that the app's settings give a slot that is retired
// at this moment, with timeout in the place of their own.
func (a App) DrainTerms(at time.Time, timeout time.Duration) Drain {
	d := Drain{Deadline: at.Add(timeout)}
	if a.Drain.Websockets.Close {
		d.WebsocketsUntil = at.Add(a.Drain.Websockets.After)
	}
	return d
}

// SetDrain states the terms before the switch, so that the slot's service finds
// them whenever it notices that it is retired.
func (p Paths) SetDrain(s sockets.Slot, d Drain) error {
	if err := p.MakeRun(); err != nil {
		return err
	}
	d.Stated = p.stamp()
	return p.change(p.slotDrain(s), func(path string) error { return WriteJSON(path, d) })
}

// ReadDrain are the slot's drain terms; false means none were stated.
func (p Paths) ReadDrain(s sockets.Slot) (Drain, bool, error) {
	d, ok, err := readRecord[Drain](p.slotDrain(s))
	now := p.stamp()
	for _, t := range []*time.Time{&d.Deadline, &d.WarmUntil, &d.WebsocketsUntil} {
		*t = d.Stated.deadline(*t, now)
	}
	return d, ok, err
}

// ClearDrain forgets the slot's drain terms.
func (p Paths) ClearDrain(s sockets.Slot) error { return p.change(p.slotDrain(s), removeFile) }

// Websockets is how long websockets may go on after a switch: as long as any
// other connection, or for a time of their own, after which they are ended so
// that their clients connect again and reach the new release.
type Websockets struct {
	Close bool
	After time.Duration
}

// UnmarshalText reads "wait" or "close-after DURATION".
func (w *Websockets) UnmarshalText(b []byte) error {
	words := strings.Fields(string(b))
	switch {
	case len(words) == 1 && words[0] == "wait":
		*w = Websockets{}
		return nil
	case len(words) == 2 && words[0] == "close-after":
		var d Duration
		if err := d.UnmarshalText([]byte(words[1])); err != nil {
			return err
		}
		*w = Websockets{Close: true, After: time.Duration(d)}
		return nil
	}
	return fmt.Errorf(`drain.websockets %q is neither "wait" nor "close-after DURATION"`, b)
}

// MarshalText writes what UnmarshalText reads.
func (w Websockets) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func (w Websockets) String() string {
	if w.Close {
		return "close-after " + w.After.String()
	}
	return "wait"
}

// Ended is what became of the connections of a slot that left service.
type Ended struct {
	Cut              int   `json:"cut"` // still there at the drain deadline
	CutKinds         Kinds `json:"cut_kinds,omitzero"`
	WebsocketsClosed int   `json:"websockets_closed,omitempty"` // by the app's drain.websockets
}

// Text is what became of them for people.
func (e Ended) Text() string {
	text := words.Plural(e.Cut, "connection") + " cut"
	if e.CutKinds.Unknown > 0 { // they may have ended well while the container did
		text = "at most " + text
	}
	if kinds := e.CutKinds.String(); kinds != "" {
		text += " (" + kinds + ")"
	}
	if e.WebsocketsClosed > 0 {
		text += ", " + words.Plural(e.WebsocketsClosed, "websocket") + " closed"
	}
	return text
}

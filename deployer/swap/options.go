package swap

import (
	"fmt"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/state"
)

// Options are the choices of `edgeman swap`, `edgeman restart` and `edgeman rollback`.
type Options struct {
	App      string
	Release  int    // of a rollback; 0: the one before the live one
	Image    string // tag of the app's repository, or any reference; empty: what the app's Compose file says, else the live release's reference as it is now
	Pull     string // always, missing or never; empty: always if no image is named that a registry has, else missing
	Mode     string // proxy or native; empty: as the app file says
	Strategy string // overlap or stop-first; empty: as the app file says
	Drain    time.Duration
	Timeout  time.Duration
	Detach   bool // return after the switch
	Cut      bool // end a slot that still drains now
	LetWait  bool // accept that requests fail which wait longer than nginx does
	Renew    bool // also restart the slot's service, from the program on disk
	JSON     bool
	Allow    []string // codes of refusals that the operator accepts

	declaration *declaration // what the app's Compose file says, where no image was named
}

// Result is what a swap, restart or rollback did.
type Result struct {
	App       string  `json:"app"`
	Strategy  string  `json:"strategy"`
	Slot      string  `json:"slot"` // live now
	Release   int     `json:"release"`
	Image     string  `json:"image"`
	Digest    string  `json:"digest,omitempty"`
	From      int     `json:"from"`
	Previous  string  `json:"previous"` // image before
	Seconds   float64 `json:"seconds"`
	Start     float64 `json:"start"`                // seconds until the release was healthy, a drain before it included
	Draining  bool    `json:"draining,omitempty"`   // the old slot is still ending
	Same      bool    `json:"same_image,omitempty"` // of a swap: the image is the one before
	Unchanged bool    `json:"unchanged,omitempty"`  // nothing was done: it would be the live release again
	hint.Failure

	Interrupted bool `json:"interrupted,omitempty"` // by a signal, after the switch

	state.Ended // the old release's connections
}

// result is what is known of the run by now.
func (s *swap) result() Result {
	live := s.old
	if s.over {
		live = s.idle
	}
	return Result{
		App: s.app.Name, Strategy: s.how, Slot: live.String(), Release: s.next.Number, Image: s.next.Image,
		Digest: s.next.Digest, From: s.current.Number, Previous: s.current.Image,
		Seconds: state.Seconds(time.Since(s.started)), Start: state.Seconds(s.ready),
		Same:     s.op.Name == "swap" && s.next.ImageID == s.current.ImageID,
		Draining: s.draining, Interrupted: s.interrupted, Ended: s.ended,
	}
}

// Summary is the result in one line.
func (r Result) Summary() string {
	if r.Unchanged {
		return r.isLive()
	}
	before, after := images.ShortImages(r.Previous, r.Image)
	if r.Same {
		after += " (the same image)"
	}
	if r.Interrupted {
		return fmt.Sprintf("%s: %s → %s in %.1fs; interrupted after the switch: release %d is live, the old slot drains in the background", r.App, before, after, r.Seconds, r.Release)
	}
	if r.Draining {
		return fmt.Sprintf("%s: %s → %s in %.1fs, the old slot drains in the background", r.App, before, after, r.Seconds)
	}
	return fmt.Sprintf("%s: %s → %s in %.1fs, %s", r.App, before, after, r.Seconds, r.Ended.Text())
}

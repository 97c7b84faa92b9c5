package serve

import (
	"fmt"
	"os"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// publisher tells the world what the slot is doing: in its status file, which
// commands read, and to systemd. It writes only what changed.
type publisher struct {
	paths  state.Paths
	slot   sockets.Slot
	notify func(string) error
	say    func(string, ...any)

	last state.SlotStatus
	line string
}

// publish writes st unless it says nothing new. Since and PID are filled in.
func (p *publisher) publish(r role, st state.SlotStatus) {
	st.PID = os.Getpid()
	st.Since = p.last.Since
	if st.Phase != p.last.Phase {
		st.Since = time.Now().UTC()
	}
	if st == p.last {
		return
	}
	if err := p.paths.WriteSlotStatus(p.slot, st); err != nil {
		p.say("%v", err)
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

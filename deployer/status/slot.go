package status

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/count"
	"edgeman/sockets/systemd"
)

// slotLook is everything that can be seen of one slot.
type slotLook struct {
	slot     sockets.Slot
	release  state.Release
	filled   bool
	live     bool // the live pointer names it
	claimed  bool // a command works on it
	service  systemd.Unit
	socket   systemd.Unit
	asked    bool // systemd answered
	blind    bool // this user may see the pointers only
	status   state.SlotStatus
	spoke    bool // its service has said something in this boot
	pause    state.Pause
	paused   bool
	drain    state.Drain
	count    map[string]count.Connections // by listeners' files
	modified time.Time                    // of the slot's link
}

// look reads the slot; what cannot be read is noted with the app.
func (h *Host) look(ctx context.Context, a *AppStatus, slot sockets.Slot, active map[string]string, known bool) slotLook {
	l := slotLook{slot: slot}
	var err error
	l.release, l.filled, err = h.Paths.SlotRelease(slot)
	a.unread(err)
	l.fromLink(h.Paths.Slot(slot))
	l.status, l.spoke, err = h.Paths.ReadSlotStatus(slot)
	a.unread(err)
	l.blind = errors.Is(err, fs.ErrPermission)
	l.pause, l.paused, err = h.Paths.ReadPause(slot)
	a.unread(err)
	l.drain, _, err = h.Paths.ReadDrain(slot)
	a.unread(err)
	if service := active[slot.ServiceUnit()]; known && !l.filled && (service == "" || service == "inactive") {
		l.service.Active, l.asked = "inactive", true
		return l
	}
	l.count, err = count.UnixEach(slot.SocketDir(h.Paths.Run))
	a.unread(err)
	if h.Units == nil {
		return l
	}
	l.service, err = h.Units.State(ctx, slot.ServiceUnit())
	a.unread(err)
	l.asked, l.socket.Active = err == nil, active[slot.SocketUnit()]
	return l
}

// fromLink takes what everybody may see from the slot's link.
func (l *slotLook) fromLink(path string) {
	st, err := os.Lstat(path)
	if err != nil {
		return
	}
	l.filled, l.modified = true, placed(st)
	if l.release.Number != 0 {
		return
	}
	if target, err := os.Readlink(path); err == nil {
		name := strings.TrimSuffix(filepath.Base(target), ".json")
		l.release.App = l.slot.App
		l.release.Number, _ = strconv.Atoi(name) // 0 is "not known"
	}
}

// placed is when the link got its name: a replacement in place makes its link
// long before it renames it over the slot's.
func placed(link fs.FileInfo) time.Time {
	if st, ok := link.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctim.Unix())
	}
	return link.ModTime()
}

// running tells whether the slot's service is up; its status counts only then.
func (l slotLook) running() bool {
	if !l.asked {
		return l.spoke && l.status.Phase != state.PhaseEmpty
	}
	return l.service.Active != "inactive" && l.service.Active != "failed"
}

// state is the slot's state by what the live pointer, the lock, the slot's
// service and systemd say, in this order of authority.
func (l slotLook) state() string {
	switch {
	case !l.filled && l.running():
		return SlotDraining // its last seconds: the container is being stopped
	case !l.filled:
		return SlotEmpty
	case l.paused && l.live:
		return SlotPaused
	case l.blind && !l.asked:
		return l.byPointer()
	case !l.running():
		return l.down()
	}
	if said, ok := byPhase[l.status.Phase]; ok {
		return said
	}
	switch {
	case l.claimed && !l.live:
		return SlotCandidate
	case l.status.Phase == state.PhaseWarm && !l.live:
		return SlotWarm
	}
	return l.byPointer()
}

// byPhase are the states for which the word of the slot's service is enough.
var byPhase = map[string]string{
	state.PhaseFailed: SlotFailed, state.PhaseHolding: SlotPaused, state.PhaseIdle: SlotIdle,
	state.PhaseStarting: SlotStarting, state.PhaseWaiting: SlotStarting, "": SlotStarting,
}

// byPointer is what the live pointer alone says.
func (l slotLook) byPointer() string {
	if l.live {
		return SlotLive
	}
	return SlotDraining
}

// down is the state of a filled slot whose service does not run: while its
// socket listens, the next connection starts it.
func (l slotLook) down() string {
	if l.socket.Active == "active" && l.service.Active != "failed" {
		return SlotIdle
	}
	return SlotFailed
}

// report is the slot for people and programs.
func (l slotLook) report() SlotReport {
	r := SlotReport{Name: l.slot.Color, State: l.state(), Listeners: l.listeners()}
	for _, c := range l.count {
		r.Connections += c.Total()
	}
	if r.State == SlotEmpty {
		return r
	}
	r.Release, r.Image = l.release.Number, l.release.Image
	if l.release.Number != 0 {
		r.Container = l.release.Container(l.slot.Color)
		r.containers = l.release.Containers(l.slot.Color)
	}
	r.Since, r.Restarts = l.modified, l.service.NRestarts
	if !l.service.Since.IsZero() {
		r.Since = l.service.Since
	}
	if l.running() && l.spoke {
		l.fromService(&r)
	}
	switch {
	case r.State == SlotPaused && l.paused:
		r.Deadline = l.pause.Until
	case r.State == SlotDraining && r.Deadline.IsZero() && l.filled: // else it is over
		r.Deadline = l.drain.Deadline
	case r.State == SlotWarm:
		r.Deadline = l.drain.WarmUntil
	}
	return r
}

// listeners are those of the slot's release, with the connections of each.
func (l slotLook) listeners() (all []ListenerReport) {
	for _, listener := range l.release.Listeners {
		one := ListenerReport{Name: listener.Name, Port: listener.Port}
		one.Connections = l.count[filepath.Base(sockets.SocketPath("", listener.Name))].Total()
		for _, said := range l.status.Listeners {
			if said.Name == one.Name && said.OpenKinds.Total() == one.Connections {
				one.Kinds = said.OpenKinds
			}
		}
		all = append(all, one)
	}
	return all
}

// fromService adds what the slot's service says of itself.
func (l slotLook) fromService(r *SlotReport) {
	st := l.status
	if !st.Since.IsZero() {
		r.Since = st.Since
	}
	if r.Release == 0 {
		r.Release, r.Image = st.Release, st.Image
	}
	if st.Container != "" {
		r.Container = st.Container
	}
	r.Message, r.Silent, r.Deadline, r.noDocker = st.Message, st.Silent, st.Deadline, st.NoDocker
	if r.Connections > 0 {
		r.Oldest = st.Oldest
	}
	if st.OpenKinds.Total() == r.Connections {
		r.Kinds = st.OpenKinds
	}
	r.Exits, r.ExitCode, r.Waiting, r.Version = st.Exits, st.ExitCode, st.Parked, st.Version
	for _, one := range st.Replicas {
		r.Replicas = append(r.Replicas, ReplicaReport{
			Container: one.Container, State: one.Phase, Since: one.Started, Connections: one.Open, Served: one.Served,
			Message: cmp.Or(one.Message, probeOf(one)), Exits: one.Exits, ExitCode: one.ExitCode,
		})
	}
	if r.State == SlotStarting && st.Probe != "" && st.Message == "" {
		r.Message = st.Probe
	}
}

// probeOf is the last answer of a replica that is not healthy.
func probeOf(r state.Replica) string {
	if r.Phase == state.PhaseHealthy {
		return ""
	}
	return r.Probe
}

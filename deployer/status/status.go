// Package status reports what is known of the apps, for people and as data. It
// changes nothing.
package status

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/images"
	"edgeman/deployer/program"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
	"edgeman/sockets/systemd"
)

// Host is what status looks at.
type Host struct {
	Paths   state.Paths
	Units   Units
	Docker  Docker
	Out     io.Writer
	System  program.System
	Version string // of edgeman
}

// Units tell what systemd knows.
type Units interface {
	State(ctx context.Context, unit string) (systemd.Unit, error)
	Active(ctx context.Context, pattern string) (map[string]string, error)
}

// Docker tells what is there; nil: that is left out.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	images.Images
}

// statusWait bounds everything that status asks; it is what people run when
// something hangs.
const statusWait = 10 * time.Second

// statusAtOnce apps are looked at together: most of the time is spent waiting
// for systemd's answers.
const statusAtOnce = 8

// States of a slot, as status reports them.
const (
	SlotEmpty     = "empty"     // runs nothing
	SlotStarting  = "starting"  // its container is not healthy yet; requests wait if it is live
	SlotCandidate = "candidate" // healthy, and a command is about to make it live
	SlotLive      = "live"      // gets the requests
	SlotDraining  = "draining"  // gets no new connections and finishes those it has
	SlotWarm      = "warm"      // drained, kept running for an instant rollback
	SlotPaused    = "paused"    // holds its requests back
	SlotIdle      = "idle"      // stopped for lack of requests; the next one starts it
	SlotFailed    = "failed"    // does not run and does not come back on its own
)

// Status is what `edgeman status --json` prints. Fields are only ever added.
type Status struct {
	Apps []AppStatus `json:"apps"`
	// Check is the last run of edgeman check that was not asked for by hand, nil if
	// there was none: silence could also mean that nothing runs any more.
	Check *state.CheckRun `json:"check,omitempty"`
}

// AppStatus is one app: what serves, and what each of its slots does.
type AppStatus struct {
	Name     string       `json:"name"`
	Site     string       `json:"site"` // the first
	Sites    []string     `json:"sites"`
	Live     string       `json:"live"`           // blue or green; empty if nothing is
	Since    time.Time    `json:"since,omitzero"` // of the release in the slot, and of the slot as the live one
	Release  int          `json:"release"`
	Image    string       `json:"image"`
	Digest   string       `json:"digest"`
	Mode     string       `json:"mode"`
	Strategy string       `json:"strategy"`
	Slots    []SlotReport `json:"slots"`

	Operation *OperationStatus `json:"operation,omitempty"`
	Problems  []Problem        `json:"problems"`
}

// SlotReport is one slot of an app.
type SlotReport struct {
	Name        string    `json:"name"` // blue or green
	State       string    `json:"state"`
	Release     int       `json:"release"`
	Image       string    `json:"image"`
	Container   string    `json:"container"`
	Connections int       `json:"connections"`
	Since       time.Time `json:"since,omitzero"` // of the state

	Oldest time.Time   `json:"oldest,omitzero"` // since when the oldest connection is open
	Kinds  state.Kinds `json:"kinds,omitzero"`  // of the connections that a drain waits for

	Message  string    `json:"message,omitempty"`
	Silent   string    `json:"silent,omitempty"`  // why nothing comes back from the app
	Deadline time.Time `json:"deadline,omitzero"` // when draining, paused or warm ends
	Exits    int       `json:"exits,omitempty"`   // times the container ended on its own
	ExitCode int       `json:"exit_code,omitempty"`
	Waiting  int       `json:"waiting,omitempty"` // requests that wait for the app
	Restarts uint32    `json:"restarts,omitempty"`
	Version  string    `json:"version,omitempty"` // of the edgeman that serves the slot

	Listeners []ListenerReport `json:"listeners,omitempty"`
	Replicas  []ReplicaReport  `json:"replicas,omitempty"` // if it runs several containers

	containers []string // by the release, running or not
	noDocker   bool     // the slot's service cannot reach Docker
}

// ListenerReport is one of the app's listeners in a slot.
type ListenerReport struct {
	Name        string      `json:"name"` // of its socket, PORT at the time of adopt
	Port        uint16      `json:"port"` // where the app listens inside its container
	Connections int         `json:"connections"`
	Kinds       state.Kinds `json:"kinds,omitzero"` // of those that a drain waits for
}

// ReplicaReport is one of several containers behind a slot.
type ReplicaReport struct {
	Container   string    `json:"container"`
	State       string    `json:"state"`            // starting, healthy, waiting (starts again) or failed
	Since       time.Time `json:"since,omitzero"`   // its start
	Connections int       `json:"connections"`      // open now; 0 in native mode, where nobody counts them
	Served      uint64    `json:"served,omitempty"` // connections since the slot's service began; mode proxy only
	Message     string    `json:"message,omitempty"`
	Exits       int       `json:"exits,omitempty"`
	ExitCode    int       `json:"exit_code,omitempty"`
}

// OperationStatus is a command under way, or one that was interrupted.
type OperationStatus struct {
	Name        string    `json:"name"`
	Step        string    `json:"step,omitempty"`
	PID         int       `json:"pid,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	Interrupted bool      `json:"interrupted"`
}

// Problem is something that is not as it should be, and what to do next.
type Problem struct {
	Text string `json:"text"`
	Next string `json:"next,omitempty"` // the command to type
}

// Status looks at the named app, or at all of them. What cannot be read is
// reported as a problem of the app and never hides the rest.
func (h *Host) Status(ctx context.Context, name string) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	names, err := h.Paths.AppNames()
	if err != nil {
		return Status{}, err
	}
	if name != "" {
		if !slices.Contains(names, name) {
			return Status{}, state.NoApp(name)
		}
		names = []string{name}
	}
	status := Status{Check: h.Paths.LastCheck()}
	active, known := h.active(ctx, name)
	status.Apps = make([]AppStatus, len(names))
	var wg sync.WaitGroup
	turns := make(chan struct{}, statusAtOnce)
	for i, n := range names {
		turns <- struct{}{}
		wg.Go(func() {
			status.Apps[i] = h.appStatus(ctx, n, active, known)
			<-turns
		})
	}
	wg.Wait()
	return status, nil
}

// active lists the units of the app, or of all apps, with their active states;
// known is false if systemd does not tell. With a thousand apps it spares
// thousands of questions, of which each takes systemd a millisecond.
func (h *Host) active(ctx context.Context, name string) (active map[string]string, known bool) {
	if h.Units == nil {
		return nil, false
	}
	pattern := "edgeman@*"
	if name != "" {
		pattern = "edgeman@" + name + ":*"
	}
	active, err := h.Units.Active(ctx, pattern)
	return active, err == nil
}

func (h *Host) appStatus(ctx context.Context, name string, active map[string]string, known bool) AppStatus {
	a := AppStatus{Name: name, Problems: []Problem{}}
	app, err := h.Paths.ReadApp(name)
	a.unread(err)
	a.Mode, a.Strategy = app.Mode, app.Strategy
	record, err := adoption.Read(h.Paths, name)
	if !errors.Is(err, adoption.ErrNone) {
		a.unread(err)
	}
	a.Site, a.Sites = record.Site, record.Sites
	live, hasLive, err := sockets.ReadLive(h.Paths.Live(name))
	a.unread(err)
	holder := a.operation(h, name)
	var served slotLook
	for _, slot := range slots.Both(name) {
		look := h.look(ctx, &a, slot, active, known)
		look.live = hasLive && live == slot
		look.claimed = holder.Slot == slot.String()
		if look.live {
			served = look
			a.Live, a.Since = slot.Color, latest(h.liveSince(name), look.modified)
			a.Release, a.Image, a.Digest = look.release.Number, look.release.Image, look.release.Digest
			if look.release.Mode != "" {
				a.Mode = look.release.Mode
			}
		}
		a.moved(look)
		report := look.report()
		if look.live && report.State == SlotLive {
			report.Since = latest(a.Since, report.Since)
		}
		a.Slots = append(a.Slots, report)
	}
	a.findProblems(hasLive, h.Version)
	if record.Plan != nil && a.Operation == nil && !record.LedTo(h.Paths.Live(name)) {
		a.problem("no file that adopt edited leads to it any more: somebody has changed them, and nginx sends its requests elsewhere", "edgeman check "+name)
	}
	if !a.adopting() {
		a.Problems = append(h.around(ctx, a, record, served), a.Problems...)
	}
	return a
}

// liveSince is when the live pointer was last renamed.
func (h *Host) liveSince(name string) time.Time {
	st, err := os.Lstat(h.Paths.Live(name))
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

// operation reports the command under way and returns the lock's holder.
func (a *AppStatus) operation(h *Host, name string) state.Holder {
	holder, held, err := h.Paths.LockHolder(name)
	a.unread(err)
	op, journalled, err := h.Paths.ReadOperation(name)
	a.unread(err)
	switch {
	case held:
		a.Operation = &OperationStatus{Name: holder.Operation, Step: op.Step, PID: holder.PID, Since: holder.Since}
	case journalled:
		a.Operation = &OperationStatus{Name: op.Name, Step: op.Step, Since: op.Started, Interrupted: true}
	}
	return holder
}

// unreadable is the problem that only another user would not have.
const unreadable = "not everything can be read as this user"

// unread notes what could not be read.
func (a *AppStatus) unread(err error) {
	if err == nil {
		return
	}
	p := Problem{Text: words.FirstLine(err.Error())}
	if errors.Is(err, os.ErrPermission) {
		p = Problem{Text: unreadable, Next: "sudo edgeman status " + a.Name}
	}
	if errors.Is(err, state.ErrNoSettings) {
		p.Next = "edgeman repair " + a.Name
	}
	if !slices.Contains(a.Problems, p) {
		a.Problems = append(a.Problems, p)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

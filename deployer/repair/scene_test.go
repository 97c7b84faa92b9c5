package repair

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/fake"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// scene is a world with a site before a container that answers, and with slots'
// services that act on their own.
type scene struct {
	*world
	site, before string
	stopFails    error // of web-1
}

var answer = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func newScene(t *testing.T) *scene {
	w := &scene{world: newWorld(t)}
	app := httptest.NewServer(answer)
	t.Cleanup(app.Close)
	at := netip.MustParseAddrPort(app.Listener.Addr().String())
	c := docker.Container{
		ID: "web-1", Name: "web-1", Image: "myapp:v1", ImageID: "sha256:v1", Running: true, RestartPolicy: "always",
		Published: []docker.Port{{HostIP: at.Addr(), HostPort: at.Port(), ContainerPort: at.Port(), Proto: "tcp"}},
		Networks:  []docker.Network{{IPv4: at.Addr()}},
	}
	var err error
	if c.Raw, err = json.Marshal(c); err != nil {
		t.Fatal(err)
	}
	w.Containers["web-1"], w.Listeners = c, map[string]net.Listener{}
	dir := filepath.Dir(w.Paths.Etc)
	w.site = filepath.Join(dir, "site")
	w.before = "server { location / { proxy_pass http://" + at.String() + "; } }\n"
	err = errors.Join(os.WriteFile(w.site, []byte(w.before), 0o644),
		os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte("events {}\nhttp { include "+w.site+"; }\n"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	w.Host.Host.Units = answering{fake.Units{World: w.World}}
	w.Host.Host.Docker = stopping{fake.Docker{World: w.World}, w}
	w.serveSlots()
	return w
}

func (w *scene) read(path string) string {
	w.T.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		w.T.Fatal(err)
	}
	return string(b)
}

// answering is a systemd whose slots' sockets are answered.
type answering struct{ fake.Units }

func (u answering) Start(ctx context.Context, unit string) error {
	err := u.Units.Start(ctx, unit)
	if l := u.Listeners[unit]; err == nil && l != nil && strings.HasSuffix(unit, ".socket") {
		go func() { _ = http.Serve(l, answer) }()
	}
	return err
}

// stopping is a Docker on which web-1 may not stop.
type stopping struct {
	fake.Docker
	*scene
}

func (d stopping) Stop(ctx context.Context, id string) error {
	if id == "web-1" && d.stopFails != nil {
		return d.stopFails
	}
	return d.Docker.Stop(ctx, id)
}

// serveSlots does what the slots' services do on their own, until the test ends.
func (w *scene) serveSlots() {
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	w.T.Cleanup(func() { end(); <-done })
	go func() {
		defer close(done)
		for ; ctx.Err() == nil; time.Sleep(2 * time.Millisecond) {
			for _, slot := range slots.Both("myapp") {
				if _, filled, err := w.Paths.SlotRelease(slot); err == nil && filled {
					w.serveSlot(ctx, slot)
				}
			}
		}
	}()
}

// serveSlot replaces a release for a command that lives, gives back what stands in
// for the other slot, stops for the originals, and says how a candidate is.
func (w *scene) serveSlot(ctx context.Context, slot sockets.Slot) {
	holder, held, _ := w.Paths.LockHolder(slot.App)
	live, _, _ := sockets.ReadLive(w.Paths.Live(slot.App))
	st, _, _ := w.Paths.ReadSlotStatus(slot)
	pause, paused, _ := w.Paths.ReadPause(slot)
	_, pending, _ := w.Paths.NextRelease(slot)
	_, wanted, _ := w.Paths.NextRelease(slot.Other())
	switch {
	case pending:
		w.replace(ctx, slot, held)
	case live == slot && pause.Reason == state.PauseStandIn && !wanted:
		_ = w.Paths.SwitchBack(ctx, slot, nil)
	case paused && pause.Reason == state.PauseUnadopt && !st.Stopped:
		r, _, _ := w.Paths.SlotRelease(slot)
		_ = w.SetRunning(r.Container(slot.Color), false)
		_ = w.Paths.WriteSlotStatus(slot, state.SlotStatus{Phase: state.PhaseHolding, Stopped: true, Release: r.Number})
	case st.Phase == state.PhaseWarm && held && holder.Slot == slot.String():
		w.Retire.Store(true) // what was live until now
		st.Phase = state.PhaseHealthy
		_ = w.Paths.WriteSlotStatus(slot, st)
	}
}

// replace puts the next release in the place of the slot's own, unless that does
// not become healthy or the command that has asked for it is dead.
func (w *scene) replace(ctx context.Context, slot sockets.Slot, held bool) {
	old, _, _ := w.Paths.SlotRelease(slot)
	next, _, err := w.Paths.NextRelease(slot)
	if held && !w.Sick[next.ImageID] {
		err = errors.Join(err, w.Paths.Promote(ctx, slot, next.Number))
	} else {
		err = errors.Join(err, w.Paths.WithdrawNext(ctx, slot, 0))
	}
	if err == nil {
		w.Mu.Lock()
		delete(w.Containers, old.Container(slot.Color))
		w.Mu.Unlock()
		err = w.Supervise(slot)
	}
	if err != nil {
		w.T.Error(err)
	}
}

// wantLedToSlot checks that a site that was adopted leads to the slot, and that
// its container is kept, stopped.
func (w *scene) wantLedToSlot(when string) {
	w.T.Helper()
	c, there := w.Containers["web-1"]
	if there && (c.Running || c.RestartPolicy != "no" || !strings.Contains(w.read(w.site), w.Paths.Live("myapp"))) {
		w.T.Errorf("%s: the original %+v, the site\n%s", when, c, w.read(w.site))
	}
}

func (w *scene) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

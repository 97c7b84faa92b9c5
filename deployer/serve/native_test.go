package serve

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// takesOne is a hand-off whose container asks once, after another process did.
type takesOne struct {
	denied chan sockets.Peer
	closed chan struct{}
}

func (h *takesOne) Next(ctx context.Context, allow func(sockets.Peer) error, denied func(sockets.Peer, error)) (sockets.Peer, error) {
	stranger, own := sockets.Peer{PID: 7}, sockets.Peer{PID: 42}
	if err := allow(stranger); err != nil {
		denied(stranger, err)
		h.denied <- stranger
	}
	return own, allow(own)
}

func (h *takesOne) Close() error { close(h.closed); return nil }

// native makes release 1 a native one.
func (w *world) native(h *takesOne) {
	w.t.Helper()
	r := state.Release{App: "myapp", ImageID: "image-4", Image: "myapp:v4", Mode: run.Native, Env: []string{"LISTEN={fd}"}, Command: []string{"serve", "--fd={fd}"}}
	w.must(w.paths.WriteRelease(&r))
	w.engine.behaviour["image-4"] = behaviour{healthcheck: func() int { return 0 }}
	w.handoff = func(string, []string) (run.Handoff, error) { return h, nil }
	w.live(w.slot)
	w.must(w.paths.FillSlot(w.slot, r.Number))
}

func TestNativeContainerGetsTheListener(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		h := &takesOne{make(chan sockets.Peer, 1), make(chan struct{})}
		w.native(h)
		w.start(app)
		time.Sleep(5 * time.Second)
		w.wants(state.PhaseHealthy)
		if p := <-h.denied; p.PID != 7 {
			t.Errorf("turned away %+v", p)
		}
		<-h.closed // the offer ended with the hand-over
		if w.k.front.Gate.Total() != 0 || w.open() {
			t.Error("this process takes connections in, too")
		}
		spec := w.engine.specs["myapp-blue-4"]
		if spec.Init == nil || spec.Init.Dir != filepath.Join(w.paths.Run, "handoff", "myapp-blue-4") ||
			spec.Env[0] != "LISTEN=3" || spec.Command[1] != "--fd=3" {
			t.Errorf("spec %+v", spec)
		}
		w.stop()
	})
}

// Systemd makes the socket non-blocking at every start of this process, while
// the app that wants it otherwise goes on.
func TestNativeBlockingIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.native(&takesOne{make(chan sockets.Peer, 1), make(chan struct{})})
		w.must(w.paths.SetPause(w.slot, state.Pause{Until: time.Now().Add(time.Hour), Reason: state.PauseAdopt}))
		w.start(app)
		w.k.release.Blocking = true
		w.must(w.paths.ClearPause(w.slot))
		w.nudge()
		time.Sleep(5 * time.Second)
		for range 2 {
			if !w.listener.isBlocking() {
				t.Error("the app does not get a blocking socket")
			}
			w.must(w.listener.SetBlocking(false))
			time.Sleep(5 * time.Second)
		}
		w.stop()
	})
}

func TestNativePauseFreezes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.native(&takesOne{make(chan sockets.Peer, 1), make(chan struct{})})
		w.start(app)
		time.Sleep(5 * time.Second)
		w.must(w.paths.SetPause(w.slot, state.Pause{Until: time.Now().Add(5 * time.Second), Reason: state.PauseAsked}))
		w.nudge()
		time.Sleep(time.Second)
		w.wants(state.PhaseHolding)
		if s := w.engine.status("myapp-blue-4"); s != "paused" {
			t.Errorf("container is %q", s)
		}
		time.Sleep(5 * time.Second)
		w.wants(state.PhaseHealthy)
		if s := w.engine.status("myapp-blue-4"); s != "running" {
			t.Errorf("container is %q", s)
		}
		w.stop()
	})
}

// Another container's answer says nothing of one that has not taken the listener.
func TestNativeReplicaHasToTakeTheListener(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		h := &takesOne{make(chan sockets.Peer, 3), make(chan struct{})}
		w.native(h)
		first := true
		w.handoff = func(dir string, _ []string) (run.Handoff, error) {
			if strings.HasSuffix(dir, "-2") && first {
				first = false
				return neverAsked{}, nil
			}
			return &takesOne{make(chan sockets.Peer, 3), make(chan struct{})}, nil
		}
		r := state.Release{App: "myapp", ImageID: "image-4", Image: "myapp:v4", Mode: run.Native, Replicas: 3, Settings: json.RawMessage(`{"version":1}`)}
		w.must(w.paths.WriteRelease(&r))
		w.must(w.paths.FillSlot(w.slot, r.Number))
		w.start(app)
		time.Sleep(5 * time.Second)
		st := w.wantUp(2, 3)
		if got := st.Replicas[1].Probe; got != "the container has not taken the listeners yet" {
			t.Errorf("probe %q", got)
		}
		w.engine.kill("myapp-blue-5-2", nil, 125)
		time.Sleep(5 * time.Second)
		w.wantUp(3, 3)
		w.stop()
	})
}

// A service that is killed between the start of its container and the hand-over
// leaves a container that waits for the listener.
func TestNativeContainerThatStillWaitsForTheListener(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.native(&takesOne{make(chan sockets.Peer, 1), make(chan struct{})})
		w.handoff = func(string, []string) (run.Handoff, error) { return neverAsked{}, nil }
		w.start(app)
		time.Sleep(time.Second)
		w.crash()
		h := &takesOne{make(chan sockets.Peer, 1), make(chan struct{})}
		w.handoff = func(string, []string) (run.Handoff, error) { return h, nil }
		w.start(app)
		time.Sleep(5 * time.Second) // another process is turned away first
		w.wants(state.PhaseHealthy)
		w.wantRunning("myapp-blue-4")
		select {
		case <-h.closed:
		default:
			t.Error("nobody gives it the listener")
		}
		w.stop()
	})
}

// neverAsked is a hand-off that nobody comes to.
type neverAsked struct{}

func (neverAsked) Next(ctx context.Context, _ func(sockets.Peer) error, _ func(sockets.Peer, error)) (sockets.Peer, error) {
	<-ctx.Done()
	return sockets.Peer{}, ctx.Err()
}

func (neverAsked) Close() error { return nil }

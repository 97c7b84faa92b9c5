package serve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/fake"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/count"
	"edgeman/sockets/relay"
)

// fakeTarget dials whatever listens at addr, if its container takes connections.
type fakeTarget struct {
	*fake.EchoApp
	deaf bool
}

func (f fakeTarget) Dial(ctx context.Context, listener string) (*relay.Conn, error) {
	if f.deaf {
		return nil, errors.New("refused")
	}
	return f.EchoApp.Dial(ctx, listener)
}

func (f fakeTarget) Begin(listener string) (*relay.Conn, error) {
	if f.deaf {
		return nil, errors.New("refused")
	}
	return f.EchoApp.Begin(listener)
}

func (f fakeTarget) Close() error { return nil }

// fakeListener never has a connection.
type fakeListener struct {
	mu       sync.Mutex
	paused   bool
	dead     bool
	queued   int
	blocking bool
	onPause  func()
	undone   int // times it was made non-blocking after it was blocking
}

func (l *fakeListener) Name() string { return "8080" }

func (l *fakeListener) Path() string { return "/" }

func (l *fakeListener) Accept(ctx context.Context) (*relay.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (l *fakeListener) Serve(ctx context.Context, _ func(*relay.Conn) bool) error {
	<-ctx.Done()
	return ctx.Err()
}

func (l *fakeListener) AwaitConnection(ctx context.Context) error {
	for ctx.Err() == nil {
		if n, _ := l.Pending(); n > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return ctx.Err()
}
func (l *fakeListener) AwaitDeath(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func (l *fakeListener) Pause() {
	if l.onPause != nil {
		l.onPause()
	}
	l.set(true)
}
func (l *fakeListener) Resume() error      { l.set(false); return l.SetBlocking(false) }
func (l *fakeListener) Alive() bool        { l.mu.Lock(); defer l.mu.Unlock(); return !l.dead }
func (l *fakeListener) Relisten(int) error { return nil }
func (l *fakeListener) SetBlocking(on bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.blocking && !on {
		l.undone++
	}
	l.blocking = on
	return nil
}

func (l *fakeListener) isBlocking() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.blocking }
func (l *fakeListener) Queue() (count.Queue, error) {
	return count.Queue{Backlog: 4096}, nil
}

func (l *fakeListener) Pending() (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.queued, nil }
func (l *fakeListener) queue(n int)           { l.mu.Lock(); l.queued = n; l.mu.Unlock() }
func (l *fakeListener) set(v bool)            { l.mu.Lock(); l.paused = v; l.mu.Unlock() }
func (l *fakeListener) isPaused() bool        { l.mu.Lock(); defer l.mu.Unlock(); return l.paused }

// world is a slot and everything around it.
type world struct {
	t        *testing.T
	paths    state.Paths
	slot     sockets.Slot
	engine   *fakeEngine
	app      *fake.EchoApp // for a service that starts again
	listener *fakeListener
	k        *keeper
	handoff  func(dir string, names []string) (run.Handoff, error)

	mu      sync.Mutex
	count   count.Connections
	stopped []string

	touched    bool     // somebody has connected to the slot's socket
	restarted  []string // units
	cannotOpen error    // why the other slot's units do not start

	cancel context.CancelFunc
	result chan exit
}

type exit struct {
	code int
	err  error
}

// newWorld has an app with releases 1 to 3, nothing in its slots and no live
// pointer. The image of release N is "image-N".
func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{
		t: t, slot: sockets.Slot{App: "myapp", Color: sockets.Blue}, engine: newFakeEngine(), listener: &fakeListener{},
		paths: state.Paths{Etc: dir + "/etc", Var: dir + "/var", Run: dir + "/run"},
	}
	w.must(w.paths.MakeApp("myapp"))
	app := state.DefaultApp("myapp")
	app.Listeners = []state.Listener{state.PortListener(8080)}
	app.Drain.Timeout, app.Start.Timeout = state.Duration(30*time.Second), state.Duration(20*time.Second)
	w.must(w.paths.WriteApp(app))
	for n := range 3 {
		r := state.Release{App: "myapp", ImageID: "image-" + strconv.Itoa(n+1), Image: "myapp:v" + strconv.Itoa(n+1), Listeners: []state.Listener{state.PortListener(8080)}, Settings: json.RawMessage(`{"version":1}`)}
		w.must(w.paths.WriteRelease(&r))
	}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) live(s sockets.Slot) {
	w.t.Helper()
	w.must(sockets.SwitchLive(w.paths.Live("myapp"), w.paths.Run, s))
}

// candidate fills the slot as a swap does that makes it live when it is well,
// and returns the lock that the swap holds.
func (w *world) candidate(release int) *state.Lock {
	w.t.Helper()
	w.live(w.slot.Other())
	lock, err := w.paths.TakeLock(w.t.Context(), "myapp", "swap", 0)
	w.must(err)
	w.must(lock.Candidate(w.slot))
	w.must(w.paths.FillSlot(w.slot, release))
	return lock
}

// start runs the slot's service.
func (w *world) start(app *fake.EchoApp) {
	w.t.Helper()
	log := func(format string, args ...any) { w.t.Logf(format, args...) }
	settings, err := w.paths.ReadApp("myapp")
	w.must(err)
	out, err := run.OpenOutput(w.paths.SlotOutput(w.slot), io.Discard, io.Discard, log)
	w.must(err)
	known, _, err := w.paths.ReadSlotStatus(w.slot)
	w.must(err)
	w.k = &keeper{
		paths: w.paths, slot: w.slot, app: settings, log: log, host: w.host(),
		front:   carry.NewFront([]carry.Listener{w.listener}, time.Minute, 100, func(error) {}),
		out:     &publisher{paths: w.paths, slot: w.slot, notify: func(string) error { return nil }, log: log},
		changes: make(chan struct{}, 1), queues: map[string]queueCare{},
	}
	w.k.containers = &run.Containers{
		Slot: w.slot, Paths: w.paths, SetBlocking: w.listener.SetBlocking, Handoff: w.handoff, InitProgram: "/usr/lib/edgeman-init",
		Output: out, Log: log, Notify: w.k.out.notify, Changed: func() { trigger(w.k.changes) },
		Engine: func(context.Context) (run.Engine, error) { return w.engine, nil },
		Reach: func(_ docker.Container, r state.Release) (run.Reachable, error) {
			return fakeTarget{app, w.engine.behaviour[r.ImageID].deaf}, nil
		},
	}
	w.k.remember(known)
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	w.result = make(chan exit, 1)
	go func() {
		code, err := w.k.keep(ctx)
		w.result <- exit{code, err}
	}()
	synctest.Wait()
}

// host is systemd and the kernel.
func (w *world) host() *host {
	return &host{
		listeners: listeners{w.listener},
		count: func(string) (map[string]count.Connections, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return map[string]count.Connections{"8080.sock": w.count}, nil
		},
		stopUnit: func(_ context.Context, unit string) error {
			w.stopped = append(w.stopped, unit)
			return nil
		},
		stopAlone: func(_ context.Context, unit string) error {
			w.stopped = append(w.stopped, "alone "+unit)
			return nil
		},
		restartUnit: func(_ context.Context, unit string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.restarted = append(w.restarted, unit)
			return nil
		},
		touched: func(string) (bool, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			was := w.touched
			w.touched = false
			return was, nil
		},
		openSlot: func(_ context.Context, _ sockets.Slot, fill func() error) error {
			if w.cannotOpen != nil {
				return w.cannotOpen
			}
			return fill()
		},
	}
}

// crash ends the service as SIGKILL does: nothing is put in order.
func (w *world) crash() {
	w.t.Helper()
	// A stop would stop the container, so keep it from that.
	w.engine.mu.Lock()
	w.engine.away = true
	w.engine.mu.Unlock()
	w.cancel()
	<-w.result
	w.engine.mu.Lock()
	w.engine.away = false
	w.engine.mu.Unlock()
}

// nudge makes the service look, as the watcher would, and waits a moment.
func (w *world) nudge() {
	trigger(w.k.changes)
	synctest.Wait()
}

func (w *world) setCount(established, queued int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count = count.Connections{Established: established, Queued: queued}
}

func (w *world) status() state.SlotStatus {
	w.t.Helper()
	st, _, err := w.paths.ReadSlotStatus(w.slot)
	w.must(err)
	return st
}

// open tells whether requests reach the app.
func (w *world) open() bool {
	return w.leadsTo() != nil
}

// leadsTo is where requests go.
func (w *world) leadsTo() *carry.Pool {
	to, err := w.k.front.Gate.Pass(nil)
	w.must(err)
	if to != nil {
		w.k.front.Gate.Leave()
	}
	return to
}

// wantsNoPause checks that the pause has ended and that requests get through.
func (w *world) wantsNoPause() {
	w.t.Helper()
	if p, _, _ := w.paths.ReadPause(w.slot); !p.Until.IsZero() {
		w.t.Error("the pause is still there")
	}
	if !w.open() || w.listener.isPaused() {
		w.t.Error("requests wait")
	}
}

// wants checks the phase in the status file.
func (w *world) wants(phase string) state.SlotStatus {
	w.t.Helper()
	st := w.status()
	if st.Phase != phase {
		w.t.Errorf("phase %q, want %q; status %+v", st.Phase, phase, st)
	}
	return st
}

func (w *world) wantRunning(names ...string) {
	w.t.Helper()
	got := w.engine.running()
	ok := len(got) == len(names)
	for _, n := range names {
		ok = ok && got[n]
	}
	if !ok {
		w.t.Errorf("running: %v, want %v", got, names)
	}
}

// ends waits at most d for the service to end by itself.
func (w *world) ends(d time.Duration, code int) {
	w.t.Helper()
	select {
	case o := <-w.result:
		if o.code != code {
			w.t.Errorf("exit code %d (%v), want %d", o.code, o.err, code)
		}
	case <-time.After(d):
		w.t.Fatalf("still running; status %+v", w.status())
	}
}

func (w *world) goesOn() {
	w.t.Helper()
	select {
	case o := <-w.result:
		w.t.Fatalf("ended with %d, %v", o.code, o.err)
	default:
	}
}

// stop ends the test's service.
func (w *world) stop() {
	w.cancel()
	<-w.result
	synctest.Wait()
}

// specOf is the container of that release that an earlier process made.
func specOf(slot sockets.Slot, release int) docker.Spec {
	name := state.Release{App: slot.App, Number: release}.Container(slot.Color)
	return docker.Spec{Name: name, Labels: map[string]string{
		"edgeman.app": slot.App, "edgeman.slot": slot.Color, "edgeman.release": strconv.Itoa(release),
	}}
}

package deployer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/systemd"
)

// world is a host of fakes. Starting a slot's service does what its supervisor
// would: it reads the slot's release and reports a phase.
type world struct {
	*Host
	changes
	t           *testing.T
	out, err    bytes.Buffer
	units       map[string]string // unit: active state
	calls       []string
	images      map[string]docker.Image
	mu          sync.Mutex // containers are stopped at the same time
	containers  map[string]docker.Container
	listeners   map[string]net.Listener // by unit; nil: sockets are not opened
	settings    map[string]string       // of a container that is adopted
	startFails  map[string][]string     // unit: in which state each start that fails leaves it
	pulls       func(ref string)        // what a pull brings
	sick        map[string]bool         // image ids that never become healthy
	doubt       error                   // that a container serves an address
	otherPorts  locate.Elsewhere        // said of every container
	names       map[string][]netip.Addr // that lead somewhere
	writes      []string                // data of an adopted container
	beside      []string                // why an adopted container must not run beside its successor
	nginxFails  error                   // a candidate configuration
	nginxBroken error                   // the configuration on disk
	pending     []nginx.Pending         // what others have edited and nginx has not loaded
	retire      atomic.Bool             // retired slots end by themselves at once
	onStep      func(name string)       // called when a step has been told
	pullErr     error                   // why a pull fails
	pulled      docker.Image            // what a pull brings; default: another each time
}

// Write takes what the commands tell of their steps.
func (w *world) Write(text []byte) (int, error) {
	if name, _, ok := strings.Cut(strings.TrimPrefix(string(text), "  "), " "); ok && w.onStep != nil && strings.HasPrefix(string(text), "  ") {
		w.onStep(name)
	}
	return w.err.Write(text)
}

func newWorld(t *testing.T) *world {
	dir := t.TempDir()
	w := &world{
		t: t, units: map[string]string{}, images: map[string]docker.Image{},
		containers: map[string]docker.Container{}, sick: map[string]bool{},
	}
	w.retire.Store(true)
	w.Host = &Host{
		Paths:  state.Paths{Etc: filepath.Join(dir, "etc"), Var: filepath.Join(dir, "var"), Run: filepath.Join(dir, "run")},
		Docker: w, Units: unitsOf{w}, Nginx: nginxOf{w}, Files: OSFiles{}, Out: &w.out, Err: w, Wait: time.Second,
		System: System{Root: dir, Executable: func() (string, error) { return filepath.Join(dir, programPath), nil }},
	}
	shim := filepath.Join(dir, libDir, "edgeman-init")
	program := filepath.Join(dir, programPath)
	err := errors.Join(os.MkdirAll(filepath.Dir(shim), 0o755), os.WriteFile(shim, nil, 0o755),
		os.MkdirAll(filepath.Dir(program), 0o755), os.WriteFile(program, nil, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"v1", "v2", "v3"} {
		pulled := docker.Image{ID: "sha256:" + v, RepoDigests: []string{"r.example/myapp@sha256:registry-" + v}}
		w.images["myapp:"+v], w.images["sha256:"+v] = pulled, pulled
	}
	return w
}

// adopted makes an app with release 1 live on blue, as adopt leaves it.
func (w *world) adopted() {
	w.t.Helper()
	app := state.DefaultApp("myapp")
	app.Port, app.Image = 8080, "myapp"
	app.Start.Timeout, app.Drain.Timeout = state.Duration(time.Minute), state.Duration(time.Second)
	r := state.Release{App: "myapp", Image: "myapp:v1", ImageID: "sha256:v1", Port: 8080, Mode: "proxy", Settings: json.RawMessage(`{"version":1}`)}
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	err := errors.Join(w.Paths.MakeApp("myapp"), w.Paths.WriteApp(app), w.Paths.WriteRelease(&r),
		sockets.SwitchLive(w.Paths.Live("myapp"), w.Paths.Run, blue), w.fill(context.Background(), blue, r, state.Pause{}))
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) live() (string, int) {
	w.t.Helper()
	slot, _, err := sockets.ReadLive(w.Paths.Live("myapp"))
	if err != nil {
		w.t.Fatal(err)
	}
	r, _, err := w.Paths.SlotRelease(slot)
	if err != nil {
		w.t.Fatal(err)
	}
	return slot.Color, r.Number
}

// supervise is the slot's service at its start.
func (w *world) supervise(slot sockets.Slot) error {
	r, filled, err := w.Paths.SlotRelease(slot)
	if err != nil || !filled {
		return err
	}
	st := state.SlotStatus{Phase: state.PhaseHealthy, Release: r.Number, Since: time.Now()}
	if p, _, _ := w.Paths.ReadPause(slot); p.Reason == state.PauseReplace || p.Reason == state.PauseStandIn {
		st.Phase = state.PhaseHolding
		return w.Paths.WriteSlotStatus(slot, st)
	}
	if p, _, _ := w.Paths.ReadPause(slot); p.Reason == state.PauseRelease {
		st.Phase, st.Stopped = state.PhaseHolding, true
		return w.Paths.WriteSlotStatus(slot, st)
	}
	if w.sick[r.ImageID] {
		st.Phase, st.Probe = state.PhaseStarting, "503 Service Unavailable"
	}
	w.containers[r.Container(slot.Color)] = docker.Container{ID: r.Container(slot.Color), Running: true, Raw: json.RawMessage(`{"Id":"x","Name":"/x","Image":"sha256:x","State":{},"Config":{},"HostConfig":{},"NetworkSettings":{},"Mounts":[]}`)}
	return w.Paths.WriteSlotStatus(slot, st)
}

// end is a retired slot's own end.
func (w *world) end(slot sockets.Slot) {
	r, filled, _ := w.Paths.SlotRelease(slot)
	live, _, _ := sockets.ReadLive(w.Paths.Live(slot.App))
	holder, _, _ := w.Paths.LockHolder(slot.App)
	if !filled || live == slot || holder.Slot == slot.String() || !w.retire.Load() {
		return
	}
	delete(w.containers, r.Container(slot.Color))
	w.units[slot.ServiceUnit()], w.units[slot.SocketUnit()] = "inactive", "inactive"
	if err := errors.Join(w.Paths.EmptySlot(slot), w.Paths.WriteSlotStatus(slot, state.SlotStatus{Phase: state.PhaseEmpty})); err != nil {
		w.t.Error(err)
	}
	if p, _, _ := w.Paths.ReadPause(live); p.Reason == state.PauseReplace {
		if err := errors.Join(w.Paths.ClearPause(live), w.supervise(live)); err != nil {
			w.t.Error(err)
		}
	}
}

type unitsOf struct{ *world }

func (u unitsOf) Start(_ context.Context, unit string) error {
	u.calls = append(u.calls, "start "+unit)
	if f := u.startFails[unit]; len(f) > 0 {
		u.startFails[unit], u.units[unit] = f[1:], f[0]
		return &systemd.JobError{Result: "failed"}
	}
	u.units[unit] = "active"
	name, isService := strings.CutSuffix(strings.TrimPrefix(unit, "edgeman@"), ".service")
	if !isService {
		return u.listen(unit)
	}
	slot, err := sockets.ParseSlot(name)
	if err != nil {
		return err
	}
	return u.supervise(slot)
}

// listen opens the slot's socket, in a world that wants to see it.
func (w *world) listen(unit string) error {
	if w.listeners == nil || w.listeners[unit] != nil {
		return nil
	}
	slot, err := sockets.ParseSlot(strings.TrimSuffix(strings.TrimPrefix(unit, "edgeman@"), ".socket"))
	if err == nil {
		err = w.Paths.MakeRun()
	}
	if err != nil {
		return err
	}
	l, err := net.Listen("unix", slot.SocketPath(w.Paths.Run))
	if err != nil {
		return err
	}
	w.listeners[unit] = l
	w.t.Cleanup(func() { l.Close() })
	return nil
}

func (u unitsOf) Stop(_ context.Context, unit string) error {
	u.calls = append(u.calls, "stop "+unit)
	u.units[unit] = "inactive"
	if l := u.listeners[unit]; l != nil {
		l.Close()
		delete(u.listeners, unit)
	}
	return nil
}

func (u unitsOf) Restart(ctx context.Context, unit string) error {
	return errors.Join(u.Stop(ctx, unit), u.Start(ctx, unit))
}

func (u unitsOf) State(_ context.Context, unit string) (systemd.Unit, error) {
	if name, ok := strings.CutSuffix(strings.TrimPrefix(unit, "edgeman@"), ".service"); ok {
		if slot, err := sockets.ParseSlot(name); err == nil {
			u.end(slot)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	active := u.units[unit]
	if active == "" {
		active = "inactive"
	}
	return systemd.Unit{Active: active}, nil
}

func (u unitsOf) Active(_ context.Context, pattern string) (map[string]string, error) {
	return matching(u.units, pattern), nil
}

func (u unitsOf) Enable(context.Context, ...string) error   { return nil }
func (u unitsOf) Disable(context.Context, ...string) error  { return nil }
func (u unitsOf) Reload(context.Context) error              { return nil }
func (u unitsOf) ResetFailed(context.Context, string) error { return nil }

// Start is no success for a container with an error.
func (w *world) Start(_ context.Context, id string) error {
	return w.change(id, func(c *docker.Container) { c.Running = c.Error == "" })
}

func (w *world) Stop(_ context.Context, id string) error { return w.setRunning(id, false) }

func (w *world) RemoveImage(_ context.Context, id string) (bool, error) {
	_, there := w.images[id]
	delete(w.images, id)
	return there, nil
}

func (w *world) setRunning(id string, running bool) error {
	return w.change(id, func(c *docker.Container) { c.Running = running })
}

func (w *world) change(id string, f func(*docker.Container)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.containers[id]
	if !ok {
		return docker.ErrNotFound
	}
	f(&c)
	w.containers[id] = c
	return nil
}

func (w *world) Inspect(_ context.Context, name string) (docker.Container, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.containers[name]
	if !ok {
		return c, docker.ErrNotFound
	}
	return c, nil
}

func (w *world) List(_ context.Context, labels map[string]string, _ bool) ([]docker.Container, error) {
	var out []docker.Container
	for name, c := range w.containers {
		if strings.HasPrefix(name, labels["edgeman.app"]+"-"+labels["edgeman.slot"]+"-") {
			out = append(out, c)
		}
	}
	return out, nil
}

func (w *world) Remove(_ context.Context, id string) error {
	delete(w.containers, id)
	return nil
}

func (w *world) Image(_ context.Context, ref string) (docker.Image, error) {
	i, ok := w.images[ref]
	if !ok {
		return i, docker.ErrNotFound
	}
	return i, nil
}

func (w *world) Pull(_ context.Context, ref string, progress func(registry.Progress)) error {
	if w.pullErr != nil {
		return w.pullErr
	}
	progress(registry.Progress{Current: 1, Total: 2})
	if w.pulls != nil {
		w.pulls(ref)
	}
	if w.pulled.ID != "" {
		w.images[ref] = w.pulled
		return nil
	}
	w.images[ref] = docker.Image{ID: "sha256:pulled", RepoDigests: []string{registry.Repository(ref) + "@sha256:abc"}}
	return nil
}

func (w *world) Tail(context.Context, string, int) (string, error) { return "last words\n", nil }

func (w *world) Serving(_ context.Context, at netip.AddrPort) ([]locate.Target, error) {
	for _, c := range w.containers {
		if c.Running && ownAddress(c, at.Addr()) {
			return []locate.Target{{Container: c, Port: at.Port(), By: "address"}}, nil
		}
		for _, p := range c.Published {
			if p.HostPort == at.Port() && c.Running && (!p.HostIP.IsValid() || p.HostIP == at.Addr()) {
				return []locate.Target{{Container: c, Port: p.ContainerPort, By: "published"}}, nil
			}
		}
	}
	return nil, &locate.Doubt{Reason: "nothing listens there on this machine"}
}

func (w *world) Confirm(context.Context, docker.Container, uint16, netip.AddrPort) error {
	return w.doubt
}

func (w *world) OtherPorts(context.Context, string, uint16) (locate.Elsewhere, error) {
	return w.otherPorts, nil
}

func (w *world) Adopt(_ context.Context, id string, _ uint16, _ ...netip.AddrPort) (adoptable.Adoption, error) {
	settings := w.settings[id]
	if settings == "" {
		settings = `{"version":1}`
	}
	return adoptable.Adoption{Container: w.containers[id], Settings: json.RawMessage(settings), Recreate: w.beside, Writes: w.writes}, nil
}

func (w *world) Rename(context.Context, string, string) error { return nil }

func (w *world) SetRestart(_ context.Context, id, policy string) error {
	return w.change(id, func(c *docker.Container) { c.RestartPolicy = policy })
}

// Recreate finds in raw which of the adopted containers it is to make.
func (w *world) Recreate(_ context.Context, raw json.RawMessage) (string, []string, error) {
	var c docker.Container
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", nil, err
	}
	w.containers[c.ID] = c
	return c.ID, nil, nil
}

func (w *world) RecreateAs(context.Context, json.RawMessage, docker.Spec) (string, error) {
	return "", errors.New("not in this world")
}

type nginxOf struct{ *world }

func (n nginxOf) Precheck(context.Context) ([]nginx.Message, error) { return nil, n.nginxBroken }
func (n nginxOf) Test(context.Context) ([]nginx.Message, error)     { return nil, nil }

func (n nginxOf) TestCandidate(context.Context, map[string][]byte) ([]nginx.Message, error) {
	n.calls = append(n.calls, "test candidate")
	return nil, n.nginxFails
}

func (n nginxOf) Reload(context.Context, ...string) (nginx.Reloaded, error) {
	n.calls = append(n.calls, "reload nginx")
	return nginx.Reloaded{}, nil
}

func (n nginxOf) PendingEdits(context.Context, []string) ([]nginx.Pending, error) {
	return n.pending, nil
}

func (n nginxOf) Facts(context.Context) (nginx.Facts, error) {
	dir := filepath.Dir(n.Paths.Etc)
	return nginx.Facts{Running: true, Version: "1.22.1", Main: filepath.Join(dir, "nginx.conf"), Identity: nginx.Identity{UID: uint32(os.Getuid())}}, nil
}

func (w *world) API() string                              { return "1.41" }
func (u unitsOf) Version(context.Context) (string, error) { return "252", nil }

func (n nginxOf) Resolve(_ context.Context, host string) ([]netip.Addr, error) {
	if ips := n.names[host]; len(ips) > 0 {
		return ips, nil
	}
	return nil, errors.New("the name " + host + " leads nowhere on this machine")
}

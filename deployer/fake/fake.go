// Package fake is a host without systemd, Docker and nginx, for the tests of the
// commands: it stands in for all three.
package fake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"edgeman/deployer/console"
	"edgeman/templates"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/nginx"
	"edgeman/deployer/program"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/systemd"
)

// World is a host of fakes. Starting a slot's service does what its supervisor
// would: it reads the slot's release and reports a phase.
type World struct {
	Changes
	Dirs           state.Paths
	System         program.System
	T              *testing.T
	Stdout, Stderr bytes.Buffer
	UnitStates     map[string]string // unit: active state
	Calls          []string
	Images         map[string]docker.Image
	Mu             sync.Mutex // containers are stopped at the same time
	Containers     map[string]docker.Container
	Listeners      map[string]net.Listener // by unit; nil: sockets are not opened
	Settings       map[string]string       // of a container that is adopted
	StartFails     map[string][]string     // unit: in which state each start that fails leaves it
	Pulls          func(ref string)        // what a pull brings
	Sick           map[string]bool         // image ids that never become healthy
	Doubt          error                   // that a container serves an address
	Elsewhere      locate.Elsewhere        // said of every container
	Hosts          map[string][]netip.Addr // that lead somewhere
	Writes         []string                // data of an adopted container
	Beside         []string                // why an adopted container must not run beside its successor
	NginxStopped   bool                    // nginx does not run
	NginxFails     error                   // a candidate configuration
	NginxBroken    error                   // the configuration on disk
	Pending        []nginx.Pending         // what others have edited and nginx has not loaded
	Retire         atomic.Bool             // retired slots end at once
	OnStep         func(name string)       // called when a step has been told
	Declares       adoptable.Declared      // what a container shows that was never started
	PullErr        error                   // why a pull fails
	Pulled         docker.Image            // what a pull brings; default: another each time
}

// Write takes what the commands tell of their steps.
func (w *World) Write(text []byte) (int, error) {
	if name, _, ok := strings.Cut(strings.TrimPrefix(string(text), "  "), " "); ok && w.OnStep != nil && strings.HasPrefix(string(text), "  ") {
		w.OnStep(name)
	}
	return w.Stderr.Write(text)
}

// New is a host on which nothing runs.
func New(t *testing.T) *World {
	dir, err := os.MkdirTemp("", "e") // short: a socket path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &World{
		T: t, UnitStates: map[string]string{}, Images: map[string]docker.Image{},
		Containers: map[string]docker.Container{}, Sick: map[string]bool{},
	}
	w.Retire.Store(true)
	w.Dirs = state.Paths{Etc: filepath.Join(dir, "etc"), Var: filepath.Join(dir, "var"), Run: filepath.Join(dir, "run"), Units: filepath.Join(dir, "units")}
	w.System = program.System{Root: dir, Executable: func() (string, error) { return filepath.Join(dir, program.ProgramPath), nil }}
	shim := filepath.Join(dir, program.LibDir, "edgeman-init")
	program := filepath.Join(dir, program.ProgramPath)
	err = errors.Join(os.MkdirAll(filepath.Dir(shim), 0o755), os.WriteFile(shim, nil, 0o755),
		os.MkdirAll(filepath.Dir(program), 0o755), os.WriteFile(program, nil, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"v1", "v2", "v3"} {
		pulled := docker.Image{ID: "sha256:" + v, RepoDigests: []string{"r.example/myapp@sha256:registry-" + v}}
		w.Images["myapp:"+v], w.Images["sha256:"+v] = pulled, pulled
	}
	return w
}

// Adopted makes an app with release 1 live on blue, as adopt leaves it.
func (w *World) Adopted() {
	w.T.Helper()
	app := state.DefaultApp("myapp")
	app.Listeners, app.Image = []state.Listener{state.PortListener(8080)}, "myapp"
	app.Start.Timeout, app.Drain.Timeout = state.Duration(time.Minute), state.Duration(time.Second)
	r := state.Release{App: "myapp", Image: "myapp:v1", ImageID: "sha256:v1", Listeners: app.Listeners, Mode: "proxy", Settings: json.RawMessage(`{"version":1}`)}
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	err := errors.Join(w.listensAt(blue, "8080"), w.listensAt(blue.Other(), "8080"), w.Dirs.MakeApp("myapp"), w.Dirs.WriteApp(app), w.Dirs.WriteRelease(&r),
		sockets.SwitchLive(w.Dirs.Live("myapp"), w.Dirs.Run, blue), w.Dirs.Fill(blue, r.Number, state.Pause{}),
		Units{w}.Start(context.Background(), blue.SocketUnit()), Units{w}.Start(context.Background(), blue.ServiceUnit()))
	if err != nil {
		w.T.Fatal(err)
	}
}

// listensAt writes the drop-in of a slot's socket unit.
func (w *World) listensAt(slot sockets.Slot, names ...string) error {
	f, err := templates.RenderListeners(slot.SocketUnit(), names)
	path := filepath.Join(w.Dirs.Units, f.Path)
	return errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, f.Content, f.Mode))
}

func (w *World) LiveSlot() (string, int) {
	w.T.Helper()
	slot, _, err := sockets.ReadLive(w.Dirs.Live("myapp"))
	if err != nil {
		w.T.Fatal(err)
	}
	r, _, err := w.Dirs.SlotRelease(slot)
	if err != nil {
		w.T.Fatal(err)
	}
	return slot.Color, r.Number
}

// Supervise is the slot's service at its start.
func (w *World) Supervise(slot sockets.Slot) error {
	r, filled, err := w.Dirs.SlotRelease(slot)
	if err != nil || !filled {
		return err
	}
	st := state.SlotStatus{Phase: state.PhaseHealthy, Release: r.Number, Since: time.Now()}
	if p, _, _ := w.Dirs.ReadPause(slot); p.Reason == state.PauseReplace || p.Reason == state.PauseStandIn {
		st.Phase = state.PhaseHolding
		return w.Dirs.WriteSlotStatus(slot, st)
	}
	if p, _, _ := w.Dirs.ReadPause(slot); p.Reason == state.PauseUnadopt {
		st.Phase, st.Stopped = state.PhaseHolding, true
		return w.Dirs.WriteSlotStatus(slot, st)
	}
	if w.Sick[r.ImageID] {
		st.Phase, st.Probe = state.PhaseStarting, "503 Service Unavailable"
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Containers[r.Container(slot.Color)] = docker.Container{ID: r.Container(slot.Color), Running: true, Raw: json.RawMessage(`{"Id":"x","Name":"/x","Image":"sha256:x","State":{},"Config":{},"HostConfig":{},"NetworkSettings":{},"Mounts":[]}`)}
	return w.Dirs.WriteSlotStatus(slot, st)
}

// end is a retired slot's own end.
func (w *World) end(slot sockets.Slot) {
	r, filled, _ := w.Dirs.SlotRelease(slot)
	live, _, _ := sockets.ReadLive(w.Dirs.Live(slot.App))
	holder, _, _ := w.Dirs.LockHolder(slot.App)
	if !filled || live == slot || holder.Slot == slot.String() || !w.Retire.Load() {
		return
	}
	w.Mu.Lock()
	delete(w.Containers, r.Container(slot.Color))
	w.Mu.Unlock()
	w.UnitStates[slot.ServiceUnit()], w.UnitStates[slot.SocketUnit()] = "inactive", "inactive"
	if err := errors.Join(w.Dirs.EmptySlot(slot), w.Dirs.WriteSlotStatus(slot, state.SlotStatus{Phase: state.PhaseEmpty})); err != nil {
		w.T.Error(err)
	}
	if p, _, _ := w.Dirs.ReadPause(live); p.Reason == state.PauseReplace {
		if err := errors.Join(w.Dirs.ClearPause(live), w.Supervise(live)); err != nil {
			w.T.Error(err)
		}
	}
}

// Units is the host's systemd.
type Units struct{ *World }

func (u Units) Start(_ context.Context, unit string) error {
	u.Calls = append(u.Calls, "start "+unit)
	if f := u.StartFails[unit]; len(f) > 0 {
		u.StartFails[unit], u.UnitStates[unit] = f[1:], f[0]
		return &systemd.JobError{Result: "failed"}
	}
	u.UnitStates[unit] = "active"
	name, isService := strings.CutSuffix(strings.TrimPrefix(unit, "edgeman@"), ".service")
	if !isService {
		return u.listen(unit)
	}
	slot, err := sockets.ParseSlot(name)
	if err != nil {
		return err
	}
	return u.Supervise(slot)
}

// listen opens the slot's socket, in a World that wants to see it.
func (w *World) listen(unit string) error {
	if w.Listeners == nil || w.Listeners[unit] != nil {
		return nil
	}
	slot, err := sockets.ParseSlot(strings.TrimSuffix(strings.TrimPrefix(unit, "edgeman@"), ".socket"))
	if err == nil {
		err = w.Dirs.MakeRun()
	}
	if err != nil {
		return err
	}
	dir := slot.SocketDir(w.Dirs.Run)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	r, _, err := w.Dirs.SlotRelease(slot)
	if err != nil {
		return err
	}
	l, err := net.Listen("unix", sockets.SocketPath(dir, r.Main().Name))
	if err != nil {
		return err
	}
	w.Listeners[unit] = l
	w.T.Cleanup(func() { l.Close() })
	return nil
}

func (u Units) Stop(_ context.Context, unit string) error {
	u.Calls = append(u.Calls, "stop "+unit)
	u.UnitStates[unit] = "inactive"
	if l := u.Listeners[unit]; l != nil {
		l.Close()
		delete(u.Listeners, unit)
	}
	return nil
}

func (u Units) Restart(ctx context.Context, unit string) error {
	return errors.Join(u.Stop(ctx, unit), u.Start(ctx, unit))
}

func (u Units) State(_ context.Context, unit string) (systemd.Unit, error) {
	if name, ok := strings.CutSuffix(strings.TrimPrefix(unit, "edgeman@"), ".service"); ok {
		if slot, err := sockets.ParseSlot(name); err == nil {
			u.end(slot)
		}
	}
	u.Mu.Lock()
	defer u.Mu.Unlock()
	active := u.UnitStates[unit]
	if active == "" {
		active = "inactive"
	}
	return systemd.Unit{Active: active}, nil
}

func (u Units) Active(_ context.Context, pattern string) (map[string]string, error) {
	return Matching(u.UnitStates, pattern), nil
}

func (u Units) Enable(context.Context, ...string) error { return nil }

func (u Units) Disable(context.Context, ...string) error { return nil }

func (u Units) Reload(context.Context) error { return nil }

func (u Units) ResetFailed(context.Context, string) error { return nil }

// Docker is the host's Docker.
type Docker struct{ *World }

// Start is no success for a container with an error.
func (w Docker) Start(_ context.Context, id string) error {
	return w.Change(id, func(c *docker.Container) { c.Running = c.Error == "" })
}

func (w Docker) Stop(_ context.Context, id string) error { return w.SetRunning(id, false) }

func (w Docker) RemoveImage(_ context.Context, id string) (bool, error) {
	_, there := w.Images[id]
	delete(w.Images, id)
	return there, nil
}

func (w *World) SetRunning(id string, running bool) error {
	return w.Change(id, func(c *docker.Container) { c.Running = running })
}

func (w *World) Change(id string, f func(*docker.Container)) error {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	c, ok := w.Containers[id]
	if !ok {
		return docker.ErrNotFound
	}
	f(&c)
	w.Containers[id] = c
	return nil
}

func (w Docker) Inspect(_ context.Context, name string) (docker.Container, error) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	c, ok := w.Containers[name]
	if !ok {
		return c, docker.ErrNotFound
	}
	return c, nil
}

func (w Docker) List(_ context.Context, labels map[string]string, _ bool) ([]docker.Container, error) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	var out []docker.Container
	for name, c := range w.Containers {
		if strings.HasPrefix(name, labels["edgeman.app"]+"-"+labels["edgeman.slot"]+"-") {
			out = append(out, c)
		}
	}
	return out, nil
}

func (w Docker) Remove(_ context.Context, id string) error {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	delete(w.Containers, id)
	return nil
}

func (w Docker) Image(_ context.Context, ref string) (docker.Image, error) {
	i, ok := w.Images[ref]
	if !ok {
		return i, docker.ErrNotFound
	}
	return i, nil
}

func (w Docker) Pull(_ context.Context, ref string, progress func(registry.Progress)) error {
	if w.PullErr != nil {
		return w.PullErr
	}
	progress(registry.Progress{Current: 1, Total: 2})
	if w.Pulls != nil {
		w.Pulls(ref)
	}
	if w.Pulled.ID != "" {
		w.Images[ref] = w.Pulled
		return nil
	}
	w.Images[ref] = docker.Image{ID: "sha256:pulled", RepoDigests: []string{registry.Repository(ref) + "@sha256:abc"}}
	return nil
}

func (w Docker) Tail(context.Context, string, int) (string, error) { return "last words\n", nil }

func (w Docker) Serving(_ context.Context, at netip.AddrPort) ([]locate.Target, error) {
	for _, c := range w.Containers {
		if c.Running && c.Owns(at.Addr()) {
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

func (w Docker) Confirm(context.Context, docker.Container, uint16, netip.AddrPort) error {
	return w.Doubt
}

func (w Docker) Declared(context.Context, string, adoptable.Like) (adoptable.Declared, error) {
	return w.Declares, nil
}

func (w Docker) RemoveUnused(_ context.Context, id string) error {
	w.Calls = append(w.Calls, "remove unused "+id)
	return nil
}

func (w Docker) OtherPorts(context.Context, string, []uint16) (locate.Elsewhere, error) {
	return w.Elsewhere, nil
}

func (w Docker) Adopt(_ context.Context, id string, _ ...adoptable.Served) (adoptable.Adoption, error) {
	settings := w.Settings[id]
	if settings == "" {
		settings = `{"version":1}`
	}
	return adoptable.Adoption{Container: w.Containers[id], Settings: json.RawMessage(settings), StopFirst: w.Beside, Writes: w.Writes}, nil
}

func (w Docker) Rename(context.Context, string, string) error { return nil }

func (w Docker) SetRestart(_ context.Context, id, policy string) error {
	return w.Change(id, func(c *docker.Container) { c.RestartPolicy = policy })
}

// Recreate finds in raw which of the adopted containers it is to make.
func (w Docker) Recreate(_ context.Context, raw json.RawMessage) (string, []string, error) {
	var c docker.Container
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", nil, err
	}
	w.Containers[c.ID] = c
	return c.ID, nil, nil
}

func (w Docker) RecreateAs(context.Context, json.RawMessage, docker.Spec) (string, error) {
	return "", errors.New("not in this World")
}

// Nginx is the host's nginx.
type Nginx struct{ *World }

func (n Nginx) Precheck(context.Context) ([]nginx.Message, error) { return nil, n.NginxBroken }

func (n Nginx) Test(context.Context) ([]nginx.Message, error) { return nil, nil }

func (n Nginx) TestCandidate(context.Context, map[string][]byte) ([]nginx.Message, error) {
	n.Calls = append(n.Calls, "test candidate")
	return nil, n.NginxFails
}

func (n Nginx) Reload(context.Context, ...string) (nginx.Reloaded, error) {
	n.Calls = append(n.Calls, "reload nginx")
	return nginx.Reloaded{}, nil
}

func (n Nginx) PendingEdits(context.Context, []string) ([]nginx.Pending, error) {
	return n.Pending, nil
}

func (n Nginx) Facts(context.Context) (nginx.Facts, error) {
	dir := filepath.Dir(n.Dirs.Etc)
	return nginx.Facts{Running: !n.NginxStopped, Version: "1.22.1", Main: filepath.Join(dir, "nginx.conf"), Identity: nginx.Identity{UID: uint32(os.Getuid())}}, nil
}

func (w Docker) API() string { return "1.41" }

func (u Units) Version(context.Context) (string, error) { return "252", nil }

func (n Nginx) Resolve(_ context.Context, host string) ([]netip.Addr, error) {
	if ips := n.Hosts[host]; len(ips) > 0 {
		return ips, nil
	}
	return nil, errors.New("the name " + host + " leads nowhere on this machine")
}

// Changes are what has become of containers since they were made.
type Changes struct {
	Lives  map[string]adoptable.Live // by name
	Gone   []string                  // what an adopted container mounts
	Unmade error                     // it could not be made again
}

func (w Docker) Live(_ context.Context, id string, stored json.RawMessage) (adoptable.Live, error) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if _, ok := w.Containers[id]; !ok {
		return adoptable.Live{}, docker.ErrNotFound
	}
	live := w.Lives[id]
	if live.Settings == nil {
		live.Settings = stored
	}
	return live, nil
}

func (w Docker) Rehearse(context.Context, json.RawMessage) error { return w.Unmade }

func (w Docker) OriginalSourcesGone(json.RawMessage) ([]string, error) { return w.Gone, nil }

func (w Docker) RemoveVolume(_ context.Context, name string) error {
	w.Calls = append(w.Calls, "remove volume "+name)
	return nil
}

// Matching is what systemd lists of units in these states.
func Matching(active map[string]string, pattern string) map[string]string {
	list := map[string]string{}
	for unit, state := range active {
		if matched, _ := path.Match(pattern, unit); matched {
			list[unit] = state
		}
	}
	return list
}

// StartHook does something before each start of a unit.
type StartHook struct {
	Units
	Before func() error
}

func (u StartHook) Start(ctx context.Context, unit string) error {
	return errors.Join(u.Before(), u.Units.Start(ctx, unit))
}

// NewConsole is where its commands read and write.
func (w *World) NewConsole() *console.Console { return &console.Console{Out: &w.Stdout, Err: w} }

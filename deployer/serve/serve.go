// Package serve is the service of one slot: it holds the slot's listening socket,
// keeps the slot's containers running (run) and carries connections from the one
// to the others (carry). The keeper reads a view of the files, the kernel and
// Docker, decides in a function without side effects (decide), and carries out the
// actions that it asks for. What the slot is to do stands in the files of package
// state alone, so a command that dies half-way leaves nothing behind that its
// services do not put right. No command may import this, and it may not know nginx.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/count"
	"edgeman/sockets/systemd"
)

// Options are what the service is started with.
type Options struct {
	Slot   sockets.Slot
	Paths  state.Paths
	Stdout io.Writer // what the container prints goes here
	Stderr io.Writer // and here, and so does what the service itself says

	Version string // of this program, for the status
}

// Run serves the slot until it is drained, stopped by SIGTERM or by ctx, or
// broken. It returns the exit code of the process: 75 for a slot that is empty
// now, 0 after a stop. It says READY=1 as soon as it knows its descriptor and
// its state; the app's health goes to STATUS= and to the slot's status file.
func Run(ctx context.Context, o Options) (int, error) {
	limitMemory()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	k, err := newKeeper(o)
	if err != nil {
		return exitBroken, err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	go func() {
		for range hup {
			trigger(k.changes)
		}
	}()
	k.warn(k.containers.Notify("READY=1"))
	watcher, err := watch(o.Paths, o.Slot, k.changes)
	if err != nil {
		k.log("%v; looking every second instead", err)
	} else {
		defer watcher.Close()
	}
	return k.keep(ctx)
}

// newKeeper takes the listening descriptors and reads the state. A slot that is
// filled needs its descriptors; one that is empty has nothing to do with them.
func newKeeper(o Options) (*keeper, error) {
	log := logger(o.Stderr)
	if err := o.Paths.MakeRun(); err != nil {
		return nil, err
	}
	_, filled, err := o.Paths.SlotRelease(o.Slot)
	filled = filled || err != nil
	passed, err := sockets.Inherited(listenerName)
	if errors.Is(err, sockets.ErrNoListener) && !filled {
		err = nil
	}
	if err != nil {
		return nil, hint.With(fmt.Errorf("%s: %w", o.Slot, err), "systemctl start %s", o.Slot.SocketUnit())
	}
	app, err := o.Paths.ReadApp(o.Slot.App)
	if err != nil && filled {
		// A typing error in the app file must not take the app down at boot.
		log("%v; going on with defaults", err)
		app = state.DefaultApp(o.Slot.App)
	}
	exe, _ := os.Executable() // only native mode needs it
	k := &keeper{
		paths: o.Paths, slot: o.Slot, app: app, log: log,
		changes: make(chan struct{}, 1), queues: map[string]queueCare{},
		host: &host{
			listeners: asListeners(passed), count: count.UnixEach, touched: count.Activity,
			openSlot: openSlot, stopUnit: onUnit(unitLimit, (*systemd.Units).StopNoWait),
			stopAlone: onUnit(unitLimit, (*systemd.Units).StopAlone), restartUnit: onUnit(renewWait, (*systemd.Units).Restart),
		},
	}
	k.containers = &run.Containers{
		Slot: o.Slot, Paths: o.Paths, Engine: run.LazyEngine(), InitProgram: initBeside(filepath.Dir(exe)), Notify: systemd.Notify, Log: log,
		Changed: func() { trigger(k.changes) },
		Handoff: func(dir string, names []string) (run.Handoff, error) {
			given, err := inOrder(passed, names)
			if err != nil {
				return nil, err
			}
			return sockets.OpenHandoff(dir, given)
		},
		Reach: func(c docker.Container, r state.Release) (run.Reachable, error) {
			return run.Reach(c, r, app.Proxy.Source)
		},
	}
	k.containers.SetBlocking = k.host.listeners.setBlocking
	known, _, _ := o.Paths.ReadSlotStatus(o.Slot) // nothing depends on it
	k.remember(known)
	k.out = &publisher{paths: o.Paths, slot: o.Slot, version: o.Version, notify: systemd.Notify, log: log}
	k.front = carry.NewFront(k.host.listeners.carried(), time.Duration(app.Proxy.ParkTimeout), app.Proxy.MaxConnections,
		func(err error) { log("%v", err) })
	k.containers.Output, err = run.OpenOutput(o.Paths.SlotOutput(o.Slot), o.Stdout, o.Stderr, log)
	return k, err
}

// initBeside finds edgeman-init for a program in dir: where install puts it, in
// ../lib/edgeman, or beside it.
func initBeside(dir string) string {
	installed := filepath.Join(filepath.Dir(dir), "lib", "edgeman", "edgeman-init")
	if _, err := os.Stat(installed); err == nil {
		return installed
	}
	return filepath.Join(dir, "edgeman-init")
}

// listenerName is FileDescriptorName= of the socket units.
const listenerName = "slot"

// logAgain is how soon the same line may be written again.
const logAgain = time.Minute

// logger writes the service's own lines for the journal. What is said over and over
// is said once a minute: the journal must stay readable while something is broken.
func logger(w io.Writer) func(format string, args ...any) {
	var mu sync.Mutex
	var last string
	var at time.Time
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		line := "edgeman: " + strings.ReplaceAll(hint.Sprintf(format, args...), "\n", "; ")
		if line == last && time.Since(at) < logAgain {
			return
		}
		last, at = line, time.Now()
		fmt.Fprintln(w, line)
	}
}

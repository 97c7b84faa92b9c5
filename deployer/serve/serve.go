// Package serve is the service of one slot: it holds the slot's listening
// socket, keeps the slot's container running, and carries connections from the
// one to the other. It decides by the files of package state alone what the
// slot is to do, so a command that dies half-way leaves nothing behind that
// its services do not put right.
//
//	keeper.go    the loop that decides           role.go, watch.go, status.go
//	front.go     accepting and forwarding        gate.go, upstream.go
//	carried.go   what each connection is at      traffic.go
//	replicas.go  all containers of the release   pool.go
//	runner.go    keeping one container running   container.go, health.go, probe.go, output.go, stopping.go
//	retire.go    draining and ending             stop.go, pause.go, recreate.go, exclusive.go
//	idle.go      stopping it while nobody uses it     standin.go, moveover.go
//	native.go    the app accepts by itself       memory.go
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
	Init   string    // path of edgeman-init, for native mode

	Version string // of this program, for the status
}

// Run serves the slot until it is drained, stopped by SIGTERM or by ctx, or
// broken. It returns the exit code of the process: 75 for a slot that is empty
// now, 0 after a stop. It says READY=1 as soon as it knows its descriptor and
// its state; the app's health goes to STATUS= and to the slot's status file.
func Run(ctx context.Context, o Options) (int, error) {
	thrift()
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
			poke(k.changes)
		}
	}()
	if err := k.host.notify("READY=1"); err != nil {
		k.host.say("%v", err)
	}
	watcher, err := watch(o.Paths, o.Slot, k.changes)
	if err != nil {
		k.host.say("%v; looking every second instead", err)
	} else {
		defer watcher.Close()
	}
	return k.keep(ctx)
}

// newKeeper takes the listening descriptor and reads the state. A slot that is
// filled needs its descriptor; one that is empty has nothing to do with it.
func newKeeper(o Options) (*keeper, error) {
	say := speaker(o.Stderr)
	if err := o.Paths.MakeRun(); err != nil {
		return nil, err
	}
	_, filled, err := o.Paths.SlotRelease(o.Slot)
	filled = filled || err != nil
	l, err := sockets.Inherited(listenerName)
	if errors.Is(err, sockets.ErrNoListener) && !filled {
		l, err = nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w\nhint: systemctl start %s", o.Slot, err, o.Slot.SocketUnit())
	}
	app, err := o.Paths.ReadApp(o.Slot.App)
	if err != nil && filled {
		// A typing error in the app file must not take the app down at boot.
		say("%v; going on with defaults", err)
		app = state.DefaultApp(o.Slot.App)
	}
	k := &keeper{
		paths: o.Paths, slot: o.Slot, app: app, gate: newGate(),
		judge:   newJudge(o.Paths, o.Slot),
		changes: make(chan struct{}, 1),
		host: &host{
			engine: lazyEngine(), count: count.Unix, notify: systemd.Notify, say: say,
			stopUnit: stopSocket, stopAlone: stopDeadSocket, restartUnit: restartSocket, openSlot: openSlot, touched: count.Activity, run: o.Paths.Run, initProgram: initProgram(o),
			handoff: func(dir string) (handoff, error) { return sockets.OpenHandoff(dir, l, listenerName) },
			target: func(c docker.Container, r state.Release) (reachable, error) {
				return newTarget(c, r, app.Proxy.Source)
			},
		},
	}
	if l != nil {
		k.host.listener = l
	}
	k.known, _, _ = o.Paths.ReadSlotStatus(o.Slot) // nothing depends on it
	k.asleep, k.held = k.known.Phase == state.PhaseIdle, true
	k.out = &publisher{paths: o.Paths, slot: o.Slot, version: o.Version, notify: k.host.notify, say: say}
	k.front = newFront(l, k.gate, time.Duration(app.Proxy.ParkTimeout), app.Proxy.MaxConnections,
		func(err error) { say("%v", err) })
	k.output, err = openOutput(o.Paths.SlotOutput(o.Slot), o.Stdout, o.Stderr, say)
	return k, err
}

// initProgram is where install puts it, in ../lib/edgeman, or beside this
// program, unless the caller says otherwise.
func initProgram(o Options) string {
	exe, err := os.Executable()
	if o.Init != "" || err != nil {
		return o.Init
	}
	return initBeside(filepath.Dir(exe))
}

func initBeside(dir string) string {
	installed := filepath.Join(filepath.Dir(dir), "lib", "edgeman", "edgeman-init")
	if _, err := os.Stat(installed); err == nil {
		return installed
	}
	return filepath.Join(dir, "edgeman-init")
}

// listenerName is FileDescriptorName= of the socket units.
const listenerName = "slot"

// sayAgain is how soon the same words may be said again.
const sayAgain = time.Minute

// speaker returns the service's own voice. What is said over and over is said
// once a minute: the journal must stay readable while something is broken.
func speaker(w io.Writer) func(format string, args ...any) {
	var mu sync.Mutex
	var last string
	var at time.Time
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		line := "edgeman: " + strings.ReplaceAll(hint.Sprintf(format, args...), "\n", "; ")
		if line == last && time.Since(at) < sayAgain {
			return
		}
		last, at = line, time.Now()
		fmt.Fprintln(w, line)
	}
}

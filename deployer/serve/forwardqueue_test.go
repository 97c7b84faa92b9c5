package serve

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/fake"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/relay"
)

// What waited in a retired slot goes on to the live one, and waits there once
// more while that one's queue is full: so many have piled up.
func TestRelayWaitsForAFullQueue(t *testing.T) {
	dir := t.TempDir()
	slot := sockets.Slot{App: "myapp", Color: sockets.Blue}
	k := &keeper{
		paths: state.Paths{Etc: dir + "/etc", Var: dir + "/var", Run: dir + "/run"}, slot: slot, slotState: slotState{standing: standing{role: retired}, phase: asleep},
		changes: make(chan struct{}, 1), host: &host{}, log: t.Logf, containers: &run.Containers{},
	}
	for _, err := range []error{k.paths.MakeApp("myapp"), k.paths.MakeRun(), sockets.SwitchLive(k.paths.Live("myapp"), k.paths.Run, slot.Other())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	at := slot.Other().SocketDir(k.paths.Run)
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	live, err := net.Listen("unix", sockets.SocketPath(at, "8080"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	queue := fill(t, live.(*net.UnixListener))

	path := sockets.SocketPath(dir, "8080")
	own, err := sockets.Listen(path, 16)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	k.host.listeners, k.front = listeners{own}, carry.NewFront([]carry.Listener{own}, time.Minute, 16, func(err error) { t.Error(err) })
	client := fake.Connect(t, path)
	k.direct()
	k.accept(true)
	defer k.accept(false)
	time.AfterFunc(300*time.Millisecond, func() {
		for _, c := range queue {
			c.Close()
		}
		go fake.Echo(live)
	})
	fake.Echoes(t, client)
}

// fill shortens the listener's queue and fills it.
func fill(t *testing.T, l *net.UnixListener) (queued []*relay.Conn) {
	t.Helper()
	raw, err := l.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { _ = unix.Listen(int(fd), 1) })
	}
	if err != nil {
		t.Fatal(err)
	}
	for {
		c, err := sockets.DialUnix(l.Addr().String())
		if err != nil { // it is full
			return queued
		}
		queued = append(queued, c)
	}
}

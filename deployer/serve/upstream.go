package serve

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/relay"
)

// target is the app in one running container.
type target struct {
	dialer *sockets.Dialer
	addrs  []netip.AddrPort
	last   atomic.Uint32 // index of the address that answered last

	ended context.Context // with the container
	end   context.CancelFunc
}

// newTarget finds out how to reach the release's app in c. source is the peer
// address that an app reached through its own namespace sees.
func newTarget(c docker.Container, r state.Release, source netip.Addr) (*target, error) {
	t := &target{dialer: &sockets.Dialer{}, addrs: c.Destinations(r.Port)}
	t.ended, t.end = context.WithCancel(context.Background())
	if len(t.addrs) == 0 {
		return nil, fmt.Errorf("container %s has no address to reach it at", c.Name)
	}
	if r.Via == "bridge" || c.NetworkMode == "host" {
		return t, nil
	}
	var err error
	t.dialer, err = sockets.OpenDialer(c.SandboxKey, source, sockets.DefaultSource6)
	return t, err
}

// Dial tries the address that answered last first, then the others.
func (t *target) Dial(ctx context.Context) (conn *relay.Conn, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// When the container's addresses go away under a connection that is being
	// made, nobody is left to refuse it: it would wait for a minute.
	defer context.AfterFunc(t.ended, cancel)()
	first := t.last.Load()
	for i := range uint32(len(t.addrs)) {
		n := (first + i) % uint32(len(t.addrs))
		conn, err = t.dialer.Dial(ctx, t.addrs[n])
		if err == nil {
			t.last.Store(n)
			return conn, nil
		}
	}
	return nil, err
}

// Begin begins with the address that answered last.
func (t *target) Begin() (*relay.Conn, error) {
	return t.dialer.Begin(t.addrs[t.last.Load()])
}

// Close gives the namespace up and ends every Dial; connections go on.
func (t *target) Close() error {
	t.end()
	return t.dialer.Close()
}

// unixSocket is whoever accepts at a slot's socket.
type unixSocket string

func (s unixSocket) Dial(context.Context) (*relay.Conn, error) { return sockets.DialUnix(string(s)) }

func (s unixSocket) Begin() (*relay.Conn, error) { return sockets.DialUnix(string(s)) }

// through is a pool that leads to the socket at path.
func through(path string) *pool {
	p := newPool(1)
	p.set(0, unixSocket(path))
	return p
}

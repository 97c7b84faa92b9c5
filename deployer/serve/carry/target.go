package carry

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"

	"edgeman/sockets"
	"edgeman/sockets/relay"
)

// Target is the app in one running container.
type Target struct {
	dialer *sockets.Dialer
	ports  map[string]*port // by the names of the listeners that lead there

	ended context.Context // with the container
	end   context.CancelFunc
}

// port is one port of the app, and where it can be reached.
type port struct {
	addrs []netip.AddrPort
	last  atomic.Uint32 // index of the address that answered last
}

// NewTarget reaches an app for each listener at one of its addresses, from within
// the network namespace at that path if there is one. source is the peer address
// that the app sees then.
func NewTarget(addrs map[string][]netip.AddrPort, namespace string, source netip.Addr) (*Target, error) {
	t := &Target{dialer: &sockets.Dialer{}, ports: map[string]*port{}}
	for listener, at := range addrs {
		t.ports[listener] = &port{addrs: at}
	}
	t.ended, t.end = context.WithCancel(context.Background())
	if namespace == "" {
		return t, nil
	}
	var err error
	t.dialer, err = sockets.OpenDialer(namespace, source, sockets.DefaultSource6)
	return t, err
}

// Dial tries the address that answered last first, then the others.
func (t *Target) Dial(ctx context.Context, listener string) (conn *relay.Conn, err error) {
	p, err := t.port(listener)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// When the container's addresses go away under a connection that is being
	// made, nobody is left to refuse it: it would wait for a minute.
	defer context.AfterFunc(t.ended, cancel)()
	first := p.last.Load()
	for i := range uint32(len(p.addrs)) {
		n := (first + i) % uint32(len(p.addrs))
		conn, err = t.dialer.Dial(ctx, p.addrs[n])
		if err == nil {
			p.last.Store(n)
			return conn, nil
		}
	}
	return nil, err
}

// Begin begins with the address that answered last.
func (t *Target) Begin(listener string) (*relay.Conn, error) {
	p, err := t.port(listener)
	if err != nil {
		return nil, err
	}
	return t.dialer.Begin(p.addrs[p.last.Load()])
}

// port is where a listener leads. One that the release does not know is of a
// socket unit that was changed by hand, or since.
func (t *Target) port(listener string) (*port, error) {
	if p := t.ports[listener]; p != nil && len(p.addrs) > 0 {
		return p, nil
	}
	return nil, fmt.Errorf("the release has no port for the listener %s", listener)
}

// Close gives the namespace up and ends every Dial; connections go on.
func (t *Target) Close() error {
	t.end()
	return t.dialer.Close()
}

// unixSockets is whoever accepts at the sockets in a directory.
type unixSockets string

func (s unixSockets) Dial(_ context.Context, listener string) (*relay.Conn, error) {
	return s.Begin(listener)
}

func (s unixSockets) Begin(listener string) (*relay.Conn, error) {
	return sockets.DialUnix(sockets.SocketPath(string(s), listener))
}

package carry

import (
	"context"
	"net/netip"
	"sync/atomic"

	"edgeman/sockets"
	"edgeman/sockets/relay"
)

// Target is the app in one running container.
type Target struct {
	dialer *sockets.Dialer
	addrs  []netip.AddrPort
	last   atomic.Uint32 // index of the address that answered last

	ended context.Context // with the container
	end   context.CancelFunc
}

// NewTarget reaches an app at one of those addresses, from within the network
// namespace at that path if there is one. source is the peer address that the
// app sees then.
func NewTarget(addrs []netip.AddrPort, namespace string, source netip.Addr) (*Target, error) {
	t := &Target{dialer: &sockets.Dialer{}, addrs: addrs}
	t.ended, t.end = context.WithCancel(context.Background())
	if namespace == "" {
		return t, nil
	}
	var err error
	t.dialer, err = sockets.OpenDialer(namespace, source, sockets.DefaultSource6)
	return t, err
}

// Dial tries the address that answered last first, then the others.
func (t *Target) Dial(ctx context.Context) (conn *relay.Conn, err error) {
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
func (t *Target) Begin() (*relay.Conn, error) {
	return t.dialer.Begin(t.addrs[t.last.Load()])
}

// Close gives the namespace up and ends every Dial; connections go on.
func (t *Target) Close() error {
	t.end()
	return t.dialer.Close()
}

// unixSocket is whoever accepts at a slot's socket.
type unixSocket string

func (s unixSocket) Dial(context.Context) (*relay.Conn, error) { return sockets.DialUnix(string(s)) }

func (s unixSocket) Begin() (*relay.Conn, error) { return sockets.DialUnix(string(s)) }

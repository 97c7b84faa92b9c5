package ask

import (
	"context"
	"net"
	"net/netip"
	"time"
)

func TCP(to netip.AddrPort, limit time.Duration) Dialer {
	return func(ctx context.Context) (net.Conn, error) {
		d := net.Dialer{Timeout: limit}
		return d.DialContext(ctx, "tcp", to.String())
	}
}

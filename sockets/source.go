package sockets

import (
	"net/netip"
	"time"
)

// The side that closes first keeps its port in TIME_WAIT for a minute, and
// that is ours whenever a client leaves first. The 28,000 ports of one address
// would then last for 470 connections a second. When they have run out, the
// addresses after it are taken in turn, and the first again when it has rested.
const (
	maxSources = 16
	restTime   = 61 * time.Second
)

// source returns the given address to connect to dst from, or the zero Addr.
func (d *Dialer) source(dst netip.Addr) netip.Addr {
	for _, a := range d.sources {
		if a.Is4() == dst.Is4() {
			return a
		}
	}
	return netip.Addr{}
}

// sourceShift returns how far behind the given source is the one to use now.
func (d *Dialer) sourceShift() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shift > 0 && time.Since(d.shifted) > restTime {
		d.shift = 0
	}
	return d.shift
}

// shiftSource goes on to the source after from, unless another connection has
// done so already. Sockets that are bound to the one before are given up.
func (d *Dialer) shiftSource(from int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shift != from {
		return
	}
	d.shift = (d.shift + 1) % maxSources
	d.shifted = time.Now()
	d.dropSpare()
}

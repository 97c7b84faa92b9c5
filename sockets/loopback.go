package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"edgeman/sockets/internal/netlink"
)

// loopbackIndex is the index of lo in every namespace (LOOPBACK_IFINDEX).
const loopbackIndex = 1

// addLoopback brings lo up in the current network namespace and gives it addr
// as a host route of its own. That it is there already is not an error.
func addLoopback(addr netip.Addr) error {
	if err := changeRoute(unix.RTM_NEWLINK, 0, linkUp()); err != nil {
		return fmt.Errorf("bringing lo up: %w", err)
	}
	err := changeRoute(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, loopbackAddress(addr))
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("adding %s to lo: %w", addr, err)
	}
	return nil
}

// changeRoute sends one request of rtnetlink(7) and waits until it is done.
func changeRoute(typ, flags uint16, body []byte) error {
	return netlink.Ask(unix.NETLINK_ROUTE, typ, unix.NLM_F_ACK|flags, body, func(uint16, []byte) error { return nil })
}

// linkUp is struct ifinfomsg for "set IFF_UP on lo, change nothing else".
func linkUp() []byte {
	b := make([]byte, 4, unix.SizeofIfInfomsg)
	b = binary.NativeEndian.AppendUint32(b, loopbackIndex)
	b = binary.NativeEndian.AppendUint32(b, unix.IFF_UP)
	return binary.NativeEndian.AppendUint32(b, unix.IFF_UP) // mask of changes
}

// loopbackAddress is struct ifaddrmsg and its attributes for addr on lo. The
// host scope keeps the kernel from ever choosing it as the source of the
// container's own connections to the outside.
func loopbackAddress(addr netip.Addr) []byte {
	raw := addr.AsSlice()
	family := byte(unix.AF_INET)
	if addr.Is6() {
		family = unix.AF_INET6
	}
	b := []byte{family, byte(addr.BitLen()), unix.IFA_F_NODAD, unix.RT_SCOPE_HOST}
	b = binary.NativeEndian.AppendUint32(b, loopbackIndex)
	for _, attr := range []uint16{unix.IFA_LOCAL, unix.IFA_ADDRESS} {
		b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+len(raw)))
		b = binary.NativeEndian.AppendUint16(b, attr)
		b = append(b, raw...)
	}
	return b
}

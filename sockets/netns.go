package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"edgeman/sockets/count"
	"edgeman/sockets/internal/netlink"
)

// ownNetns is a descriptor of the namespace this process was started in, kept
// for coming back to it.
var ownNetns = sync.OnceValues(func() (int, error) {
	return unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
})

// inNetns runs do on a thread that is inside the network namespace ns. do must
// not start goroutines and not wait: it makes sockets, which keep the
// namespace they were made in, and no more.
//
// It uses a goroutine of its own, so that a thread that cannot go back is
// given up with it: a goroutine that ends without unlocking its thread takes
// the thread with it, and nothing else ever runs in the wrong namespace.
func inNetns(ns int, do func() error) error {
	own, err := ownNetns()
	if err != nil {
		return fmt.Errorf("opening the own network namespace: %w", err)
	}
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			result <- fmt.Errorf("entering the network namespace: %w", err)
			return
		}
		err := do()
		if back := unix.Setns(own, unix.CLONE_NEWNET); back != nil {
			result <- errors.Join(err, fmt.Errorf("leaving the network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
		result <- err
	}()
	return <-result
}

// Listening lists the addresses at which somebody listens for TCP in the network
// namespace at the path netns.
func Listening(netns string) (all []netip.AddrPort, err error) {
	ns, err := unix.Open(netns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the network namespace %s: %w", netns, err)
	}
	defer unix.Close(ns)
	err = inNetns(ns, func() error {
		all, err = count.Listening()
		return err
	})
	return all, err
}

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

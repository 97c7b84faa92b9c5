package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
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

// loopbackIndex is the index of lo in every namespace (LOOPBACK_IFINDEX).
const loopbackIndex = 1

// addLoopback brings lo up in the current network namespace and gives it addr
// as a host route of its own. That it is there already is not an error.
func addLoopback(addr netip.Addr) error {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(s)
	timeout := unix.NsecToTimeval(int64(diagTimeout))
	if err := unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := routeRequest(s, unix.RTM_NEWLINK, 0, linkUp()); err != nil {
		return fmt.Errorf("bringing lo up: %w", err)
	}
	err = routeRequest(s, unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, loopbackAddress(addr))
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("adding %s to lo: %w", addr, err)
	}
	return nil
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

// routeRequest sends one rtnetlink(7) request and waits for its answer.
func routeRequest(s int, typ, flags uint16, body []byte) error {
	size := unix.SizeofNlMsghdr + len(body)
	b := make([]byte, 0, size)
	b = binary.NativeEndian.AppendUint32(b, uint32(size))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	b = append(b, make([]byte, 8)...) // sequence and port
	b = append(b, body...)
	if err := unix.Sendto(s, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	answer := make([]byte, 4096)
	for {
		n, _, err := unix.Recvfrom(s, answer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		done, err := eachNetlink(answer[:n], func(uint16, []byte) error { return nil })
		if err != nil || done {
			return err
		}
	}
}

// Package netlink asks the kernel one thing at a time over netlink(7) and reads
// what it answers. It knows no family's meaning: its callers do.
package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// timeout ends a wait for the kernel, which answers at once.
const timeout = 5 * time.Second

// Ask sends one request to a protocol of netlink and calls each for every message
// of the answer. That is all that follows for flags with NLM_F_DUMP, what comes
// before the acknowledgement for those with NLM_F_ACK, and otherwise one message.
func Ask(protocol int, typ, flags uint16, body []byte, each func(typ uint16, body []byte) error) error {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(s)
	wait := unix.NsecToTimeval(int64(timeout))
	if err := unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Sendto(s, request(typ, flags, body), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	buf := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(s, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		done, err := messages(buf[:n], each)
		if err != nil || done || flags&(unix.NLM_F_DUMP|unix.NLM_F_ACK) == 0 {
			return err
		}
	}
}

// request is struct nlmsghdr and what follows it.
func request(typ, flags uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|flags)
	b = append(b, make([]byte, 8)...) // sequence: one request per socket; port: the kernel fills it in
	return append(b, body...)
}

// messages calls do for every message in b. An acknowledgement ends the
// conversation like the end of a dump does; a refusal is returned as an error.
func messages(b []byte, do func(typ uint16, body []byte) error) (done bool, err error) {
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return false, errors.New("malformed netlink message")
		}
		typ, body := binary.NativeEndian.Uint16(b[4:]), b[unix.SizeofNlMsghdr:size]
		switch typ {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			if len(body) < 4 {
				return false, errors.New("malformed netlink message")
			}
			if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
				return false, fmt.Errorf("netlink: %w", unix.Errno(errno))
			}
			return true, nil
		}
		if err := do(typ, body); err != nil {
			return false, err
		}
		b = b[min(align4(size), len(b)):]
	}
	return false, nil
}

// Attributes calls do for every attribute (struct nlattr) in b.
func Attributes(b []byte, do func(typ uint16, value []byte)) {
	for len(b) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofNlAttr || size > len(b) {
			return
		}
		do(binary.NativeEndian.Uint16(b[2:]), b[unix.SizeofNlAttr:size])
		b = b[min(align4(size), len(b)):]
	}
}

func align4(n int) int { return (n + 3) &^ 3 }

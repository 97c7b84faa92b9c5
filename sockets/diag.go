package sockets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel's interface of sock_diag(7) for Unix sockets. The numbers come
// from linux/sock_diag.h and linux/unix_diag.h.
const (
	sockDiagByFamily = 20

	udiagShowName  = 0x01
	udiagShowRQLen = 0x10

	unixDiagName  = 0 // attributes
	unixDiagRQLen = 4

	tcpEstablished = 1 // states, named after TCP's there too
	tcpListen      = 10

	diagRequestLen = 24 // struct unix_diag_req
	diagMsgLen     = 16 // struct unix_diag_msg
	diagTimeout    = 5 * time.Second
)

// diagRow is one socket as the kernel reports it.
type diagRow struct {
	state   byte
	name    string // path, as given to bind(2)
	queue   int    // of a listener: connections waiting
	backlog int    // of a listener: its limit
	peer    uint32 // inode of the other end, 0 while nobody has accepted it
}

// diagConnections counts with one dump of all stream sockets. The dump leaves
// queued connections out, because nobody has a descriptor for them; their
// number stands in the listener's row.
func diagConnections(path string) (Count, error) {
	var c Count
	req := diagRequest{states: 1<<tcpEstablished | 1<<tcpListen, show: udiagShowName | udiagShowRQLen}
	err := req.run(unix.NLM_F_DUMP, func(row diagRow) {
		switch {
		case row.name != path:
		case row.state == tcpListen:
			c.Queued += row.queue
		case row.state == tcpEstablished:
			c.Established++
		}
	})
	return c, err
}

// queueOf reads the queue of one listener, found by its inode.
func queueOf(fd int) (Queue, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Queue{}, os.NewSyscallError("fstat", err)
	}
	var q Queue
	found := false
	req := diagRequest{inode: uint32(st.Ino), states: 1 << tcpListen, show: udiagShowRQLen}
	err := req.run(0, func(row diagRow) {
		found = row.state == tcpListen
		q = Queue{Waiting: row.queue, Backlog: row.backlog}
	})
	if err == nil && !found {
		err = errors.New("the kernel reported no such listener")
	}
	return q, err
}

// diagRequest is struct unix_diag_req: either an inode or a mask of states.
type diagRequest struct {
	inode, states, show uint32
}

func (r diagRequest) marshal(flags uint16) []byte {
	b := make([]byte, 0, unix.SizeofNlMsghdr+diagRequestLen)
	b = binary.NativeEndian.AppendUint32(b, unix.SizeofNlMsghdr+diagRequestLen)
	b = binary.NativeEndian.AppendUint16(b, sockDiagByFamily)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|flags)
	b = binary.NativeEndian.AppendUint32(b, 0) // sequence: one request per socket
	b = binary.NativeEndian.AppendUint32(b, 0) // port: the kernel fills it in
	b = append(b, unix.AF_UNIX, 0, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, r.states)
	b = binary.NativeEndian.AppendUint32(b, r.inode)
	b = binary.NativeEndian.AppendUint32(b, r.show)
	return binary.NativeEndian.AppendUint64(b, ^uint64(0)) // any cookie
}

// run sends the request and calls each for every socket in the answer.
func (r diagRequest) run(flags uint16, each func(diagRow)) error {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(s)
	// The answer comes from the kernel at once; no wait is without an end.
	timeout := unix.NsecToTimeval(int64(diagTimeout))
	if err := unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Sendto(s, r.marshal(flags), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
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
		done, err := parseDiag(buf[:n], each)
		if err != nil || done || flags == 0 {
			return err
		}
	}
}

// parseDiag reads one datagram of netlink messages; done is set by the one
// that ends a dump.
func parseDiag(b []byte, each func(diagRow)) (done bool, err error) {
	return eachNetlink(b, func(typ uint16, body []byte) error {
		if typ != sockDiagByFamily {
			return nil
		}
		if len(body) < diagMsgLen {
			return errors.New("short answer from sock_diag")
		}
		row := diagRow{state: body[2]}
		eachAttribute(body[diagMsgLen:], func(typ uint16, value []byte) {
			switch {
			case typ == unixDiagName:
				// systemd binds with the length of the whole string, its end included;
				// other programs leave the zero byte out.
				row.name = string(bytes.TrimRight(value, "\x00"))
			case typ == unixDiagPeer && len(value) >= 4:
				row.peer = binary.NativeEndian.Uint32(value)
			case typ == unixDiagRQLen && len(value) >= 8:
				row.queue = int(binary.NativeEndian.Uint32(value))
				row.backlog = int(binary.NativeEndian.Uint32(value[4:]))
			}
		})
		each(row)
		return nil
	})
}

// eachNetlink calls do for every message in b. An acknowledgement ends the
// conversation like the end of a dump does; a refusal is returned as an error.
func eachNetlink(b []byte, do func(typ uint16, body []byte) error) (done bool, err error) {
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

// eachAttribute calls do for every attribute (struct nlattr) in b.
func eachAttribute(b []byte, do func(typ uint16, value []byte)) {
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

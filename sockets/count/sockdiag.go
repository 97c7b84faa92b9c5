package count

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"edgeman/sockets/internal/netlink"
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

	diagMsgLen = 16 // struct unix_diag_msg
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
func diagConnections(dir string) (map[string]Connections, error) {
	each := tally{}
	req := diagRequest{states: 1<<tcpEstablished | 1<<tcpListen, show: udiagShowName | udiagShowRQLen}
	err := req.run(unix.NLM_F_DUMP, func(row diagRow) {
		switch row.state {
		case tcpListen:
			each.add(dir, row.name, Connections{Queued: row.queue})
		case tcpEstablished:
			each.add(dir, row.name, Connections{Established: 1})
		}
	})
	return each, err
}

// Queue is the state of a listener's queue of connections not yet accepted.
type Queue struct {
	Waiting int // connections in the queue
	Backlog int // the limit set by the last listen(2); the kernel takes one more
}

// QueueOf reads the queue of the listening Unix socket fd, found by its inode.
func QueueOf(fd int) (Queue, error) {
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

func (r diagRequest) marshal() []byte {
	b := []byte{unix.AF_UNIX, 0, 0, 0}
	for _, n := range []uint32{r.states, r.inode, r.show} {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	return binary.NativeEndian.AppendUint64(b, ^uint64(0)) // any cookie
}

// run sends the request and calls each for every socket in the answer.
func (r diagRequest) run(flags uint16, each func(diagRow)) error {
	return netlink.Ask(unix.NETLINK_SOCK_DIAG, sockDiagByFamily, flags, r.marshal(), func(typ uint16, body []byte) error {
		if typ != sockDiagByFamily {
			return nil
		}
		row, err := parseDiag(body)
		if err == nil {
			each(row)
		}
		return err
	})
}

// parseDiag reads struct unix_diag_msg and its attributes.
func parseDiag(body []byte) (diagRow, error) {
	if len(body) < diagMsgLen {
		return diagRow{}, errors.New("short answer from sock_diag")
	}
	row := diagRow{state: body[2]}
	netlink.Attributes(body[diagMsgLen:], func(typ uint16, value []byte) {
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
	return row, nil
}

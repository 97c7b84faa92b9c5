package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// HandoffSocket is the name of the hand-off socket in its directory.
const HandoffSocket = "listener.sock"

// handoffTimeout bounds every exchange with a program in a container.
const handoffTimeout = 5 * time.Second

// Peer is who connected to a hand-off socket, as the kernel saw it at that
// moment, in this process's pid namespace.
type Peer struct {
	PID      int
	UID, GID uint32
}

// Handoff offers the descriptors of listeners to one container, through a Unix
// socket in a directory that is mounted into that container, and nowhere
// else, read-only. The program edgeman-init on the other side takes it.
type Handoff struct {
	server    *net.UnixListener
	listeners []*Listener
}

// OpenHandoff makes dir, open to every user, and the socket in it, because a
// container's user can be any. The directory above dir is made if missing, and
// must be closed to everybody but root: it is what keeps other users of the
// host out. The container finds the listeners in that order, and their names in
// LISTEN_FDNAMES.
func OpenHandoff(dir string, listeners []*Listener) (*Handoff, error) {
	for _, l := range listeners {
		if name := l.Name(); strings.ContainsAny(name, ": \n") || name == "" {
			return nil, fmt.Errorf("opening the hand-off: bad descriptor name %q", name)
		}
	}
	if err := makeHandoffDir(dir); err != nil {
		return nil, fmt.Errorf("opening the hand-off: %w", err)
	}
	path := filepath.Join(dir, HandoffSocket)
	// A predecessor that was killed has left its socket. It is replaced in the
	// same directory, because the mount in the container shows the directory.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("opening the hand-off: %w", err)
	}
	server, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("opening the hand-off: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		server.Close()
		return nil, fmt.Errorf("opening the hand-off: %w", err)
	}
	return &Handoff{server: server, listeners: listeners}, nil
}

func makeHandoffDir(dir string) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	st, err := os.Stat(parent)
	if err != nil {
		return err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is open to other users", parent)
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return os.Chmod(dir, 0o755) // whatever the umask
}

// Close ends the offer and removes the socket.
func (h *Handoff) Close() error { return h.server.Close() }

// Next waits for the container to start and gives it the descriptors, once;
// call it again for the next start. It returns after the program in there has
// checked what it got. allow decides who may have it, and gets the connection's
// peer; others are turned away, told why in denied (if not nil), and Next waits
// on. Only one goroutine at a time may be in Next.
func (h *Handoff) Next(ctx context.Context, allow func(Peer) error, denied func(Peer, error)) (Peer, error) {
	for {
		c, err := h.accept(ctx)
		if err != nil {
			return Peer{}, fmt.Errorf("handing the listener over: %w", err)
		}
		peer, err := peerOf(c)
		if err == nil {
			err = allow(peer)
		}
		if err != nil {
			c.Close()
			if denied != nil {
				denied(peer, err)
			}
			continue
		}
		err = h.give(c)
		c.Close()
		if err != nil {
			return peer, fmt.Errorf("handing the listener to process %d: %w", peer.PID, err)
		}
		return peer, nil
	}
}

func (h *Handoff) accept(ctx context.Context) (*net.UnixConn, error) {
	_ = h.server.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = h.server.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c, err := h.server.AcceptUnix()
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return c, err
}

// peerOf returns who connected (SO_PEERCRED of unix(7)).
func peerOf(c *net.UnixConn) (peer Peer, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, credErr); err != nil {
		return Peer{}, fmt.Errorf("asking who connected: %w", err)
	}
	return Peer{PID: int(cred.Pid), UID: cred.Uid, GID: cred.Gid}, nil
}

// give sends the descriptors and waits for the answer.
//
// The message is one line, "edgeman 2" and " INODE NAME" for each. The inode is
// the one of the listener, by which the other side knows that it got what was
// announced. The answer is "ok", or the reason why not.
func (h *Handoff) give(c *net.UnixConn) error {
	if err := c.SetDeadline(time.Now().Add(handoffTimeout)); err != nil {
		return err
	}
	if err := h.send(c, h.listeners, "edgeman 2", nil); err != nil {
		return err
	}
	answer := make([]byte, 256)
	n, err := c.Read(answer)
	if err != nil {
		return fmt.Errorf("waiting for the answer: %w", err)
	}
	if got := strings.TrimSpace(string(answer[:n])); got != "ok" {
		return fmt.Errorf("it was refused there: %q", got)
	}
	return nil
}

// send adds one listener after the other to the message, and sends it while none
// of them can be closed.
func (h *Handoff) send(c *net.UnixConn, left []*Listener, line string, fds []int) error {
	if len(left) == 0 {
		_, _, err := c.WriteMsgUnix([]byte(line+"\n"), unix.UnixRights(fds...), nil)
		return err
	}
	// Control, and not File or Fd, which can switch the listener to blocking
	// mode: for everybody, because all holders share one description.
	return left[0].control("passing the descriptor", func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return os.NewSyscallError("fstat", err)
		}
		line += " " + strconv.FormatUint(st.Ino, 10) + " " + left[0].Name()
		return h.send(c, left[1:], line, append(fds, fd))
	})
}

package main

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// connectFor is how long we knock: edgeman may be restarting just now.
	connectFor = 10 * time.Second
	// answerWithin bounds every single read and write.
	answerWithin = 10 * time.Second
)

// fetch connects to the hand-off socket at path, takes the one descriptor it
// is given, checks it, and puts it at descriptor number at, open across
// execve. It returns the descriptor's name. No other descriptor of its making
// is left.
func fetch(path string, at int) (name string, err error) {
	conn, err := connect(path)
	if err != nil {
		return "", err
	}
	name, fd, err := receive(conn)
	if err == nil {
		err = answer(conn, "ok")
	} else {
		_ = answer(conn, err.Error())
	}
	// Before the move: this connection may itself have the number at.
	syscall.Close(conn)
	if err != nil {
		if fd >= 0 {
			syscall.Close(fd)
		}
		return "", err
	}
	return name, place(fd, at)
}

// connect makes a connection on which nothing blocks for ever.
func connect(path string) (int, error) {
	for deadline := time.Now().Add(connectFor); ; time.Sleep(50 * time.Millisecond) {
		conn, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return -1, wrap("socket", err)
		}
		timeout := syscall.NsecToTimeval(int64(answerWithin))
		for _, opt := range []int{syscall.SO_RCVTIMEO, syscall.SO_SNDTIMEO} {
			if err := syscall.SetsockoptTimeval(conn, syscall.SOL_SOCKET, opt, &timeout); err != nil {
				syscall.Close(conn)
				return -1, wrap("setsockopt", err)
			}
		}
		err = syscall.Connect(conn, &syscall.SockaddrUnix{Name: path})
		if err == nil {
			return conn, nil
		}
		syscall.Close(conn)
		retry := err == syscall.ENOENT || err == syscall.ECONNREFUSED || err == syscall.EAGAIN || err == syscall.EINTR
		if !retry || time.Now().After(deadline) {
			return -1, wrap("connecting to "+path, err)
		}
	}
}

// receive reads the message that comes with the descriptor, "edgeman 1 INODE
// NAME", and checks that the descriptor is what the message says. With an
// error fd may still be one that must be closed.
func receive(conn int) (name string, fd int, err error) {
	message := make([]byte, 512)
	control := make([]byte, syscall.CmsgSpace(4*4)) // room for four, to see too many
	n, controlN, flags, err := recvmsg(conn, message, control)
	if err != nil {
		return "", -1, wrap("waiting for the descriptor", err)
	}
	if n == 0 {
		return "", -1, errors.New("edgeman closed the connection: it does not know this process as the slot's container")
	}
	fd, err = oneDescriptor(control[:controlN])
	if err != nil {
		return "", -1, err
	}
	if flags&syscall.MSG_CTRUNC != 0 {
		return "", fd, errors.New("more came than was announced")
	}
	inode, name, err := parse(string(message[:n]))
	if err != nil {
		return "", fd, err
	}
	return name, fd, check(fd, inode)
}

func recvmsg(conn int, message, control []byte) (n, controlN, flags int, err error) {
	for {
		n, controlN, flags, _, err = syscall.Recvmsg(conn, message, control, syscall.MSG_CMSG_CLOEXEC)
		if err != syscall.EINTR {
			return n, controlN, flags, err
		}
	}
}

// oneDescriptor returns the descriptor in control and closes all if it is not
// exactly one.
func oneDescriptor(control []byte) (int, error) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return -1, wrap("reading the control message", err)
	}
	var fds []int
	for i := range messages {
		got, err := syscall.ParseUnixRights(&messages[i])
		if err == nil {
			fds = append(fds, got...)
		}
	}
	if len(fds) != 1 {
		for _, fd := range fds {
			syscall.Close(fd)
		}
		return -1, errors.New("want one descriptor, got " + strconv.Itoa(len(fds)))
	}
	return fds[0], nil
}

// parse reads the message. The one before the inode is the protocol's version.
func parse(message string) (inode uint64, name string, err error) {
	fields := strings.Split(strings.TrimSuffix(message, "\n"), " ")
	if len(fields) != 4 || fields[0] != "edgeman" || fields[1] != "1" || fields[3] == "" || strings.Contains(fields[3], ":") {
		return 0, "", errors.New("unknown message " + strconv.Quote(message) + ": edgeman and edgeman-init differ in version")
	}
	inode, err = strconv.ParseUint(fields[2], 10, 64)
	if err != nil {
		return 0, "", errors.New("unknown message " + strconv.Quote(message))
	}
	return inode, fields[3], nil
}

// check reports why fd is not the listening stream socket of that inode.
func check(fd int, inode uint64) error {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return wrap("fstat", err)
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFSOCK || st.Ino != inode {
		return errors.New("the descriptor is not the one that was announced")
	}
	typ, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	if err != nil {
		return wrap("getsockopt", err)
	}
	listening, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if err != nil {
		return wrap("getsockopt", err)
	}
	if typ != syscall.SOCK_STREAM || listening != 1 {
		return errors.New("the descriptor is not a listening stream socket")
	}
	return nil
}

func answer(conn int, text string) error {
	_, err := syscall.Write(conn, []byte(text+"\n"))
	return wrap("answering", err)
}

// place moves fd to the number at, where execve leaves it open.
func place(fd, at int) error {
	if fd == at {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, 0); errno != 0 {
			return wrap("fcntl", errno)
		}
		return nil
	}
	if err := syscall.Dup3(fd, at, 0); err != nil {
		return wrap("dup3", err)
	}
	return wrap("close", syscall.Close(fd))
}

// wrap says what was being done; fmt would double the size of the program.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return wrapped{doing, err}
}

type wrapped struct {
	doing string
	err   error
}

func (w wrapped) Error() string { return w.doing + ": " + w.err.Error() }
func (w wrapped) Unwrap() error { return w.err }

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
	// most is how many descriptors can come at once.
	most = 64
)

// fetch connects to the hand-off socket at path, takes the descriptors it is
// given, checks them, and puts them at the descriptor numbers from at on, open
// across execve. It returns the descriptors' names. No other descriptor of its
// making is left.
func fetch(path string, at int) (names []string, err error) {
	conn, err := connect(path)
	if err != nil {
		return nil, err
	}
	names, fds, err := receive(conn)
	if err == nil {
		err = answer(conn, "ok")
	} else {
		_ = answer(conn, err.Error())
	}
	// Before the move: this connection may itself have one of those numbers.
	syscall.Close(conn)
	if err != nil {
		closeAll(fds)
		return nil, err
	}
	return names, place(fds, at)
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

// receive reads the message that comes with the descriptors, "edgeman 2" and
// " INODE NAME" for each, and checks that they are what the message says. With
// an error fds are still to be closed.
func receive(conn int) (names []string, fds []int, err error) {
	message := make([]byte, 4096)
	control := make([]byte, syscall.CmsgSpace(4*(most+1))) // room for one more, to see too many
	n, controlN, flags, err := recvmsg(conn, message, control)
	if err != nil {
		return nil, nil, wrap("waiting for the descriptors", err)
	}
	if n == 0 {
		return nil, nil, errors.New("edgeman closed the connection: it does not know this process as the slot's container")
	}
	if fds, err = descriptors(control[:controlN]); err != nil {
		return nil, fds, err
	}
	inodes, names, err := parse(string(message[:n]))
	if err != nil {
		return nil, fds, err
	}
	if flags&syscall.MSG_CTRUNC != 0 || len(fds) != len(names) {
		return nil, fds, errors.New("want " + strconv.Itoa(len(names)) + " descriptors, got " + strconv.Itoa(len(fds)))
	}
	for i, fd := range fds {
		if err := check(fd, inodes[i]); err != nil {
			return nil, fds, err
		}
	}
	return names, fds, nil
}

func recvmsg(conn int, message, control []byte) (n, controlN, flags int, err error) {
	for {
		n, controlN, flags, _, err = syscall.Recvmsg(conn, message, control, syscall.MSG_CMSG_CLOEXEC)
		if err != syscall.EINTR {
			return n, controlN, flags, err
		}
	}
}

// descriptors returns those in control.
func descriptors(control []byte) (fds []int, err error) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil, wrap("reading the control message", err)
	}
	for i := range messages {
		got, err := syscall.ParseUnixRights(&messages[i])
		if err == nil {
			fds = append(fds, got...)
		}
	}
	return fds, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		syscall.Close(fd)
	}
}

// parse reads the message. The number before the inodes is the protocol's version.
func parse(message string) (inodes []uint64, names []string, err error) {
	unknown := errors.New("unknown message " + strconv.Quote(message) + ": edgeman and edgeman-init differ in version")
	rest, ok := strings.CutPrefix(strings.TrimSuffix(message, "\n"), "edgeman 2 ")
	fields := strings.Split(rest, " ")
	if !ok || len(fields)%2 != 0 {
		return nil, nil, unknown
	}
	for i := 0; i < len(fields); i += 2 {
		inode, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil || fields[i+1] == "" || strings.Contains(fields[i+1], ":") {
			return nil, nil, unknown
		}
		inodes, names = append(inodes, inode), append(names, fields[i+1])
	}
	return inodes, names, nil
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

// place moves fds to the numbers from at on, where execve leaves them open. They
// go out of each other's way first.
func place(fds []int, at int) error {
	for i, fd := range fds {
		high, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, uintptr(at+len(fds)))
		if errno != 0 {
			return wrap("fcntl", errno)
		}
		syscall.Close(fd)
		fds[i] = int(high)
	}
	for i, fd := range fds {
		if err := syscall.Dup3(fd, at+i, 0); err != nil {
			return wrap("dup3", err)
		}
		syscall.Close(fd)
	}
	return nil
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

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// plan is what to do, and when.
type plan struct {
	at     int
	do     string
	under  []string
	report string
}

// notification and response are struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

const notifSend = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND, _IOWR('!', 1, struct seccomp_notif_resp)

func install(program []unix.SockFilter) (int, error) {
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return -1, fmt.Errorf("install the filter: %w", errno)
	}
	return int(fd), nil
}

// watch answers the kernel's questions until the program has ended.
func watch(p plan) error {
	data, oob := make([]byte, 1), make([]byte, 64)
	_, n, _, _, err := unix.Recvmsg(0, data, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return fmt.Errorf("no listener was passed: %v", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	for seen := 0; ; {
		fd := []unix.PollFd{{Fd: int32(fds[0]), Events: unix.POLLIN}}
		if _, err := unix.Poll(fd, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if fd[0].Revents&unix.POLLHUP != 0 {
			return nil
		}
		var n notification
		if errno := ioctl(fds[0], unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); errno != 0 {
			continue // interrupted, or the process is gone
		}
		path := n.path()
		if p.counts(path) {
			seen++
		}
		r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if p.counts(path) && !p.answer(seen, n, path, &r) {
			continue
		}
		ioctl(fds[0], notifSend, unsafe.Pointer(&r))
	}
}

// answer decides about a call that counts; false leaves the process where it is.
func (p plan) answer(seen int, n notification, path string, r *response) bool {
	if p.at == 0 || seen == p.at {
		p.say(fmt.Sprintf("%d %s %s%s\n", seen, names[n.nr], path, n.from()))
	}
	switch {
	case p.at == 0 || seen < p.at:
	case p.do == "enospc":
		*r = response{id: r.id, error: -int32(unix.ENOSPC)}
	case p.do == "kill" && seen == p.at:
		unix.Kill(int(n.pid), unix.SIGKILL)
		return false
	case p.do == "freeze":
		return false
	}
	return true
}

func (p plan) say(line string) {
	f, err := os.OpenFile(p.report, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	f.WriteString(line)
}

// counts tells whether a call concerns one of the directories.
func (p plan) counts(path string) bool {
	for _, dir := range p.under {
		if path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") {
			return true
		}
	}
	return false
}

var names = map[int32]string{
	unix.SYS_RENAMEAT: "rename", unix.SYS_RENAMEAT2: "rename", unix.SYS_UNLINKAT: "unlink", unix.SYS_SYMLINKAT: "symlink", unix.SYS_LINKAT: "link",
	unix.SYS_MKDIRAT: "mkdir", unix.SYS_OPENAT: "create", unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "write", unix.SYS_FSYNC: "fsync",
}

// path is the file that a call is about; empty for one that makes no change.
func (n notification) path() string {
	switch n.nr {
	case unix.SYS_OPENAT:
		if n.args[2]&unix.O_CREAT == 0 {
			return ""
		}
		return n.at(n.args[0], n.args[1])
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_FSYNC:
		path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.pid, int32(n.args[0])))
		return path
	case unix.SYS_MKDIRAT:
		return n.at(n.args[0], n.args[1])
	case unix.SYS_UNLINKAT:
		path := n.at(n.args[0], n.args[1])
		if _, err := os.Lstat(path); err != nil {
			return "" // nothing is removed
		}
		return path
	case unix.SYS_SYMLINKAT:
		return n.at(n.args[1], n.args[2])
	default: // rename and link: the new name
		return n.at(n.args[2], n.args[3])
	}
}

// from is where a file that is renamed comes from.
func (n notification) from() string {
	if n.nr != unix.SYS_RENAMEAT && n.nr != unix.SYS_RENAMEAT2 {
		return ""
	}
	return " from " + n.at(n.args[0], n.args[1])
}

// at reads a path from the process's memory; relative ones from its directory.
func (n notification) at(dir, address uint64) string {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", n.pid))
	if err != nil {
		return ""
	}
	defer mem.Close()
	buf := make([]byte, unix.PathMax)
	got, _ := mem.ReadAt(buf, int64(address))
	path, _, _ := bytes.Cut(buf[:got], []byte{0})
	if filepath.IsAbs(string(path)) {
		return filepath.Clean(string(path))
	}
	link := fmt.Sprintf("/proc/%d/fd/%d", n.pid, int32(dir))
	if int32(dir) == unix.AT_FDCWD {
		link = fmt.Sprintf("/proc/%d/cwd", n.pid)
	}
	base, _ := os.Readlink(link)
	return filepath.Join(base, string(path))
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	return errno
}

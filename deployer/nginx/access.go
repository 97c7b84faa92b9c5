package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// AccessError says why a worker cannot connect to a socket.
type AccessError struct {
	Socket  string // as it was asked for
	Blocker string // the directory, link or socket that stands in the way
	Reason  string
	hint    string
}

func (e *AccessError) Error() string {
	if e.Blocker == e.Socket {
		return fmt.Sprintf("nginx's workers cannot connect to %s: %s", e.Socket, e.Reason)
	}
	return fmt.Sprintf("nginx's workers cannot connect to %s: %s: %s", e.Socket, e.Blocker, e.Reason)
}

// Hint says what to do next.
func (e *AccessError) Hint() string { return e.hint }

// WorkerCanConnect says whether the workers may connect to a Unix socket.
// Nothing connects, since a connection can start things: the kernel is asked
// for every step of the way with the credentials of a worker. If nginx runs, in
// the workers' view of the files, so what PrivateTmp= or ProtectHome= hide is
// found. SELinux and AppArmor judge by more than credentials; see Confinement.
// The error is an *AccessError when the answer is no, and os.ErrProcessDone when
// the facts are older than the last reload and every worker in them is gone.
func (f Facts) WorkerCanConnect(path string) error {
	var err error
	asked := false
	for _, w := range f.Workers {
		if !current(w) {
			continue
		}
		asked = true
		if err = f.Identity.canConnect(path, filepath.Join("/proc", strconv.Itoa(w.PID), "root")); !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	if asked {
		return err
	}
	return f.Identity.canConnect(path, "/")
}

// canConnect asks with the credentials id below a root directory.
func (id Identity) canConnect(socket, root string) error {
	if !filepath.IsAbs(socket) {
		return &AccessError{Socket: socket, Blocker: socket, Reason: "not an absolute path"}
	}
	var w way
	err := id.lend(root, func(root int) { w = walk(root, socket) })
	if err == nil {
		err = w.judge(socket, id)
	}
	if denied := (*AccessError)(nil); err != nil && !errors.As(err, &denied) {
		return fmt.Errorf("checking whether nginx's workers can connect to %s: %w", socket, err)
	}
	return err
}

// way is how far the way to a socket is open.
type way struct {
	end  string      // the socket, or what stands in the way
	info fs.FileInfo // of it; nil when it does not exist, or is a link that may not be followed
	err  error       // why the way ends there; nil at a socket that may be connected to
}

const maxLinks = 40 // the kernel's own limit (path_resolution(7))

// walk goes from directory to directory below a root as the kernel would, to know
// where it stops. Who may not search a directory cannot look at what is in it.
func walk(root int, socket string) way {
	var dir way
	below := fmt.Sprintf("/proc/self/fd/%d", root)
	rest, at := split(socket), "/"
	for links := 0; ; {
		info, err := os.Lstat(below + at)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return way{dir.end, dir.info, err}
		case err != nil:
			return way{at, nil, err}
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(below + at)
			if links++; err == nil && links > maxLinks {
				err = unix.ELOOP
			}
			if err != nil {
				return way{at, info, err}
			}
			rest = append(split(target), rest...)
			if at = dir.end; filepath.IsAbs(target) {
				at = "/"
			}
			continue
		case len(rest) == 0 && info.Mode()&fs.ModeSocket == 0:
			return way{at, info, unix.ENOTSOCK}
		case len(rest) == 0:
			return reach(root, socket, way{end: at, info: info})
		case !info.IsDir():
			return way{at, info, unix.ENOTDIR}
		}
		dir = way{end: at, info: info}
		at, rest = filepath.Join(at, rest[0]), rest[1:]
	}
}

// reach asks for the right that connect(2) needs, at the end of the way and then
// over all of it at once, as the kernel follows not every link out of a directory
// like /tmp (proc_sys_fs(5)).
func reach(root int, socket string, w way) way {
	const flags = unix.O_WRONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if w.err = mayWrite(unix.Openat(root, "."+w.end, flags|unix.O_NOFOLLOW, 0)); w.err != nil || socket == w.end {
		return w
	}
	err := mayWrite(unix.Openat2(root, socket, &unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_IN_ROOT}))
	if err == nil || errors.Is(err, unix.ENOSYS) { // Linux 5.6
		return w
	}
	return way{end: socket, err: err}
}

// mayWrite reads the answer to the opening of a socket, which is never possible:
// ENXIO says that nothing but this was in the way. Unlike faccessat2(2) every
// kernel can be asked so.
func mayWrite(fd int, err error) error {
	switch {
	case err == nil:
		unix.Close(fd) // another file has taken its place
		return unix.ENOTSOCK
	case errors.Is(err, unix.ENXIO):
		return nil
	}
	return err
}

// split returns the components of a path; ".." stays, since filepath.Join
// only ever sees it after links in front of it were followed.
func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

const sandboxHint = "look for PrivateTmp=, ProtectHome= and other mounts with: systemctl cat nginx.service"

// judge says in words why a way ends, and sees with this process's own eyes what
// only nginx does not.
func (w way) judge(socket string, id Identity) error {
	no := func(reason, hint string) error {
		return &AccessError{Socket: socket, Blocker: w.end, Reason: reason, hint: hint}
	}
	switch {
	case w.err == nil:
		if ours, err := os.Stat(socket); err == nil && !os.SameFile(ours, w.info) {
			return no("nginx sees another socket at this path than this process does", sandboxHint)
		}
		return nil
	case errors.Is(w.err, fs.ErrNotExist):
		if _, err := os.Lstat(w.end); err == nil {
			return no("exists, but is hidden from nginx", sandboxHint)
		}
		return no("does not exist", "")
	case errors.Is(w.err, unix.ELOOP):
		return no("too many symlinks", "")
	case errors.Is(w.err, unix.ENOTSOCK):
		return no("not a socket", "")
	case errors.Is(w.err, unix.ENOTDIR):
		return no("not a directory", "")
	case !errors.Is(w.err, fs.ErrPermission):
		return w.err
	case w.info == nil:
		return no(fmt.Sprintf("%s may not follow this link of somebody else's in a directory where all may write", id), "name its target instead")
	}
	what, hint := "write to this socket", "its unit sets owner and mode: SocketUser=, SocketGroup=, SocketMode="
	if w.info.IsDir() {
		what, hint = "search this directory", "allow it with: chmod o+x "+w.end
	}
	sys, _ := w.info.Sys().(*syscall.Stat_t)
	return no(fmt.Sprintf("%s may not %s (%s, owner %d:%d)", id, what, w.info.Mode(), sys.Uid, sys.Gid), hint)
}

// onOwnThread runs f on a thread that ends with it, because a thread cannot
// leave a mount namespace it made; processes that f starts inherit it. The
// process's first thread is never used: it does not end, and /proc/PID shows
// its namespace as the process's.
func onOwnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- onOwnThread(f)
			runtime.UnlockOSThread()
			return
		}
		done <- f()
	}()
	return <-done
}

// lend runs f with the credentials for files that a worker has, and a directory
// descriptor of the root directory that it has. The thread's own user stays, so
// no process of the worker's can send it a signal. No root of its own either:
// chroot(2) is what hardened units forbid. The error is os.ErrProcessDone when
// the root was that of a process which has ended.
func (id Identity) lend(root string, f func(root int)) error {
	return onOwnThread(func() error {
		dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("the worker has ended: %w", os.ErrProcessDone)
		}
		if err != nil {
			return fmt.Errorf("opening %s: %w", root, err)
		}
		defer unix.Close(dir)
		if os.Geteuid() != int(id.UID) {
			if err := id.takeOn(); err != nil {
				return fmt.Errorf("taking on the credentials of %s, which needs CAP_SETUID and CAP_SETGID: %w", id, err)
			}
		}
		f(dir)
		return nil
	})
}

// takeOn changes the calling thread's groups and its user and group for files
// (setfsuid(2)), for good; with them it loses root's right to pass permissions
// by (capabilities(7)). Go's own calls would change every thread.
func (id Identity) takeOn() error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(id.Groups)), uintptr(unsafe.Pointer(unsafe.SliceData(id.Groups))), 0); errno != 0 {
		return errno
	}
	uid, gid := int(id.UID), int(id.GID)
	_, _ = unix.Setfsgid(gid), unix.Setfsuid(uid) // these say only what was before
	nowGID, _ := unix.SetfsgidRetGid(gid)
	if nowUID, _ := unix.SetfsuidRetUid(uid); nowUID != uid || nowGID != gid {
		return unix.EPERM
	}
	return nil
}

package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

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

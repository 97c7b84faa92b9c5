package serve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// watch sends on changes when a file that decides about the slot may have
// changed: the live pointer, the app's lock (its holder's end shows as a
// close), the slot's links, its drain terms, its sockets' files. It is a hint and no more: events
// can be lost, so its reader also looks by itself now and then.
func watch(paths state.Paths, slot sockets.Slot, changes chan<- struct{}) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watching for changes: %w", err)
	}
	f := os.NewFile(uintptr(fd), "inotify")
	const mask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_ONLYDIR
	for _, dir := range []string{paths.App(slot.App), paths.Slots(), paths.Run, slot.SocketDir(paths.Run)} {
		if _, err := unix.InotifyAddWatch(fd, dir, mask); err != nil && !(errors.Is(err, fs.ErrNotExist) && dir == slot.SocketDir(paths.Run)) {
			f.Close()
			return nil, fmt.Errorf("watching %s: %w", dir, err)
		}
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			if err != nil {
				return // closed
			}
			if decides(buf[:n], slot) {
				trigger(changes)
			}
		}
	}()
	return f, nil
}

// decides tells whether one of the inotify(7) events in b is about a file that
// matters. The names are different in all directories, so it need not
// know which one an event is from.
func decides(b []byte, slot sockets.Slot) bool {
	for len(b) >= unix.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(b[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
		if mask&unix.IN_Q_OVERFLOW != 0 || size > len(b) {
			return true
		}
		switch name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:size]), "\x00"); name {
		case "live", "lock", slot.String(), slot.String() + ".next", slot.String() + ".pause", slot.String() + ".drain":
			return true
		default:
			if strings.HasSuffix(name, ".sock") {
				return true
			}
		}
		b = b[size:]
	}
	return false
}

// trigger makes sure that the reader of c looks once more.
func trigger(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package sockets

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrNoListener means that the service manager passed no listening socket of
// that name: the process was not started through its unit.
var ErrNoListener = errors.New("no listening socket was passed by the service manager")

var inherited struct {
	sync.Mutex
	read bool
	fds  map[string][]int
}

// Inherited takes the listening sockets that systemd passed under name, which is
// FileDescriptorName= of the socket unit and the same for all of them: they are
// told apart by their paths. They can be taken once; after that, and when there
// never was one, the error is [ErrNoListener].
func Inherited(name string) (all []*Listener, err error) {
	inherited.Lock()
	defer inherited.Unlock()
	if !inherited.read {
		inherited.fds = passedFDs(os.Getenv, os.Getpid(), unix.CloseOnExec)
		inherited.read = true
	}
	fds := inherited.fds[name]
	if len(fds) == 0 {
		return nil, fmt.Errorf("%w under the name %q", ErrNoListener, name)
	}
	delete(inherited.fds, name)
	for _, fd := range fds {
		l, err := newListener(fd)
		if err != nil {
			return nil, fmt.Errorf("taking socket %q from the service manager: %w", name, err)
		}
		all = append(all, l)
	}
	return all, nil
}

// listenFDsStart is SD_LISTEN_FDS_START of sd_listen_fds(3).
const listenFDsStart = 3

// passedFDs reads the protocol of sd_listen_fds(3): descriptors from 3 on,
// LISTEN_FDS of them, meant for us only if LISTEN_PID is our own pid, and
// named by the colon-separated LISTEN_FDNAMES. Nothing is inherited further.
func passedFDs(getenv func(string) string, pid int, closeOnExec func(fd int)) map[string][]int {
	fds := make(map[string][]int)
	if p, err := strconv.Atoi(getenv("LISTEN_PID")); err != nil || p != pid {
		return fds
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 1 {
		return fds
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	for i := range min(n, len(names)) {
		fds[names[i]] = append(fds[names[i]], listenFDsStart+i)
	}
	for fd := listenFDsStart; fd < listenFDsStart+n; fd++ {
		closeOnExec(fd)
	}
	return fds
}

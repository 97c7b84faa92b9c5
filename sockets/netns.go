package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"edgeman/sockets/count"
)

// ownNetns is a descriptor of the namespace this process was started in, kept
// for coming back to it.
var ownNetns = sync.OnceValues(func() (int, error) {
	return unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
})

// inNetns runs do on a thread that is inside the network namespace ns. do must
// not start goroutines and not wait: it makes sockets, which keep the
// namespace they were made in, and no more.
//
// It uses a goroutine of its own, so that a thread that cannot go back is
// given up with it: a goroutine that ends without unlocking its thread takes
// the thread with it, and nothing else ever runs in the wrong namespace.
func inNetns(ns int, do func() error) error {
	own, err := ownNetns()
	if err != nil {
		return fmt.Errorf("opening the own network namespace: %w", err)
	}
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			result <- fmt.Errorf("entering the network namespace: %w", err)
			return
		}
		err := do()
		if back := unix.Setns(own, unix.CLONE_NEWNET); back != nil {
			result <- errors.Join(err, fmt.Errorf("leaving the network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
		result <- err
	}()
	return <-result
}

// Listening lists the addresses at which somebody listens for TCP in the network
// namespace at the path netns.
func Listening(netns string) (all []netip.AddrPort, err error) {
	ns, err := unix.Open(netns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the network namespace %s: %w", netns, err)
	}
	defer unix.Close(ns)
	err = inNetns(ns, func() error {
		all, err = count.Listening()
		return err
	})
	return all, err
}

package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"
)

// killPinned opens a pidfd first, so that the process cannot be replaced by
// another with the same number between the question and the signal.
func killPinned(pid int, confirm func() bool) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if !confirm() {
		return nil
	}
	return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
}

// Owns tells whether the process pid, in the host's numbering, is one of the
// running container's. Its main process is known at once; for others the daemon
// asks ps(1).
func (c *Client) Owns(ctx context.Context, id string, pid int) (bool, error) {
	ct, err := c.Inspect(ctx, id)
	if err != nil {
		return false, err
	}
	switch ct.PID {
	case 0:
		return false, nil
	case pid:
		return true, nil
	}
	owns := false
	err = c.on(ctx, "list the processes of", id, func(ctx context.Context, api *client.Client) error {
		top, err := api.ContainerTop(ctx, id, []string{"-o", "pid"})
		if err != nil {
			return err
		}
		column := slices.Index(top.Titles, "PID")
		if column < 0 {
			return errors.New("the daemon did not say which column holds the pid")
		}
		owns = slices.ContainsFunc(top.Processes, func(row []string) bool {
			return column < len(row) && row[column] == strconv.Itoa(pid)
		})
		return nil
	})
	return owns, err
}

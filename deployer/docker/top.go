package docker

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/docker/docker/client"
)

// Owns tells whether the process pid, in the host's numbering, is one of the
// running container's. Its main process is known at once; for others the daemon
// asks ps(1).
func (c *Client) Owns(ctx context.Context, id string, pid int) (bool, error) {
	ct, err := c.Inspect(ctx, id)
	if err != nil {
		return false, err
	}
	switch ct.PID() {
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

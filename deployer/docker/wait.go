package docker

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"
)

// Wait returns the exit code once the container's main process has ended; at
// once when it does not run. It has no deadline but ctx's.
func (c *Client) Wait(ctx context.Context, id string) (code int, err error) {
	err = c.checked(ctx, "wait for", id, func(ctx context.Context, api *client.Client) error {
		results, errs := api.ContainerWait(ctx, id, container.WaitConditionNotRunning)
		select {
		case r := <-results:
			if r.Error != nil && r.Error.Message != "" {
				return fmt.Errorf("%s", r.Error.Message)
			}
			code = int(r.StatusCode)
			return nil
		case err := <-errs:
			return err
		}
	})
	return code, err
}

// AwaitStop returns nil when somebody has sent the container its stop signal, as
// docker stop does first. Docker tells of a signal just after it was sent. It
// has no deadline but ctx's.
func (c *Client) AwaitStop(ctx context.Context, id string) error {
	return c.checked(ctx, "watch", id, func(ctx context.Context, api *client.Client) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ct, err := api.ContainerInspect(ctx, id)
		if err != nil {
			return err
		}
		messages, errs := api.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
			filters.Arg("type", string(events.ContainerEventType)),
			filters.Arg("container", ct.ID),
			filters.Arg("event", string(events.ActionKill)),
		)})
		for {
			select {
			case m := <-messages:
				if m.Actor.Attributes["signal"] == stopSignal(ct.Config.StopSignal) {
					return nil
				}
			case err := <-errs:
				return err
			}
		}
	})
}

// stopSignal is the number of a stop signal as Docker takes it: "SIGQUIT",
// "quit", "3", or none for its default.
func stopSignal(s string) string {
	if s == "" {
		return strconv.Itoa(int(syscall.SIGTERM))
	}
	if _, err := strconv.Atoi(s); err == nil {
		return s
	}
	return strconv.Itoa(int(unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG"))))
}

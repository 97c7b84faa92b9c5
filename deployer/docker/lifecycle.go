package docker

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"

	"edgeman/deployer/poll"
)

// Start starts a container; one that runs already is left alone.
func (c *Client) Start(ctx context.Context, id string) error {
	return c.on(ctx, "start", id, func(ctx context.Context, api *client.Client) error {
		return api.ContainerStart(ctx, id, container.StartOptions{})
	})
}

// Stop sends the container's own stop signal, waits for its own stop timeout and
// then kills it. It returns when the container has stopped. Without a deadline
// of the caller's it waits as long as the container's timeout asks, and a bit.
func (c *Client) Stop(ctx context.Context, id string) error {
	if _, ok := ctx.Deadline(); !ok {
		ct, err := c.Inspect(ctx, id)
		if err != nil {
			return err
		}
		if ct.StopTimeout >= 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, ct.StopTimeout+30*time.Second)
			defer cancel()
		}
	}
	return c.checked(ctx, "stop", id, func(ctx context.Context, api *client.Client) error {
		return api.ContainerStop(ctx, id, container.StopOptions{})
	})
}

// Remove deletes a stopped container and keeps its volumes, anonymous ones too.
func (c *Client) Remove(ctx context.Context, id string) error {
	return c.on(ctx, "remove", id, func(ctx context.Context, api *client.Client) error {
		return api.ContainerRemove(ctx, id, container.RemoveOptions{})
	})
}

// SetRestart changes the restart policy; policy is written as in
// Container.RestartPolicy. Nothing is asked of the daemon when it is so already:
// it refuses any change for a container started with --rm, which has "no".
func (c *Client) SetRestart(ctx context.Context, id, policy string) error {
	ct, err := c.Inspect(ctx, id)
	if err != nil || ct.RestartPolicy == policy {
		return err
	}
	return c.on(ctx, "set the restart policy of", id, func(ctx context.Context, api *client.Client) error {
		p, err := parsePolicy(policy)
		if err != nil {
			return err
		}
		_, err = api.ContainerUpdate(ctx, id, container.UpdateConfig{RestartPolicy: p})
		return err
	})
}

func parsePolicy(s string) (container.RestartPolicy, error) {
	name, retries, limited := strings.Cut(s, ":")
	p := container.RestartPolicy{Name: container.RestartPolicyMode(name)}
	if limited {
		n, err := strconv.Atoi(retries)
		if err != nil || n < 0 {
			return p, fmt.Errorf("%q is not a restart policy", s)
		}
		p.MaximumRetryCount = n
	}
	return p, container.ValidateRestartPolicy(p)
}

// Pause freezes all processes of the container.
func (c *Client) Pause(ctx context.Context, id string) error {
	return c.on(ctx, "pause", id, func(ctx context.Context, api *client.Client) error {
		return api.ContainerPause(ctx, id)
	})
}

// Unpause lets them go on.
func (c *Client) Unpause(ctx context.Context, id string) error {
	return c.on(ctx, "unpause", id, func(ctx context.Context, api *client.Client) error {
		return api.ContainerUnpause(ctx, id)
	})
}

// on is do for a container that the caller named.
func (c *Client) on(ctx context.Context, op, id string, call func(context.Context, *client.Client) error) error {
	ctx, cancel := poll.Bounded(ctx, callTimeout)
	defer cancel()
	return c.checked(ctx, op, id, call)
}

// checked is stream for a container that the caller named.
func (c *Client) checked(ctx context.Context, op, id string, call func(context.Context, *client.Client) error) error {
	if !containerName.MatchString(id) {
		return callErr(op, id, fmt.Errorf("%q is not a container name", id))
	}
	return c.stream(ctx, op, id, call)
}

// Rename gives a container another name; ErrExists when it is taken.
func (c *Client) Rename(ctx context.Context, id, name string) error {
	return c.on(ctx, "rename", id, func(ctx context.Context, api *client.Client) error {
		return api.ContainerRename(ctx, id, name)
	})
}

// RemoveVolume deletes a volume that nothing uses. One that is gone is deleted.
func (c *Client) RemoveVolume(ctx context.Context, name string) error {
	err := c.do(ctx, "remove volume", name, func(ctx context.Context, api *client.Client) error {
		if !containerName.MatchString(name) {
			return fmt.Errorf("%q is not the name of a volume", name)
		}
		return api.VolumeRemove(ctx, name, false)
	})
	if isNotFound(err) {
		return nil
	}
	return err
}

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

package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

// defaultStopTimeout is the daemon's grace between the stop signal and SIGKILL
// for a container that sets none.
const defaultStopTimeout = 10 * time.Second

// graceForever is for an app that is never to be killed.
const graceForever = 5 * time.Minute

// Grace is how long the container may take to stop.
func (ct Container) Grace() time.Duration {
	if ct.StopTimeout < 0 {
		return graceForever
	}
	return ct.StopTimeout
}

// Container is what edgeman needs to know of a container at one moment.
type Container struct {
	ID   string
	Name string // without the leading slash
	// Image is the reference the container was created with, ImageID the
	// image it runs ("sha256:…").
	Image, ImageID string

	Status    string // created, running, paused, restarting, removing, exited or dead
	Running   bool   // the main process exists (true while paused, too)
	ExitCode  int    // of the last run
	OOMKilled bool
	Error     string // why the daemon could not start it, if so
	Started   time.Time
	Finished  time.Time

	// SandboxKey is the path of the network namespace; empty when not running.
	// For a container that joined another's namespace it is the other's.
	SandboxKey string
	// Adrift says why a running container is cut off from the network that it has
	// joined: that one's container was stopped, started again or removed since.
	// Nobody can reach it then, and it has to be started again or made anew.
	Adrift      string
	NetworkMode string    // "bridge", "host", "none", "container:ID" or a network's name
	Networks    []Network // the one of NetworkMode first, then by name
	Published   []Port    // as bound on the host now, by container port

	Labels map[string]string
	Env    []string // as the process got it, the image's own included
	Args   []string // entrypoint and command
	Tty    bool

	LogDriver     string
	AutoRemove    bool
	RestartPolicy string        // "no", "always", "unless-stopped", "on-failure" or "on-failure:N"
	StopTimeout   time.Duration // negative: the daemon waits for ever; see Grace
	Healthcheck   *Healthcheck  // nil when there is none
	Unhealthy     string        // what the check last said, when Docker calls the container unhealthy

	// Raw is the daemon's whole answer, for Recreate.
	Raw json.RawMessage
}

// Network is one network a container is connected to.
type Network struct {
	Name    string
	Gateway netip.Addr // IPv4, else IPv6; invalid when there is none
	IPv4    netip.Addr // invalid when there is none
	IPv6    netip.Addr
	Aliases []string
}

// Port is one published port.
type Port struct {
	HostIP        netip.Addr // 0.0.0.0 or :: for every address
	HostPort      uint16
	ContainerPort uint16
	Proto         string // "tcp", "udp" or "sctp"
}

// Healthcheck is the health check a container runs, ready for Exec.
type Healthcheck struct {
	Command     []string
	Interval    time.Duration // Docker's default 30 s when the image says nothing
	Timeout     time.Duration // Docker's default 30 s when the image says nothing
	StartPeriod time.Duration
	Retries     int
}

// PID is the main process of a running container, in the host's numbering.
func (ct Container) PID() int {
	var in struct{ State struct{ Pid int } }
	_ = json.Unmarshal(ct.Raw, &in) // it was decoded before
	return in.State.Pid
}

// Inspect describes the container with that name or id. ErrNotFound when there
// is none.
func (c *Client) Inspect(ctx context.Context, nameOrID string) (Container, error) {
	raw, err := c.inspectRaw(ctx, nameOrID)
	if err != nil {
		return Container{}, err
	}
	ct, err := parseContainer(raw)
	if err != nil {
		return Container{}, callErr("inspect", nameOrID, err)
	}
	if joined, ok := strings.CutPrefix(ct.NetworkMode, "container:"); ok && ct.Running {
		other, err := c.inspectRaw(ctx, joined)
		if isNotFound(err) { // which is not to say that this one is
			ct.adrift("the container whose network it has joined is gone")
			return ct, nil
		}
		if err != nil {
			return Container{}, err
		}
		if err := ct.join(other); err != nil {
			return Container{}, callErr("inspect", joined, err)
		}
	}
	return ct, nil
}

func (c *Client) inspectRaw(ctx context.Context, nameOrID string) (json.RawMessage, error) {
	var raw []byte
	err := c.do(ctx, "inspect", nameOrID, func(ctx context.Context, api *client.Client) (err error) {
		if !containerName.MatchString(nameOrID) {
			return fmt.Errorf("%q is not a container name", nameOrID)
		}
		_, raw, err = api.ContainerInspectWithRaw(ctx, nameOrID, false)
		return err
	})
	return raw, err
}

// List describes the containers that carry all these labels (an empty value
// matches any), the running ones or all of them, newest first.
func (c *Client) List(ctx context.Context, labels map[string]string, all bool) ([]Container, error) {
	found, err := c.summaries(ctx, labels, all)
	if err != nil {
		return nil, err
	}
	var out []Container
	for _, s := range found {
		ct, err := c.Inspect(ctx, s.ID)
		if isNotFound(err) {
			continue // removed since
		}
		if err != nil {
			return nil, err
		}
		out = append(out, ct)
	}
	return out, nil
}

func (c *Client) summaries(ctx context.Context, labels map[string]string, all bool) ([]container.Summary, error) {
	args := filters.NewArgs()
	for k, v := range labels {
		if v != "" {
			k += "=" + v
		}
		args.Add("label", k)
	}
	var found []container.Summary
	err := c.do(ctx, "list containers", "", func(ctx context.Context, api *client.Client) (err error) {
		found, err = api.ContainerList(ctx, container.ListOptions{All: all, Filters: args})
		return err
	})
	return found, err
}

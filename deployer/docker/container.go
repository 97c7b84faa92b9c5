package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

// defaultStopTimeout is the daemon's grace between the stop signal and SIGKILL
// for a container that sets none.
const defaultStopTimeout = 10 * time.Second

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
	SandboxKey  string
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
	StopTimeout   time.Duration // negative: the daemon waits for ever
	Healthcheck   *Healthcheck  // nil when there is none

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

// parseContainer reads the daemon's inspect answer.
func parseContainer(raw []byte) (Container, error) {
	in, err := parseInspect(raw)
	if err != nil {
		return Container{}, err
	}
	ct := Container{
		ID:            in.ID,
		Name:          strings.TrimPrefix(in.Name, "/"),
		Image:         in.Config.Image,
		ImageID:       in.Image,
		Status:        in.State.Status,
		Running:       in.State.Running,
		ExitCode:      in.State.ExitCode,
		OOMKilled:     in.State.OOMKilled,
		Error:         in.State.Error,
		Started:       parseTime(in.State.StartedAt),
		Finished:      parseTime(in.State.FinishedAt),
		SandboxKey:    in.NetworkSettings.SandboxKey, //nolint:staticcheck // the daemon's JSON keeps it; only the Go field moves
		Labels:        in.Config.Labels,
		Env:           in.Config.Env,
		Args:          append(slices.Clone([]string(in.Config.Entrypoint)), in.Config.Cmd...),
		Tty:           in.Config.Tty,
		LogDriver:     in.HostConfig.LogConfig.Type,
		AutoRemove:    in.HostConfig.AutoRemove,
		RestartPolicy: restartPolicy(in.HostConfig.RestartPolicy),
		StopTimeout:   defaultStopTimeout,
		Healthcheck:   healthcheck(in.Config.Healthcheck, in.Config.Shell),
		NetworkMode:   networkMode(in),
		Published:     published(in),
		Networks:      networks(in),
		Raw:           json.RawMessage(raw),
	}
	if t := in.Config.StopTimeout; t != nil {
		ct.StopTimeout = time.Duration(*t) * time.Second
	}
	return ct, nil
}

// parseInspect decodes an inspect answer and makes sure that no part that the
// callers use is nil.
func parseInspect(raw []byte) (container.InspectResponse, error) {
	var in container.InspectResponse
	if err := json.Unmarshal(raw, &in); err != nil {
		return in, fmt.Errorf("read the inspect answer: %w", err)
	}
	if in.ContainerJSONBase == nil || in.ID == "" || in.Config == nil || in.HostConfig == nil || in.State == nil {
		return in, fmt.Errorf("the inspect answer is incomplete")
	}
	if in.NetworkSettings == nil {
		in.NetworkSettings = &container.NetworkSettings{}
	}
	return in, nil
}

// join takes over the network namespace of the container this one runs in.
func (ct *Container) join(raw []byte) error {
	in, err := parseInspect(raw)
	if err != nil {
		return err
	}
	ct.SandboxKey = in.NetworkSettings.SandboxKey //nolint:staticcheck // see parseContainer
	ct.Networks = networks(in)
	return nil
}

func networks(in container.InspectResponse) []Network {
	primary := networkMode(in)
	var out []Network
	for name, ep := range in.NetworkSettings.Networks {
		if ep == nil {
			continue
		}
		n := Network{Name: name, Gateway: addr(ep.Gateway), IPv4: addr(ep.IPAddress), IPv6: addr(ep.GlobalIPv6Address), Aliases: ep.Aliases}
		if !n.Gateway.IsValid() {
			n.Gateway = addr(ep.IPv6Gateway)
		}
		out = append(out, n)
	}
	sort.Slice(out, func(i, j int) bool {
		if a, b := out[i].Name == primary, out[j].Name == primary; a != b {
			return a
		}
		return out[i].Name < out[j].Name
	})
	return out
}

// networkMode is the name of the network the container was started with. The
// daemon says "default" (before Docker 26) for the default bridge, and repeats
// a network's id when it was given by id.
func networkMode(in container.InspectResponse) string {
	mode := string(in.HostConfig.NetworkMode)
	if mode == "default" || mode == "" {
		return "bridge"
	}
	for name, ep := range in.NetworkSettings.Networks {
		if ep != nil && ep.NetworkID == mode {
			return name
		}
	}
	return mode
}

func published(in container.InspectResponse) []Port {
	var out []Port
	for p, bindings := range in.NetworkSettings.Ports { //nolint:staticcheck // see parseContainer
		inside, err := strconv.ParseUint(p.Port(), 10, 16)
		if err != nil {
			continue
		}
		for _, b := range bindings {
			outside, err := strconv.ParseUint(b.HostPort, 10, 16)
			if err != nil {
				continue
			}
			ip := addr(b.HostIP)
			if !ip.IsValid() {
				ip = netip.IPv4Unspecified()
			}
			out = append(out, Port{HostIP: ip, HostPort: uint16(outside), ContainerPort: uint16(inside), Proto: p.Proto()})
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.ContainerPort != b.ContainerPort {
			return a.ContainerPort < b.ContainerPort
		}
		if a.Proto != b.Proto {
			return a.Proto < b.Proto
		}
		if a.HostPort != b.HostPort {
			return a.HostPort < b.HostPort
		}
		return a.HostIP.Less(b.HostIP)
	})
	return out
}

func restartPolicy(p container.RestartPolicy) string {
	switch {
	case p.Name == "":
		return "no"
	case p.Name == container.RestartPolicyOnFailure && p.MaximumRetryCount > 0:
		return fmt.Sprintf("on-failure:%d", p.MaximumRetryCount)
	}
	return string(p.Name)
}

// healthcheck gives the argument vector Docker would run. A check given as one
// string runs in the image's SHELL, else /bin/sh -c.
func healthcheck(h *container.HealthConfig, shell []string) *Healthcheck {
	if h == nil || len(h.Test) < 2 {
		return nil // absent, inherited by nothing, or ["NONE"]
	}
	out := &Healthcheck{Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries}
	switch h.Test[0] {
	case "CMD":
		out.Command = h.Test[1:]
	case "CMD-SHELL":
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		out.Command = append(slices.Clone(shell), h.Test[1:]...)
	default:
		return nil
	}
	// The defaults are the daemon's (daemon/health.go of moby).
	if out.Interval == 0 {
		out.Interval = 30 * time.Second
	}
	if out.Timeout == 0 {
		out.Timeout = 30 * time.Second
	}
	if out.Retries == 0 {
		out.Retries = 3
	}
	return out
}

func addr(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

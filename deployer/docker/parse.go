package docker

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

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
		SandboxKey:    in.NetworkSettings.SandboxKey,
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
	ct.Unhealthy = unhealthy(in.State.Health)
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

// unhealthy is the last word of a check that keeps failing, "" if it does not.
func unhealthy(h *container.Health) string {
	if h == nil || h.Status != container.Unhealthy {
		return ""
	}
	for i := len(h.Log) - 1; i >= 0; i-- {
		if r := h.Log[i]; r != nil && r.ExitCode != 0 {
			line, _, _ := strings.Cut(strings.TrimSpace(r.Output), "\n")
			return strings.TrimSpace(fmt.Sprintf("exit %d %s", r.ExitCode, line[:min(len(line), 200)]))
		}
	}
	return "no answer"
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
	for p, bindings := range in.NetworkSettings.Ports {
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

// Package inspect reads what the Docker daemon answers about a container or an
// image: bytes in, values out. It asks nobody, and decides nothing.
package inspect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// defaultStopTimeout is the daemon's grace between the stop signal and SIGKILL
// for a container that sets none.
const defaultStopTimeout = 10 * time.Second

// graceForever is for an app that is never to be killed.
const graceForever = 5 * time.Minute

// Container is what edgeman needs to know of a container at one moment.
type Container struct {
	ID   string
	Name string // without the leading slash
	// Image is the reference the container was created with, ImageID the
	// image it runs ("sha256:…").
	Image, ImageID string

	Status    string // created, running, paused, restarting, removing, exited or dead
	Running   bool   // the main process exists (true while paused, too)
	PID       int    // of the main process, in the host's numbering
	ExitCode  int    // of the last run
	OOMKilled bool
	Error     string // why the daemon could not start it, if so
	Started   time.Time

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

	AutoRemove    bool
	RestartPolicy string        // "no", "always", "unless-stopped", "on-failure" or "on-failure:N"
	StopTimeout   time.Duration // negative: the daemon waits for ever; see Grace
	Healthcheck   *Healthcheck  // nil when there is none
	Unhealthy     string        // what the check last said, when Docker calls the container unhealthy

	// Raw is the daemon's whole answer, for Recreate.
	Raw json.RawMessage
}

// Grace is how long the container may take to stop.
func (ct Container) Grace() time.Duration {
	if ct.StopTimeout < 0 {
		return graceForever
	}
	return ct.StopTimeout
}

// Writes are the volumes and the paths of the host that the container may write to.
func (ct Container) Writes() []string {
	in, err := Decode(ct.Raw)
	if err != nil {
		return nil
	}
	var out []string
	for _, m := range in.Mounts {
		switch {
		case !m.RW:
		case m.Type == mount.TypeVolume:
			out = append(out, m.Name)
		case m.Type == mount.TypeBind:
			out = append(out, m.Source)
		}
	}
	return out
}

// NameOf is the name of a container in the daemon's list.
func NameOf(s container.Summary) string {
	for _, n := range s.Names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n // one with a slash is a legacy link
		}
	}
	return Short(s.ID)
}

// Short is an id as docker shows it.
func Short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// A container that runs in the namespaces of another one is tied to that one's
// life: the daemon notes the other's id, and one that was made anew under the
// same name is another container.

// Joining are the members of a HostConfig that can name another container.
var Joining = []string{"NetworkMode", "PidMode", "IpcMode"}

// Joined are the ids of the containers whose namespaces this one was made to join.
func (ct Container) Joined() []string {
	var in struct{ HostConfig map[string]json.RawMessage }
	_ = json.Unmarshal(ct.Raw, &in) // the daemon's own answer
	var ids []string
	for _, member := range Joining {
		var mode string
		_ = json.Unmarshal(in.HostConfig[member], &mode)
		if id, ok := strings.CutPrefix(mode, "container:"); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// Join takes over the network namespace of the container this one runs in.
func (ct *Container) Join(raw []byte) error {
	in, err := Decode(raw)
	if err != nil {
		return err
	}
	ct.SandboxKey = in.NetworkSettings.SandboxKey
	ct.Networks = networks(in)
	name := strings.TrimPrefix(in.Name, "/")
	switch {
	case !in.State.Running:
		ct.CutOff("container %s, whose network it has joined, does not run", name)
	case ParseTime(in.State.StartedAt).After(ct.Started):
		ct.CutOff("container %s, whose network it has joined, was started again", name)
	}
	return nil
}

// CutOff says that the network namespace in which the container runs is nobody
// else's any more. There is no way to it from outside.
func (ct *Container) CutOff(format string, args ...any) {
	ct.SandboxKey, ct.Networks = "", nil
	ct.Adrift = fmt.Sprintf(format, args...)
}

// Healthcheck is the health check a container runs, ready for Exec.
type Healthcheck struct {
	Command     []string
	Timeout     time.Duration // Docker's default 30 s when the image says nothing
	StartPeriod time.Duration
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

// healthcheck gives the argument vector Docker would run. A check given as one
// string runs in the image's SHELL, else /bin/sh -c.
func healthcheck(h *container.HealthConfig, shell []string) *Healthcheck {
	if h == nil || len(h.Test) < 2 {
		return nil // absent, inherited by nothing, or ["NONE"]
	}
	out := &Healthcheck{Timeout: h.Timeout, StartPeriod: h.StartPeriod}
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
	if out.Timeout == 0 {
		out.Timeout = 30 * time.Second // the daemon's default
	}
	return out
}

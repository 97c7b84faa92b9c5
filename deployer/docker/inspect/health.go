package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

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

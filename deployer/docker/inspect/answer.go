package inspect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"edgeman/deployer/docker/rawjson"
)

// Decode decodes an inspect answer and makes sure that no part that the
// callers use is nil.
func Decode(raw []byte) (container.InspectResponse, error) {
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

// Answer is an inspect answer twice: decoded, for reading, and as sent, for
// carrying.
type Answer struct {
	container.InspectResponse
	Raw struct {
		Config          rawjson.Object
		HostConfig      rawjson.Object
		NetworkSettings struct{ Networks map[string]rawjson.Object }
		Files           json.RawMessage `json:"EdgemanFiles"` // what definition.WithFiles added
	}
}

// ReadAnswer reads an inspect answer, the daemon's or a stored one.
func ReadAnswer(raw json.RawMessage) (Answer, error) {
	var in Answer
	var err error
	if in.InspectResponse, err = Decode(raw); err != nil {
		return in, err
	}
	if err := json.Unmarshal(raw, &in.Raw); err != nil {
		return in, fmt.Errorf("read the inspect answer: %w", err)
	}
	return in, nil
}

// ReadContainer reads the daemon's inspect answer.
func ReadContainer(raw []byte) (Container, error) {
	in, err := Decode(raw)
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
		PID:           in.State.Pid,
		ExitCode:      in.State.ExitCode,
		OOMKilled:     in.State.OOMKilled,
		Error:         in.State.Error,
		Started:       ParseTime(in.State.StartedAt),
		SandboxKey:    in.NetworkSettings.SandboxKey,
		Labels:        in.Config.Labels,
		Env:           in.Config.Env,
		Args:          append(slices.Clone([]string(in.Config.Entrypoint)), in.Config.Cmd...),
		Tty:           in.Config.Tty,
		AutoRemove:    in.HostConfig.AutoRemove,
		RestartPolicy: RestartPolicy(in.HostConfig.RestartPolicy),
		StopTimeout:   defaultStopTimeout,
		Healthcheck:   healthcheck(in.Config.Healthcheck, in.Config.Shell),
		NetworkMode:   NetworkMode(in),
		Published:     published(in),
		Networks:      networks(in),
		Unhealthy:     unhealthy(in.State.Health),
		Raw:           json.RawMessage(raw),
	}
	if t := in.Config.StopTimeout; t != nil {
		ct.StopTimeout = time.Duration(*t) * time.Second
	}
	return ct, nil
}

// RestartPolicy is a restart policy as Container has it.
func RestartPolicy(p container.RestartPolicy) string {
	switch {
	case p.Name == "":
		return "no"
	case p.Name == container.RestartPolicyOnFailure && p.MaximumRetryCount > 0:
		return fmt.Sprintf("on-failure:%d", p.MaximumRetryCount)
	}
	return string(p.Name)
}

// ParseTime reads one of the daemon's times; zero when it stands for none.
func ParseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

package docker

import (
	"context"
	"errors"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"edgeman/deployer/words"
)

var (
	// ErrNotFound: the daemon knows no such container, image, network or volume.
	ErrNotFound = errors.New("not found")
	// ErrUnreachable: no daemon answers at the socket.
	ErrUnreachable = errors.New("docker daemon unreachable")
	// ErrExists: a container of that name exists already.
	ErrExists = errors.New("name already in use")
	// ErrRemoving: the daemon removes that container already.
	ErrRemoving = errors.New("being removed")
	// ErrPortTaken: another container or program holds a port that it publishes.
	ErrPortTaken = errors.New("port already in use")
	// ErrNoLogs: the container's logging driver keeps nothing that can be read back.
	ErrNoLogs = errors.New("the container's logging driver does not support reading")
)

// callError says which call failed. It matches one of the sentinels above, if
// one fits, and the daemon's own error.
type callError struct {
	op, subject string
	kind        error
	cause       error
}

func (e *callError) Error() string {
	s := "docker: " + e.op
	if e.subject != "" {
		s += " " + e.subject
	}
	return s + ": " + reason(e.cause)
}

// Hint says what to do next, if there is anything.
func (e *callError) Hint() string {
	switch e.kind {
	case ErrUnreachable:
		return "systemctl status docker"
	case ErrPortTaken:
		return "docker ps and ss -ltnp show who holds the port"
	}
	return ""
}

func (e *callError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.cause}
	}
	return []error{e.kind, e.cause}
}

func callErr(op, subject string, err error) error {
	if err == nil {
		return nil
	}
	return &callError{op: op, subject: subject, kind: kind(err), cause: err}
}

func kind(err error) error {
	switch text := err.Error(); {
	case client.IsErrConnectionFailed(err):
		return ErrUnreachable
	case cerrdefs.IsNotFound(err):
		return ErrNotFound
	case cerrdefs.IsConflict(err) && strings.Contains(text, "is already in use by container"):
		return ErrExists
	case cerrdefs.IsConflict(err) && strings.Contains(text, "is already in progress"):
		return ErrRemoving
	case strings.Contains(text, "port is already allocated"), strings.Contains(text, "address already in use"):
		return ErrPortTaken
	case strings.Contains(text, "does not support reading"):
		return ErrNoLogs
	}
	return nil
}

// reason is the daemon's message without the library's wrapping.
func reason(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case client.IsErrConnectionFailed(err):
		if strings.Contains(err.Error(), "permission denied") {
			return "permission denied at the docker socket"
		}
		return "no docker daemon answers at /var/run/docker.sock"
	}
	// Why a container does not start may stand in the last of several lines.
	return words.Joined(strings.TrimPrefix(err.Error(), "Error response from daemon: "))
}

// versionRefused says that the daemon does not speak the API version asked for.
func versionRefused(err error) bool {
	return err != nil && strings.Contains(err.Error(), "client version") && strings.Contains(err.Error(), "API version")
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

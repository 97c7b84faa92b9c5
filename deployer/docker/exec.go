package docker

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"edgeman/deployer/poll"
)

// maxOutput is what is kept of a command's output, as much as Docker keeps of a
// health check's.
const maxOutput = 4096

// Exec runs a command in the running container, as the container's own user and
// in its working directory and environment, and returns its exit code and the
// beginning of its output, stdout and stderr mixed. At the context's end the
// command is killed; a health check that hangs must not pile up.
func (c *Client) Exec(ctx context.Context, id string, cmd []string) (code int, output string, err error) {
	out := &limited{max: maxOutput}
	err = c.on(ctx, "exec in", id, func(ctx context.Context, api *client.Client) error {
		created, err := api.ContainerExecCreate(ctx, id, container.ExecOptions{Cmd: cmd, AttachStdout: true, AttachStderr: true})
		if err != nil {
			return err
		}
		if err := attach(ctx, api, created.ID, out); err != nil {
			c.killExec(ctx, api, created.ID)
			return err
		}
		code, err = exitCode(ctx, api, created.ID)
		return err
	})
	return code, out.String(), err
}

// attach starts the command and copies its output until it ends.
func attach(ctx context.Context, api *client.Client, exec string, out io.Writer) error {
	conn, err := api.ContainerExecAttach(ctx, exec, container.ExecAttachOptions{})
	if err != nil {
		return err
	}
	defer conn.Close()
	// The connection is taken out of HTTP's hands and does not know the context.
	defer context.AfterFunc(ctx, conn.Close)()
	_, err = stdcopy.StdCopy(out, out, conn.Reader)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// exitCode waits until the daemon has noticed the end of a command whose output
// has ended.
func exitCode(ctx context.Context, api *client.Client, exec string) (code int, err error) {
	err = poll.Until(ctx, poll.DoneDecides, 10*time.Millisecond, func() (bool, error) {
		st, err := api.ContainerExecInspect(ctx, exec)
		code = st.ExitCode
		return err == nil && !st.Running, err
	})
	return code, err
}

// killExec kills a command that outlived its time. The Engine has no call for
// that, but it tells the process.
func (c *Client) killExec(ctx context.Context, api *client.Client, exec string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	st, err := api.ContainerExecInspect(ctx, exec)
	if err != nil || !st.Running || st.Pid <= 1 {
		return
	}
	// Nothing is lost when it fails: the command ends with its container.
	_ = c.sys.kill(st.Pid, func() bool {
		again, err := api.ContainerExecInspect(ctx, exec)
		return err == nil && again.Running && again.Pid == st.Pid
	})
}

// limited keeps the first max bytes and counts the rest.
type limited struct {
	max  int
	kept []byte
	more int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.max-len(l.kept))
	l.kept = append(l.kept, p[:n]...)
	l.more += len(p) - n
	return len(p), nil
}

func (l *limited) String() string {
	if l.more > 0 {
		return fmt.Sprintf("%s… (%d bytes more)", l.kept, l.more)
	}
	return string(l.kept)
}

package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Exec returns a command that runs as root inside the host, with a clean
// environment and no input. When ctx ends it is killed with its children.
func (h *Host) Exec(ctx context.Context, args ...string) *exec.Cmd {
	pid, err := leader(h.Name)
	enter := []string{
		"--target", strconv.Itoa(pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
		"env", "-i", "PATH=" + searchPath, "HOME=/root", "LANG=C.UTF-8", "TERM=dumb",
	}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	if err != nil {
		cmd.Err = err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 20 * time.Second // a slow machine may take a while to read what a command wrote
	return cmd
}

// ExecError is a command that ran inside a host and did not end with 0.
type ExecError struct {
	Args   []string
	Code   int // exit status; -1: killed, or never started
	Stdout string
	Stderr string
	Err    error
}

func (e *ExecError) Error() string {
	return fmt.Sprintf("%s: %v\n%s%s", strings.Join(e.Args, " "), e.Err, e.Stdout, e.Stderr)
}

func (e *ExecError) Unwrap() error { return e.Err }

// Run runs a command inside the host and returns what it wrote to stdout. An
// error is an *ExecError and quotes both streams.
func (h *Host) Run(ctx context.Context, args ...string) (string, error) {
	return h.run(ctx, nil, args...)
}

// Shell runs a shell script inside the host, stopping at the first failure.
func (h *Host) Shell(ctx context.Context, script string) (string, error) {
	return h.Run(ctx, "sh", "-e", "-c", script)
}

func (h *Host) run(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := h.Exec(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	if err == nil {
		return stdout.String(), nil
	}
	code := -1
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	}
	return stdout.String(), &ExecError{Args: args, Code: code, Stdout: stdout.String(), Stderr: stderr.String(), Err: err}
}

// WriteFile writes a file inside the host, directories included, in one rename.
func (h *Host) WriteFile(ctx context.Context, name string, data []byte, mode os.FileMode) error {
	return h.write(ctx, name, bytes.NewReader(data), mode)
}

func (h *Host) write(ctx context.Context, name string, r io.Reader, mode os.FileMode) error {
	const script = `mkdir -p "$1" && cat >"$2.part" && chmod "$3" "$2.part" && mv "$2.part" "$2"`
	_, err := h.run(ctx, r, "sh", "-c", script, "write", path.Dir(name), name, fmt.Sprintf("%#o", mode.Perm()))
	return err
}

// ReadFile returns the content of a file inside the host.
func (h *Host) ReadFile(ctx context.Context, name string) ([]byte, error) {
	out, err := h.Run(ctx, "cat", "--", name)
	return []byte(out), err
}

// Copy copies a file of this machine into the host and keeps its mode.
func (h *Host) Copy(ctx context.Context, from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return h.write(ctx, to, f, info.Mode())
}

// Journal writes what explains a failed test to w: the host's journal of every
// boot, nginx's error log and Docker's view of its containers.
func (h *Host) Journal(ctx context.Context, w io.Writer) {
	if !h.Running() {
		cmd := exec.CommandContext(ctx, "journalctl", "--no-pager", "-o", "short-precise", "-D", h.path("upper/var/log/journal"))
		cmd.Stdout, cmd.Stderr = w, w
		cmd.Run()
		return
	}
	for _, args := range [][]string{
		{"journalctl", "--no-pager", "-o", "short-precise"},
		{"cat", "/var/log/nginx/error.log"},
		{"docker", "ps", "--all", "--no-trunc"},
	} {
		fmt.Fprintf(w, "--- %s\n", strings.Join(args, " "))
		cmd := h.Exec(ctx, args...)
		cmd.Stdout, cmd.Stderr = w, w
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(w, "%v\n", err)
		}
	}
}

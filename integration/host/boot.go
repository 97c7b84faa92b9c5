package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// bootTimeout is generous: a boot takes one to five seconds.
const bootTimeout = 3 * time.Minute

// bootScript runs as process 1 of a process namespace of its own, so that the
// whole host dies with it, and in a mount namespace of its own, so that no mount
// is ever left behind.
const bootScript = `set -e
mount -t proc proc /proc
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$DIR/upper,workdir=$DIR/work" "$DIR/merged"
exec systemd-nspawn "$@"`

// Boot starts the host again after PowerCut or PowerOff, on the same disk, and
// returns when systemd has finished booting and nginx and Docker answer.
func (h *Host) Boot(ctx context.Context) error {
	if h.Running() {
		return fmt.Errorf("host %s is running already", h.Name)
	}
	if err := removeCgroup(h.Name); err != nil {
		return err
	}
	if err := h.start(); err != nil {
		return fmt.Errorf("boot host %s: %w", h.Name, err)
	}
	if err := h.waitReady(ctx); err != nil {
		return fmt.Errorf("boot host %s: %w\n%s", h.Name, err, tail(h.path("console.log"), 10))
	}
	return nil
}

func (h *Host) start() error {
	group, err := makeCgroup(h.Name)
	if err != nil {
		return err
	}
	defer group.Close()
	console, err := os.OpenFile(h.path("console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer console.Close()

	cmd := exec.Command("sh", append([]string{"-c", bootScript, "boot"}, h.nspawnArgs()...)...)
	cmd.Stdout, cmd.Stderr = console, console
	cmd.Env = []string{
		"PATH=" + searchPath, "LOWER=" + h.root, "DIR=" + h.dir,
		"SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS, // Go makes the mounts private after an unshare, not after a clone
		Setsid:       true,
		UseCgroupFD:  true,
		CgroupFD:     int(group.Fd()),
	}
	if h.owner != nil {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	started := make(chan error, 1)
	go func() {
		// The death signal follows the thread that forked, not the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	return <-started
}

func (h *Host) nspawnArgs() []string {
	return []string{
		"--directory=" + h.path("merged"), "--machine=" + h.Name, "--hostname=" + h.Name,
		"--boot", "--register=no", "--keep-unit", "--private-network", "--capability=all",
		"--system-call-filter=add_key keyctl bpf pidfd_getfd", // Docker needs them
		"--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
		// Docker's storage cannot be an overlay on an overlay.
		"--bind=" + h.path("docker") + ":/var/lib/docker",
		"--bind=" + h.path("containerd") + ":/var/lib/containerd",
	}
}

func (h *Host) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	if err := poll(ctx, bootTimeout, "systemd", func() bool { return h.systemUp(ctx) || !h.Running() }); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"docker", "version"},
		{"systemctl", "is-active", "--quiet", "nginx.service"},
	} {
		if _, err := h.Run(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// systemUp: "degraded" counts, or a single failed unit, planted by a test
// perhaps, would make a reboot impossible.
func (h *Host) systemUp(ctx context.Context) bool {
	out, _ := h.Exec(ctx, "systemctl", "is-system-running").Output()
	state := strings.TrimSpace(string(out))
	return state == "running" || state == "degraded"
}

// PowerCut kills every process of the host at the same instant. What was
// written stays on its disk; Boot starts it again.
func (h *Host) PowerCut(ctx context.Context) error { return killCgroup(ctx, h.Name) }

// PowerOff shuts the host down in order, as an operator would.
func (h *Host) PowerOff(ctx context.Context) error {
	if _, err := h.Run(ctx, "systemctl", "poweroff", "--no-block"); err != nil {
		return err
	}
	return h.WaitOff(ctx)
}

// WaitOff waits until no process of the host is left, for at most two minutes.
func (h *Host) WaitOff(ctx context.Context) error {
	return poll(ctx, 2*time.Minute, "host "+h.Name+" to shut down", func() bool { return !h.Running() })
}

// Reboot is PowerOff and Boot.
func (h *Host) Reboot(ctx context.Context) error {
	if err := h.PowerOff(ctx); err != nil {
		return err
	}
	return h.Boot(ctx)
}

package nginx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// command prepares an nginx that reads the same configuration as the running
// one. The environment is made anew: an inherited NGINX variable would be
// taken for a list of listening descriptors.
func (s *Server) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append(args, "-p", s.Prefix+"/", "-c", s.Main)
	if s.Directives != "" {
		args = append(args, "-g", s.Directives)
	}
	return nginxCommand(ctx, s.Binary, args...)
}

func nginxCommand(ctx context.Context, binary string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	if tz, ok := os.LookupEnv("TZ"); ok {
		cmd.Env = append(cmd.Env, "TZ="+tz)
	}
	cmd.WaitDelay = 10 * time.Second // for what it has printed
	return cmd
}

// unanswered says so when a command was ended by its deadline: err is then only
// that it was killed.
func unanswered(ctx context.Context, command string, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s did not end in time: %w", command, ctx.Err())
	}
	return err
}

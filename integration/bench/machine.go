package bench

import (
	"context"
	"fmt"
	"strings"
)

// Machine is what the figures were measured on.
type Machine struct {
	CPU      string   `json:"cpu"`
	Cores    string   `json:"cores"`
	Memory   string   `json:"memory"`
	Kernel   string   `json:"kernel"`
	Debian   string   `json:"debian"`
	Versions []string `json:"versions"`
}

// machine asks the host; its kernel, processor and memory are the machine's.
func (b *Bench) machine(ctx context.Context) (Machine, error) {
	out, err := b.shell(ctx, `
		sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1
		nproc
		awk '/^MemTotal/ {printf "%.0f GiB\n", $2/1048576}' /proc/meminfo
		uname -r | cut -d- -f1
		. /etc/os-release; echo "$PRETTY_NAME"
		edgeman --version
		nginx -v 2>&1 | sed 's|.*version: ||'
		docker --version
		systemctl --version | head -n 1
		haproxy -v | head -n 1 | sed 's/ - .*//'
		echo "caddy $(caddy version)"
		{ wrk --version || true; } 2>&1 | head -n 1 | sed 's/ Copyright.*//'`)
	if err != nil {
		return Machine{}, err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) < 6 {
		return Machine{}, fmt.Errorf("what the machine is: %q", out)
	}
	return Machine{CPU: lines[0], Cores: lines[1], Memory: lines[2], Kernel: lines[3], Debian: lines[4], Versions: lines[5:]}, nil
}

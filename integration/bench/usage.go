package bench

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// usage is what the processes of one peer have used.
type usage struct {
	resident  int           // bytes, VmRSS
	anonymous int           // bytes of it that no file backs, RssAnon
	cpu       time.Duration // user and system, since they started
}

// usageScript prints resident and anonymous KiB and clock ticks (1/100 s) of
// docker-proxy for one port, or of a unit's main process and its children. The
// name of a process may hold blanks but is in parentheses (proc(5)).
const usageScript = `
case $1 in
docker-proxy) pids=$(pgrep -f -- '^/usr/s?bin/docker-proxy .*-host-port 8101 ') ;;
*) main=$(systemctl show --property MainPID --value "$1" | grep -vx -e 0 -e '')
   pids="$main $(pgrep -P "$main" || true)" ;;
esac
for p in $pids; do
	awk '/^VmRSS/ {r=$2} /^RssAnon/ {a=$2} END {printf "%d %d ", r, a}' "/proc/$p/status"
	sed 's/.*) //' "/proc/$p/stat" | awk '{print $12+$13}'
done | awk '{r+=$1; a+=$2; t+=$3} END {print r, a, t}'`

const ticksPerSecond = 100

// usage sums what stands between nginx and the app for p; nothing does for some.
func (b *Bench) usage(ctx context.Context, p Peer) (usage, error) {
	if p.processes == "" {
		return usage{}, nil
	}
	out, err := b.shell(ctx, usageScript, p.processes)
	if err != nil {
		return usage{}, err
	}
	var resident, anonymous, ticks int
	if _, err := fmt.Sscan(strings.TrimSpace(out), &resident, &anonymous, &ticks); err != nil {
		return usage{}, fmt.Errorf("what %s uses: %w in %q", p.Title, err, out)
	}
	return usage{resident << 10, anonymous << 10, time.Duration(ticks) * time.Second / ticksPerSecond}, nil
}

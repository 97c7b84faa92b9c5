//go:build integration

package integration

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
)

// censusScript counts, a line each, what must not grow with the swaps: what
// exists, what is open, and kilobytes of memory.
const censusScript = `
n() { echo "$1 $(wc -l)"; }
serves=$(systemctl show --property MainPID --value 'edgeman@*.service' | grep -vx -e 0 -e '')
docker ps --all --quiet | n containers
docker images --quiet | sort -u | n images
docker images --quiet --all | sort -u | n layers
docker volume ls --quiet | n volumes
docker network ls --quiet | n networks
find /var/lib/edgeman/apps/*/releases -type f | n releases
find /var/lib/edgeman /etc/edgeman ! -path '*/releases/*' | n files
find /run/edgeman | n 'files in /run'
find /tmp /run -maxdepth 1 | n 'temporary files'
systemctl list-units --all --plain --no-legend | n units
findmnt --noheadings --list | n mounts
pgrep -c . | sed 's/^/processes /'
find /sys/fs/cgroup -type d | n cgroups
find /proc/1/fd -mindepth 1 | n 'descriptors of systemd'
find /proc/$(pidof dockerd)/fd -mindepth 1 | n 'descriptors of dockerd'
for p in $serves; do find /proc/$p/fd -mindepth 1 ! -lname 'socket:*'; done | n 'descriptors of edgeman serve'
for p in $serves; do find /proc/$p/fd -mindepth 1 -lname 'socket:*'; done | n 'sockets of edgeman serve'
stat --format %s /var/lib/edgeman/apps/*/history.jsonl | awk '{s += $1} END {print "KB of history", int(s/1024)}'
awk '/^RssAnon/ {print "KB of systemd", $2}' /proc/1/status
for p in $serves; do awk '/^RssAnon/ {print $2}' /proc/$p/status; done | awk '{s += $1} END {print "KB of edgeman serve", s}'
awk '/^RssAnon/ {print "KB of dockerd", $2}' /proc/$(pidof dockerd)/status
`

// slack is what may come to a count without being a leak, whatever the number
// of swaps: releases and their images up to what is retained, and what a
// program opens once or has not returned yet. A leak is at least one a swap.
var slack = map[string]int{
	"releases": 20, "images": 20, "layers": 40, // ten of each app
	"KB of history": 512, "KB of systemd": 1500, "KB of edgeman serve": 4000,
	"KB of dockerd": 1 << 20, // not ours to bound: printed only
	"files":         4, "files in /run": 4, "temporary files": 2, "units": 3, "processes": 5, "cgroups": 5,
	"descriptors of systemd": 4, "descriptors of dockerd": 5, "descriptors of edgeman serve": 4,
	"sockets of edgeman serve": 34, // each of the two keeps up to 16 ready for its app
}

func takeCensus(ctx context.Context, t *testing.T, h *host.Host) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for line := range strings.Lines(must(ctx, t, h, "sh", "-c", censusScript)) {
		words := strings.Fields(line)
		counts[strings.Join(words[:len(words)-1], " ")] = number(t, words[len(words)-1])
	}
	return counts
}

// wantCensus waits until what a load leaves for a while has been given back, at
// the collection that Go makes every two minutes at the latest,
// and fails if some count stays beyond what it may.
func wantCensus(ctx context.Context, t *testing.T, h *host.Host, before map[string]int) {
	t.Helper()
	var after map[string]int
	var grown []string
	for limit := time.Now().Add(150 * time.Second); ; time.Sleep(2 * time.Second) {
		after, grown = takeCensus(ctx, t, h), nil
		for what, n := range after {
			if n > before[what]+slack[what] {
				grown = append(grown, fmt.Sprintf("%s: %d before, %d after", what, before[what], n))
			}
		}
		if len(grown) == 0 || time.Now().After(limit) || ctx.Err() != nil {
			break
		}
	}
	for _, what := range slices.Sorted(maps.Keys(after)) {
		t.Logf("%-30s %7d before %7d after", what, before[what], after[what])
	}
	if len(grown) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(grown, "\n"))
	}
}

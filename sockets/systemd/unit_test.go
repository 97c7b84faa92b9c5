package systemd

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestUnitState(t *testing.T) {
	never := ^uint64(0)
	info := unitState(map[string]any{
		"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": true,
		"StateChangeTimestamp": uint64(3_000_000),
	}, map[string]any{
		"LastTriggerUSec": uint64(1_000_000), "NextElapseUSecRealtime": uint64(2_000_000), "NextElapseUSecMonotonic": never,
	})
	if info.Load != "loaded" || info.FileState != "enabled" || !info.NeedReload || !info.Since.Equal(time.Unix(3, 0)) {
		t.Errorf("got %+v", info)
	}
	if !info.LastRun.Equal(time.Unix(1, 0)) || !info.NextRun.Equal(time.Unix(2, 0)) {
		t.Errorf("last %s, next %s", info.LastRun, info.NextRun)
	}
	if got := unitState(map[string]any{"LoadState": "not-found"}, nil); !got.NextRun.IsZero() || !got.LastRun.IsZero() {
		t.Errorf("a unit that is not there: %+v", got)
	}
	if got := nextElapse(map[string]any{"NextElapseUSecRealtime": uint64(0), "NextElapseUSecMonotonic": never}); !got.IsZero() {
		t.Errorf("a timer that never elapses: %s", got)
	}
}

func TestNextElapseOnTheMonotonicClock(t *testing.T) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	in := uint64(now.Nano()/1000) + uint64(time.Hour/time.Microsecond)
	got := time.Until(nextElapse(map[string]any{"NextElapseUSecMonotonic": in}))
	if got < 59*time.Minute || got > 61*time.Minute {
		t.Errorf("in %s, want about an hour", got)
	}
}

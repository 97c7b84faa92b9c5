package state

import (
	"time"

	"golang.org/x/sys/unix"
)

// slewed is how much the clocks may differ without one having been set: time
// daemons speed a clock up and slow it down by 500 ppm at most (adjtimex(2)).
const slewed = time.Second

// stamp is when something was stated, by the clock that people set and by one
// that only time moves. Deadlines in files are times of day, for people to read;
// the stamp beside them tells how far the clock was set since.
type stamp struct {
	Wall time.Time     `json:"wall"`
	Up   time.Duration `json:"up_ns"` // since boot, time asleep included
}

// stamp is the present; zero where the clock counts as never set.
func (p Paths) stamp() stamp {
	if p.Uptime == nil {
		return stamp{}
	}
	return stamp{Wall: time.Now().Round(0), Up: p.Uptime()}
}

// deadline is what t, stated at s, means now. In the same boot it has moved with
// the clock. After another boot the clock is believed, but not longer than the
// whole span since that boot: a machine that lost its clock must not wait for years.
//
// Another boot shows by its uptime alone. The kernel's boot id would tell for
// certain, but where a container manager hides it, as systemd-nspawn does, a
// service with a /proc of its own reads another one than a command.
func (s stamp) deadline(t time.Time, now stamp) time.Time {
	if s.Wall.IsZero() || now.Wall.IsZero() || t.IsZero() {
		return t
	}
	if now.Up < s.Up {
		if latest := now.Wall.Add(t.Sub(s.Wall) - now.Up); t.After(latest) {
			return latest
		}
		return t
	}
	if set := now.Wall.Sub(s.Wall) - (now.Up - s.Up); set.Abs() > slewed {
		return t.Add(set)
	}
	return t
}

// uptime reads CLOCK_BOOTTIME, which nobody can set.
func uptime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

package sockets

import (
	"context"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"
)

// UnitInfo is what edgeman check asks about any unit, in systemd's own words.
type UnitInfo struct {
	Load       string // loaded, not-found, masked
	Active     string
	Result     string    // empty for kinds of units that have none
	FileState  string    // enabled, disabled, static, ...; empty when there is no file
	NeedReload bool      // the unit file is newer than what systemd works with
	LastRun    time.Time // of a timer: when it last elapsed
	NextRun    time.Time // of a timer: when it elapses next; zero when it never does
}

// Info describes a service, socket or timer. A unit that does not exist has
// Load "not-found".
func (u *Units) Info(ctx context.Context, unit string) (info UnitInfo, err error) {
	err = u.call(ctx, "asking about "+unit, func(ctx context.Context, c *dbus.Conn) error {
		general, err := c.GetUnitPropertiesContext(ctx, unit)
		if err != nil {
			return err
		}
		special, err := c.GetUnitTypePropertiesContext(ctx, unit, unitKind(unit))
		if err != nil {
			special = nil // not-found units have no properties of their kind
		}
		info = unitInfo(general, special)
		return nil
	})
	return info, err
}

// Active tells the active state of every unit in systemd's memory that matches
// the glob pattern, in one question however many there are. A unit that is not
// there is inactive.
func (u *Units) Active(ctx context.Context, pattern string) (map[string]string, error) {
	active := map[string]string{}
	err := u.call(ctx, "listing "+pattern, func(ctx context.Context, c *dbus.Conn) error {
		units, err := c.ListUnitsByPatternsContext(ctx, nil, []string{pattern})
		for _, unit := range units {
			active[unit.Name] = unit.ActiveState
		}
		return err
	})
	return active, err
}

func unitKind(unit string) string {
	switch {
	case strings.HasSuffix(unit, ".socket"):
		return "Socket"
	case strings.HasSuffix(unit, ".timer"):
		return "Timer"
	}
	return "Service"
}

func unitInfo(general, special map[string]any) UnitInfo {
	return UnitInfo{
		Load:       property[string](general, "LoadState"),
		Active:     property[string](general, "ActiveState"),
		Result:     property[string](special, "Result"),
		FileState:  property[string](general, "UnitFileState"),
		NeedReload: property[bool](general, "NeedDaemonReload"),
		LastRun:    unixMicro(property[uint64](special, "LastTriggerUSec")),
		NextRun:    nextElapse(special),
	}
}

// unixMicro is zero for what systemd means by never: 0 and the largest number.
func unixMicro(usec uint64) time.Time {
	if usec == 0 || usec == ^uint64(0) {
		return time.Time{}
	}
	return time.UnixMicro(int64(usec))
}

// nextElapse is the sooner of a timer's two clocks: calendar times are on the
// wall clock, times since boot or activation on the monotonic one.
func nextElapse(timer map[string]any) time.Time {
	next := unixMicro(property[uint64](timer, "NextElapseUSecRealtime"))
	mono := property[uint64](timer, "NextElapseUSecMonotonic")
	var now unix.Timespec
	if mono == 0 || mono == ^uint64(0) || unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return next
	}
	at := time.Now().Add(time.Duration(mono)*time.Microsecond - time.Duration(now.Nano()))
	if next.IsZero() || at.Before(next) {
		return at
	}
	return next
}

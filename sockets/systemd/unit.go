package systemd

import (
	"context"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"
)

// Unit is what systemd knows about a service, socket or timer, in its own words.
type Unit struct {
	Load       string    // loaded, not-found, masked
	Active     string    // active, activating, deactivating, inactive, failed, ...
	Result     string    // success, or why it failed: exit-code, resources, ...
	FileState  string    // enabled, disabled, static, ...; empty when there is no file
	NeedReload bool      // the unit file is newer than what systemd works with
	Since      time.Time // of the last change of Active; zero when there was none
	NRestarts  uint32    // of a service: automatic restarts
	LastRun    time.Time // of a timer: when it last elapsed
	NextRun    time.Time // of a timer: when it elapses next; zero when it never does
}

// State describes a service, socket or timer. A unit that does not exist has
// Load "not-found" and is inactive.
func (u *Units) State(ctx context.Context, unit string) (state Unit, err error) {
	err = u.call(ctx, "asking for the state of "+unit, func(ctx context.Context, c *dbus.Conn) error {
		general, err := c.GetUnitPropertiesContext(ctx, unit)
		if err != nil {
			return err
		}
		special, err := c.GetUnitTypePropertiesContext(ctx, unit, unitKind(unit))
		state = unitState(general, special)
		if state.Load != "loaded" { // it may have no properties of its kind
			return nil
		}
		return err
	})
	return state, err
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

// unitState picks from the properties of every unit and those of its kind.
func unitState(general, special map[string]any) Unit {
	return Unit{
		Load:       property[string](general, "LoadState"),
		Active:     property[string](general, "ActiveState"),
		Result:     property[string](special, "Result"),
		FileState:  property[string](general, "UnitFileState"),
		NeedReload: property[bool](general, "NeedDaemonReload"),
		Since:      unixMicro(property[uint64](general, "StateChangeTimestamp")),
		NRestarts:  property[uint32](special, "NRestarts"),
		LastRun:    unixMicro(property[uint64](special, "LastTriggerUSec")),
		NextRun:    nextElapse(special),
	}
}

// property returns a value of that type, or the zero value.
func property[T any](properties map[string]any, name string) T {
	v, _ := properties[name].(T)
	return v
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

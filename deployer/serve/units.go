package serve

import (
	"context"
	"fmt"
	"time"

	"edgeman/sockets"
	"edgeman/sockets/count"
	"edgeman/sockets/systemd"
)

// host is what a slot touches outside of its directories and its containers.
type host struct {
	listeners   listeners
	count       func(dir string) (map[string]count.Connections, error) // of the sockets there, by their files
	touched     func(path string) (bool, error)                        // whether anybody connected since the last call
	stopUnit    func(ctx context.Context, unit string) error           // and this process with its socket, which it does not wait for
	stopAlone   func(ctx context.Context, unit string) error           // and nothing that depends on it
	restartUnit func(ctx context.Context, unit string) error
	openSlot    func(ctx context.Context, slot sockets.Slot, fill func() error) error
}

// onUnit is a call about one unit, which systemd has that much time for.
func onUnit(limit time.Duration, call func(u *systemd.Units, ctx context.Context, unit string) error) func(context.Context, string) error {
	return func(ctx context.Context, unit string) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		units, err := systemd.Open(ctx)
		if err != nil {
			return err
		}
		defer units.Close()
		return call(units, ctx, unit)
	}
}

// openSlot starts the units of a slot that nothing runs for, once it is filled,
// and returns when its socket listens.
func openSlot(ctx context.Context, slot sockets.Slot, fill func() error) error {
	units, err := systemd.Open(ctx)
	if err != nil {
		return err
	}
	defer units.Close()
	for _, unit := range []string{slot.ServiceUnit(), slot.SocketUnit()} {
		st, err := units.State(ctx, unit)
		if err != nil {
			return err
		}
		if st.Active != "inactive" && st.Active != "failed" {
			return fmt.Errorf("%s is still %s", unit, st.Active)
		}
	}
	if err := fill(); err != nil {
		return err
	}
	if err := units.Start(ctx, slot.SocketUnit()); err != nil {
		return err
	}
	return units.StartNoWait(ctx, slot.ServiceUnit())
}

const unitLimit = 10 * time.Second // for systemd to answer

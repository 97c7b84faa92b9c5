package serve

import (
	"context"
	"fmt"
	"time"

	"edgeman/deployer/serve/carry"
	"edgeman/sockets"
	"edgeman/sockets/count"
	"edgeman/sockets/relay"
	"edgeman/sockets/systemd"
)

// listener is what the keeper asks of the slot's listening socket, beside what
// carries its connections.
type listener interface {
	carry.Listener
	Accept(ctx context.Context) (*relay.Conn, error)
	Queue() (count.Queue, error)
	Relisten(backlog int) error
	SetBlocking(on bool) error
	Alive() bool
	AwaitDeath(ctx context.Context) error
	AwaitConnection(ctx context.Context) error
}

// host is what a slot touches outside of its directories and its containers.
type host struct {
	listener    listener
	count       func(path string) (count.Connections, error)
	touched     func(path string) (bool, error)              // whether anybody connected since the last call
	stopUnit    func(ctx context.Context, unit string) error // and this process with its socket, which it does not wait for
	stopAlone   func(ctx context.Context, unit string) error // and nothing that depends on it
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

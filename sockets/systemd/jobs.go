package systemd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// enqueue asks systemd for a job; its result goes to the channel, if not nil.
type enqueue func(c *dbus.Conn, ctx context.Context, unit, mode string, result chan<- string) (int, error)

func stop(c *dbus.Conn, ctx context.Context, unit, mode string, result chan<- string) (int, error) {
	id, err := c.StopUnitContext(ctx, unit, mode, result)
	if isDBus(err, noSuchUnit) { // nothing to stop
		if result != nil {
			result <- jobDone
		}
		return 0, nil
	}
	return id, err
}

func stopAlone(c *dbus.Conn, ctx context.Context, unit, _ string, result chan<- string) (int, error) {
	return stop(c, ctx, unit, "ignore-dependencies", result)
}

// Start starts a unit and waits until it is up, which for a service means
// that it has said READY=1. That a condition keeps it from it is an error.
func (u *Units) Start(ctx context.Context, unit string) error {
	if err := u.run(ctx, "starting "+unit, unit, (*dbus.Conn).StartUnitContext); err != nil {
		return err
	}
	// A start that a condition prevents is done, as systemd sees it.
	state, err := u.State(ctx, unit)
	if err == nil && state.Active == "inactive" && !u.conditionMet(ctx, unit) {
		err = fmt.Errorf("starting %s: %w", unit, errSkipped)
	}
	return err
}

// Stop stops a unit and waits until it is down. A unit that systemd does not
// know is down.
func (u *Units) Stop(ctx context.Context, unit string) error {
	return u.run(ctx, "stopping "+unit, unit, stop)
}

// StopAlone stops a unit and nothing that depends on it. A socket that was shut
// down has to go before its service does: systemd would listen on it again,
// find it dead and call its unit failed.
func (u *Units) StopAlone(ctx context.Context, unit string) error {
	return u.run(ctx, "stopping "+unit, unit, stopAlone)
}

// Restart stops and starts a unit and waits until it is up again.
func (u *Units) Restart(ctx context.Context, unit string) error {
	return u.run(ctx, "restarting "+unit, unit, (*dbus.Conn).RestartUnitContext)
}

// StartNoWait asks systemd to start a unit and does not wait for it.
func (u *Units) StartNoWait(ctx context.Context, unit string) error {
	return u.call(ctx, "starting "+unit, func(ctx context.Context, c *dbus.Conn) error {
		_, err := c.StartUnitContext(ctx, unit, "replace", nil)
		return err
	})
}

// StopNoWait asks systemd to stop a unit and does not wait for it. A service
// stops its own units with it: waiting would be waiting for its own end.
func (u *Units) StopNoWait(ctx context.Context, unit string) error {
	return u.call(ctx, "stopping "+unit, func(ctx context.Context, c *dbus.Conn) error {
		_, err := stop(c, ctx, unit, "replace", nil)
		return err
	})
}

const jobDone = "done"

// jobPoll is how often a job is looked at whose result may have been missed.
const jobPoll = 250 * time.Millisecond

// run enqueues a job and waits for its result.
func (u *Units) run(ctx context.Context, what, unit string, ask enqueue) error {
	ctx, cancel := bounded(ctx, jobWait)
	defer cancel()
	var conn *dbus.Conn
	// Buffered, because the library writes the result while it holds a lock:
	// a reader that has given up would stall the connection for everybody.
	result := make(chan string, 1)
	err := u.call(ctx, what, func(ctx context.Context, c *dbus.Conn) error {
		conn = c
		_, err := ask(c, ctx, unit, "replace", result)
		return err
	})
	if err != nil {
		return err
	}
	poll := time.NewTicker(jobPoll)
	defer poll.Stop()
	for {
		select {
		case r := <-result:
			return jobError(what, unit, r)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, unfinished(context.Cause(ctx)))
		case <-poll.C:
			// The result comes as a signal, and a connection that was lost
			// meanwhile (daemon-reexec) will never bring it.
			if !conn.Connected() {
				return u.runOut(ctx, what, unit)
			}
		}
	}
}

// runOut waits, by asking, until a unit has no job, and judges by its state.
func (u *Units) runOut(ctx context.Context, what, unit string) error {
	poll := time.NewTicker(jobPoll)
	defer poll.Stop()
	for {
		pending, err := u.hasJob(ctx, unit)
		if err == nil && !pending {
			state, err := u.State(ctx, unit)
			if err == nil && state.Active == "failed" {
				err = jobError(what, unit, "failed")
			}
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, unfinished(context.Cause(ctx)))
		case <-poll.C:
		}
	}
}

// unfinished says so of a job that was still under way when its time was over.
func unfinished(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the job did not end in time: %w", err)
	}
	return err
}

// JobError is the end of a job that did not do what it was for.
type JobError struct {
	Result     string // in systemd's words: failed, canceled, dependency, timeout, ...
	what, unit string
}

func (e *JobError) Error() string {
	return fmt.Sprintf("%s: the job ended as %q", e.what, e.Result)
}

// Hint says where systemd tells why.
func (e *JobError) Hint() string { return fmt.Sprintf("journalctl -u '%s' -n 20", e.unit) }

// jobError turns the result of a job into an error, or nil.
func jobError(what, unit, result string) error {
	if result == jobDone {
		return nil
	}
	return &JobError{Result: result, what: what, unit: unit}
}

// hasJob reports whether systemd has a job for the unit, waiting or running.
func (u *Units) hasJob(ctx context.Context, unit string) (pending bool, err error) {
	err = u.call(ctx, "asking for the job of "+unit, func(ctx context.Context, c *dbus.Conn) error {
		p, err := c.GetUnitPropertyContext(ctx, unit, "Job")
		if err != nil {
			return err
		}
		if job, _ := p.Value.Value().([]any); len(job) > 0 { // (uo): id and path
			id, _ := job[0].(uint32)
			pending = id != 0
		}
		return nil
	})
	return pending, err
}

// conditionMet reports whether the unit's conditions held at the last start.
func (u *Units) conditionMet(ctx context.Context, unit string) bool {
	met := true
	_ = u.call(ctx, "asking for the condition of "+unit, func(ctx context.Context, c *dbus.Conn) error {
		p, err := c.GetUnitPropertyContext(ctx, unit, "ConditionResult")
		if err == nil {
			met, _ = p.Value.Value().(bool)
		}
		return err
	})
	return met
}

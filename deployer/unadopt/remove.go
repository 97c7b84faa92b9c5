package unadopt

import (
	"context"
	"os"

	"edgeman/deployer/slots"
	"edgeman/sockets"
	"edgeman/sockets/count"
)

// drainSlots waits until nginx has let go of the slots, and takes their live
// pointer away only then: old workers still connect through it. Of what nginx never
// heard of there are none, and what probes have left in the queue of an app that does
// not accept would stay for the whole drain time.
func (h *Host) drainSlots(ctx context.Context, b giving) error {
	if b.unused {
		return nil
	}
	open := func() (int, error) {
		total := 0
		for _, slot := range slots.Both(b.app.Name) {
			n, err := count.Unix(slot.SocketDir(h.Paths.Run))
			if err != nil {
				return 0, err
			}
			total += n.Total()
		}
		return total, nil
	}
	d, err := h.AwaitOldWorkers(ctx, b.drain, open)
	if err != nil {
		return err
	}
	b.result.Cut = d.Cut
	if !b.quiet {
		h.Step("drain", "slots: %s", d)
	}
	return nil
}

// RemoveApp removes everything that edgeman made for the app.
func (h *Host) RemoveApp(ctx context.Context, app string) error {
	for _, slot := range slots.Both(app) {
		if err := h.removeSlot(ctx, slot); err != nil {
			return err
		}
	}
	if err := h.DisableUnits(ctx, app); err != nil {
		return err
	}
	return h.Paths.RemoveApp(app)
}

func (h *Host) removeSlot(ctx context.Context, slot sockets.Slot) error {
	if err := h.Paths.TakeDown(ctx, slot); err != nil {
		return err
	}
	unitCtx, cancel := context.WithTimeout(ctx, slots.UnitWait+h.EndWait(ctx, slot))
	defer cancel()
	if err := h.StopSlot(unitCtx, slot); err != nil {
		return err
	}
	if err := h.RemoveContainers(ctx, slot); err != nil {
		return err
	}
	if err := os.RemoveAll(slot.SocketDir(h.Paths.Run)); err != nil { // systemd leaves it
		return err
	}
	return h.ForgetSlot(slot)
}

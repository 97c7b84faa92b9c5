package serve

import (
	"cmp"
	"context"

	"edgeman/deployer/state"
)

// handOver lets what waits in the slot go to the container that the app is
// given back to: the slot's own has stopped, that one answers, and nginx still
// sends everything here.
func (k *keeper) handOver(ctx context.Context) {
	wanted := k.paused && k.pause.Forward && k.pause.Container != "" &&
		(k.halted || k.pause.Reason == state.PauseAdopt)
	if wanted == (k.handed != nil) {
		return
	}
	if !wanted {
		k.endHandOver()
		return
	}
	other, err := k.inspect(ctx, k.pause.Container)
	if err == nil {
		as := k.release
		as.Mode, as.Port = "proxy", cmp.Or(k.pause.Port, as.Port)
		k.handed, err = k.host.target(other, as)
	}
	if err != nil {
		k.handed = nil
		k.trouble = firstLine(err.Error())
		k.host.say("%v", err)
		return
	}
	k.host.say("handing requests over to container %s", other.Name)
	k.gate.open(only(k.handed))
	k.resume()
}

// endHandOver holds requests back again, or leaves them to the slot's own
// container if the pause is over.
func (k *keeper) endHandOver() {
	if k.handed == nil {
		return
	}
	k.gate.shut()
	if k.paused {
		k.hold()
	}
	k.handed.Close()
	k.handed = nil
}

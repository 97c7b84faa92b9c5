package serve

import (
	"cmp"
	"context"
	"strings"

	"edgeman/deployer/serve/carry"
	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
)

// forward lets what waits in the slot go to the containers that the app is
// given back to: the slot's own have stopped, those answer, and nginx still
// sends everything here. The same when an adoption was killed after nginx had
// been turned: the adopted container still runs, and serves until repair.
func (k *keeper) forward(ctx context.Context) {
	wanted := k.paused && k.pause.Container != "" &&
		(k.pause.Forward && (k.halted || k.pause.Reason == state.PauseAdopt) || k.orphan && k.barred != "")
	if wanted == (k.handed != nil) {
		return
	}
	if !wanted {
		k.endForward()
		return
	}
	bars := k.pause.Bars()
	to := carry.NewPool(len(bars))
	for i, id := range bars {
		up, err := k.reach(ctx, id)
		if err != nil {
			k.dropHanded()
			k.trouble = run.OneLine(err.Error())
			k.log("%v", err)
			return
		}
		to.Set(i, up)
		k.handed = append(k.handed, up)
	}
	k.log("handing requests over to container %s", strings.Join(bars, ", "))
	k.front.Gate.Open(to)
	k.resume()
}

// reach is the app in a container that is not the slot's own.
func (k *keeper) reach(ctx context.Context, id string) (run.Reachable, error) {
	other, err := k.containers.Inspect(ctx, id)
	if err != nil {
		return nil, err
	}
	as := k.release
	as.Mode, as.Port = "proxy", cmp.Or(k.pause.Port, as.Port)
	return k.containers.Reach(other, as)
}

// endForward holds requests back again, or leaves them to the slot's own
// container if the pause is over.
func (k *keeper) endForward() {
	if k.handed == nil {
		return
	}
	k.front.Gate.Shut()
	if k.paused {
		k.hold()
	}
	k.dropHanded()
}

func (k *keeper) dropHanded() {
	for _, up := range k.handed {
		up.Close()
	}
	k.handed = nil
}

package serve

import (
	"cmp"
	"context"
	"strings"

	"edgeman/deployer/serve/carry"
	"edgeman/deployer/serve/run"
)

// forwardRequests lets what waits in the slot go to the containers that the pause
// names.
func (k *keeper) forwardRequests(ctx context.Context) error {
	ids := k.seen.pause.Bars()
	to := carry.NewPool(len(ids))
	for i, id := range ids {
		up, err := k.reach(ctx, id)
		if err != nil {
			k.dropOriginals()
			return k.troubled(err)
		}
		to.Set(i, up)
		k.originals = append(k.originals, up)
	}
	k.log("forwarding requests to container %s", strings.Join(ids, ", "))
	k.front.Gate.Open(to)
	return k.front.Admit()
}

// reach is the app in a container that is not the slot's own.
func (k *keeper) reach(ctx context.Context, id string) (run.Reachable, error) {
	other, err := k.containers.Inspect(ctx, id)
	if err != nil {
		return nil, err
	}
	as := k.release
	as.Mode, as.Port = "proxy", cmp.Or(k.seen.pause.Port, as.Port)
	return k.containers.Reach(other, as)
}

// endForward holds requests back again, or leaves them to the slot's own
// containers if the pause is over.
func (k *keeper) endForward() {
	if k.held() {
		k.holdRequests()
	} else {
		k.front.Gate.Shut()
	}
	k.dropOriginals()
}

func (k *keeper) dropOriginals() {
	for _, up := range k.originals {
		up.Close()
	}
	k.originals = nil
}

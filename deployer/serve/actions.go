package serve

import (
	"context"
)

// action is one thing that a decision asks for, and how the keeper does it.
type action struct {
	name string
	do   func(*keeper, context.Context) error
}

var (
	clearDrain      = &action{"clear the terms of the retirement", func(k *keeper, _ context.Context) error { return k.paths.ClearDrain(k.slot) }}
	clearPause      = &action{"clear the pause", func(k *keeper, _ context.Context) error { return k.paths.ClearPause(k.slot) }}
	letGo           = &action{"let go of the containers", func(k *keeper, _ context.Context) error { k.letGo(); return nil }}
	freezeOrThaw    = &action{"freeze or thaw the containers", (*keeper).freezeOrThaw}
	holdRequests    = &action{"hold requests", func(k *keeper, _ context.Context) error { k.holdRequests(); return nil }}
	admitRequests   = &action{"admit requests", func(k *keeper, _ context.Context) error { return k.front.Admit() }}
	closeWebsockets = &action{"close websockets", (*keeper).closeWebsockets}
	pointBack       = &action{"make the other slot live again", (*keeper).pointBack}
	forwardRequests = &action{"forward requests to the originals", (*keeper).forwardRequests}
	endForward      = &action{"forward no more", func(k *keeper, _ context.Context) error { k.endForward(); return nil }}
	stopForOriginal = &action{"stop the containers for the originals", (*keeper).stopForOriginal}
	dropNext        = &action{"drop the next release", (*keeper).dropNext}
	replaceRelease  = &action{"replace the release", (*keeper).replaceRelease}
	watchQueue      = &action{"watch the queue", func(k *keeper, _ context.Context) error { k.watchQueue(); return nil }}
	endWatch        = &action{"watch the queue no more", func(k *keeper, _ context.Context) error { k.endWatch(); return nil }}
	wake            = &action{"wake the app", (*keeper).wake}
	holdNeeds       = &action{"hold what the app needs", (*keeper).holdNeeds}
	removeHolder    = &action{"remove the holder", (*keeper).removeHolder}
	fallAsleep      = &action{"fall asleep", (*keeper).fallAsleep}
	attach          = &action{"attach to what runs", (*keeper).attach}
	create          = &action{"create the containers", (*keeper).create}
	start           = &action{"start the containers", func(k *keeper, _ context.Context) error { k.attendTo(nil); return nil }}
)

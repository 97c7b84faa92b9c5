package slots

import (
	"time"

	"edgeman/sockets"
)

const (
	UnitWait   = 30 * time.Second // for one systemd job
	StopSlack  = 45 * time.Second // for the end of a slot, beyond its drain and its container's own stop timeout
	silentWait = 2 * time.Minute  // for a slot's service that says nothing of a deadline
	exitsFatal = 3                // a new container that ended this often will not recover
	tailLines  = 20
)

// Both are an app's two slots.
func Both(app string) []sockets.Slot {
	return []sockets.Slot{{App: app, Color: sockets.Blue}, {App: app, Color: sockets.Green}}
}

package check

import (
	"time"

	"edgeman/nginxconf"
)

// App is an adopted app, as edgeman's records on disk describe it.
type App struct {
	Name     string
	Sites    []string // the site files that adopt edited
	Live     string   // path of the live pointer, nginx's upstream
	LiveSlot string   // the slot it leads to; "" if there is none
	Strategy string
	Drain    time.Duration
	Slots    []Slot

	// Interrupted is the step of a command that ended half-way, or "".
	Interrupted string
	// Busy is the command that holds the app's lock, since BusySince.
	Busy      string
	BusySince time.Time

	// Adopting tells that one of the two is adopt.
	Adopting bool

	// Originals are the containers that it was adopted from, of that image.
	Originals                      []Original
	OriginalImage, OriginalImageID string

	// Edits are the files as adopt left them; Missing says what of the way back
	// to the original is not there.
	Edits   []nginxconf.FileEdit
	Missing string
}

// Original is a container from before adopt.
type Original struct {
	Name string `json:"container"`
	ID   string `json:"container_id"`
}

// Slot is one of the two places in which a release of an app can run.
type Slot struct {
	Name                string // myapp:blue
	Filled              bool
	SocketUnit, Service string
	SocketPath          string
	Release             int
	Image, ImageID      string
	Containers          []string // the names that its containers must have
	Phase               string   // what its service said last, "" if nothing in this boot
	Message             string
	Silent              string    // why nothing comes back from it, as its service found out
	Since               time.Time // of the phase
	Exits               int       // times its container ended by itself
	PauseUntil          time.Time // zero: not paused
	NextPending         bool      // a recreate wants another release in it
}

// live is the slot that nginx is led to, or nil.
func (a *App) live() *Slot {
	for i := range a.Slots {
		if a.Slots[i].Name == a.LiveSlot {
			return &a.Slots[i]
		}
	}
	return nil
}

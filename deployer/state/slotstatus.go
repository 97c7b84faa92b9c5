package state

import (
	"encoding/json"
	"time"

	"edgeman/sockets"
)

// Phases of a slot's service, as it reports them itself. Whether the slot is
// live is not among them: the live pointer alone says that.
const (
	PhaseStarting = "starting" // container created or started, not yet healthy
	PhaseHealthy  = "healthy"
	PhaseWaiting  = "waiting"  // container gone; it will be started again
	PhaseHolding  = "holding"  // requests held back: pause, stop-first swap or adopt
	PhaseDraining = "draining" // retired, connections left
	PhaseWarm     = "warm"     // retired, kept for a rollback
	PhaseIdle     = "idle"     // stopped for lack of requests
	PhaseFailed   = "failed"   // gave up
	PhaseEmpty    = "empty"    // stopped; the last word of a service
)

// SlotStatus is what a slot's service says it is doing. It lies in Run, so it
// never outlives a boot.
type SlotStatus struct {
	Phase       string    `json:"phase"`
	Stopped     bool      `json:"stopped,omitempty"` // the container was stopped for a release and stays so
	Healthy     bool      `json:"healthy"`           // the container runs and answered well, in whatever phase the slot is
	Release     int       `json:"release,omitempty"`
	Image       string    `json:"image,omitempty"`
	Container   string    `json:"container,omitempty"`
	ContainerID string    `json:"container_id,omitempty"`
	Since       time.Time `json:"since"`               // of this phase
	Message     string    `json:"message,omitempty"`   // one line for people
	NoDocker    bool      `json:"no_docker,omitempty"` // no daemon answered when Docker was asked last
	Silent      string    `json:"silent,omitempty"`    // why nothing comes back from the app, which was healthy
	Probe       string    `json:"probe,omitempty"`     // answer to the last health probe
	Started     time.Time `json:"started,omitzero"`    // the container
	Exits       int       `json:"exits,omitempty"`     // times the container ended by itself
	ExitCode    int       `json:"exit_code,omitempty"`
	Failures    int       `json:"failures,omitempty"` // times the container could not be created or started
	Parked      int       `json:"parked,omitempty"`   // requests that wait for the app
	Open        int       `json:"open,omitempty"`     // connections left while holding or draining
	Oldest      time.Time `json:"oldest,omitzero"`    // since when the oldest connection is open; zero if that is not known, or a second at most
	Rate        float64   `json:"rate,omitempty"`     // requests a second; mode proxy only
	Deadline    time.Time `json:"deadline,omitzero"`
	StopsBy     time.Time `json:"stops_by,omitzero"` // when the container that is being stopped will have ended
	Stop        float64   `json:"stop,omitempty"`    // seconds that the container which was stopped last took to end
	Boot        float64   `json:"boot,omitempty"`    // seconds that the release put in its place took to become healthy
	Dead        bool      `json:"dead,omitempty"`    // its socket was shut down, so the app moved to the other slot
	PID         int       `json:"pid"`
	Version     string    `json:"version,omitempty"` // of the service's edgeman

	Ended
	OpenKinds Kinds `json:"open_kinds,omitzero"` // of Open

	// Listeners are the slot's listeners one by one while holding or draining, if
	// it has several.
	Listeners []ListenerStatus `json:"listeners,omitempty"`

	// Replicas are the slot's containers one by one if it runs several. Exits,
	// ExitCode, Failures and Probe above are those of the one that does worst.
	Replicas []Replica `json:"replicas,omitempty"`

	// Rejected is the release that the last stop-first swap did not get healthy.
	Rejected *Rejected `json:"rejected,omitempty"`
}

// ListenerStatus is one of several listeners of a slot.
type ListenerStatus struct {
	Name      string `json:"name"`
	Open      int    `json:"open"` // connections left
	OpenKinds Kinds  `json:"open_kinds,omitzero"`
}

// Replica is one of several containers behind a slot.
type Replica struct {
	Container   string    `json:"container"`
	ContainerID string    `json:"container_id,omitempty"`
	Phase       string    `json:"phase"` // starting, healthy, waiting or failed
	Started     time.Time `json:"started,omitzero"`
	Message     string    `json:"message,omitempty"`
	Probe       string    `json:"probe,omitempty"`
	Exits       int       `json:"exits,omitempty"`
	ExitCode    int       `json:"exit_code,omitempty"`
	Failures    int       `json:"failures,omitempty"`
	Open        int       `json:"open,omitempty"`   // connections to it now; mode proxy only
	Served      uint64    `json:"served,omitempty"` // connections it ever got from this process; mode proxy only
}

// Up is how many of the slot's replicas are healthy, of how many.
func (st SlotStatus) Up() (up, of int) {
	for _, r := range st.Replicas {
		if r.Phase == PhaseHealthy {
			up++
		}
	}
	return up, len(st.Replicas)
}

// Whole tells whether everything that the slot should run is healthy. A slot
// whose phase is healthy may have replicas that are not.
func (st SlotStatus) Whole() bool {
	up, of := st.Up()
	return st.Phase == PhaseHealthy && up == of
}

// Ailing is the name of a container that is not healthy, else that of any.
func (st SlotStatus) Ailing() string {
	for _, r := range st.Replicas {
		if r.Phase != PhaseHealthy {
			return r.Container
		}
	}
	return st.Container
}

// Rejected says why a stop-first swap went back to the release before.
type Rejected struct {
	Release   int    `json:"release"`
	Container string `json:"container,omitempty"`
	Reason    string `json:"reason"`
	Probe     string `json:"probe,omitempty"`
	ExitCode  int    `json:"exit_code,omitempty"`
	Ports     string `json:"ports,omitempty"`  // that it listens elsewhere than it was asked
	Output    string `json:"output,omitempty"` // the container's last lines

	OnLoopback bool `json:"on_loopback,omitempty"` // Ports: at the right one, for itself only
}

// WriteSlotStatus publishes st. It need not survive a boot: Run has no disk below
// it.
func (p Paths) WriteSlotStatus(s sockets.Slot, st SlotStatus) error {
	data, err := json.Marshal(st)
	if err != nil {
		return err
	}
	if err := p.MakeRun(); err != nil {
		return err
	}
	return WriteFile(p.slotStatus(s), append(data, '\n'), 0o600)
}

// ReadSlotStatus is the last word of the slot's service; false if it never had
// one in this boot. The service may be gone: ask systemd too.
func (p Paths) ReadSlotStatus(s sockets.Slot) (SlotStatus, bool, error) {
	return readRecord[SlotStatus](p.slotStatus(s))
}

// clearSlotStatus forgets what a slot's service said.
func (p Paths) clearSlotStatus(s sockets.Slot) error { return p.change(p.slotStatus(s), removeFile) }

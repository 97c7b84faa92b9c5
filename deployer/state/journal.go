package state

import (
	"os"
	"time"
)

// Operation is the journal of a multi-step command: the step it has begun. It
// is removed when the command ends; one whose lock is free was interrupted.
type Operation struct {
	Name    string    `json:"name"`
	Step    string    `json:"step"`
	Release int       `json:"release,omitempty"`
	From    int       `json:"from,omitempty"`
	Slot    string    `json:"slot,omitempty"`
	Mode    string    `json:"mode,omitempty"` // for the app file, once the release serves
	PID     int       `json:"pid"`
	Boot    string    `json:"boot"`
	Started time.Time `json:"started"`
}

// The steps of a swap that stops first. Interrupted in any of them, which of the
// two releases runs is what the slots' services decide.
const (
	StepStandIn   = "stand-in"
	StepStopFirst = StopFirst
	StepTakeBack  = "take-back"
)

// StopsFirst tells whether the command is in such a step.
func (op Operation) StopsFirst() bool {
	return op.Step == StepStandIn || op.Step == StepStopFirst || op.Step == StepTakeBack
}

// BeginStep journals that op.Step is about to happen.
func (p Paths) BeginStep(app string, op Operation) error {
	op.PID, op.Boot = os.Getpid(), bootID()
	return WriteJSON(p.operation(app), op)
}

// EndOperation removes the journal: nothing is half-done.
func (p Paths) EndOperation(app string) error { return removeFile(p.operation(app)) }

// ReadOperation is the journalled command, under way or interrupted.
func (p Paths) ReadOperation(app string) (Operation, bool, error) {
	op, ok, err := readRecord[Operation](p.operation(app))
	if op.Name == "release" { // what unadopt was called at first
		op.Name = "unadopt"
	}
	op.Step = Strategy(op.Step)
	return op, ok, err
}

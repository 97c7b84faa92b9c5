package adoption

// The steps of adopt and unadopt, as they are journalled. Adopt goes state, slot,
// files, drain, and giving back takes that from its end: start, files, slot, state.
// From StepDrain on nginx is on the slot and an interrupted adoption is completed;
// before, it is undone. From StepFiles on nginx may be back, and an interrupted
// giving back is completed without the originals being stopped again.
const (
	StepState = "state"
	StepSlot  = "slot"
	StepFiles = "files"
	StepDrain = "drain" // of adopt; unadopt undoes it with
	StepStart = "start"
)

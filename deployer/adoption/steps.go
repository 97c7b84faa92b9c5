package adoption

// The steps of adopt and unadopt, as they are journalled. From StepDrain on nginx
// is on the slot and an interrupted adoption is completed; before, it is undone.
// From StepFiles on nginx may be back, and unadopt stops no original again.
const (
	StepState = "state"
	StepSlot  = "slot"
	StepFiles = "files"
	StepDrain = "drain" // of adopt; unadopt undoes it with
	StepStart = "start"
)

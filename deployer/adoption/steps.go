package adoption

// The steps of adopt and release, as they are journalled. From stepDrain on nginx
// is on the slot and an interrupted adoption is completed; before, it is undone.
// From stepFiles on nginx may be back and an interrupted release is completed.
const (
	StepState = "state"
	StepStart = "start"
	StepSlot  = "slot"
	StepFiles = "files"
	StepDrain = "drain"
)

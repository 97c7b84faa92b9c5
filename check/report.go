package check

import (
	"encoding/json"
	"io"
	"time"
)

// Report is the outcome of a run. Its JSON form is stable: fields are only ever
// added.
type Report struct {
	Schema   int       `json:"schema"`
	Tool     string    `json:"tool"`
	Host     string    `json:"host"`
	Started  time.Time `json:"started"`
	Duration float64   `json:"duration_seconds"`
	Exit     int       `json:"exit"`
	Lint     bool      `json:"lint,omitempty"` // the rules for --lint were asked, too

	Summary   Summary         `json:"summary"`
	Checked   counts          `json:"checked"`
	Findings  []Finding       `json:"findings"`
	Ignored   []Finding       `json:"ignored,omitempty"`
	Recovered []string        `json:"recovered,omitempty"`
	Known     *known          `json:"known,omitempty"` // with --remember
	Inventory []inventoryLine `json:"inventory"`
}

// WriteJSON prints the report for programs.
func WriteJSON(w io.Writer, r Report) error {
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

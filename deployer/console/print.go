package console

import (
	"encoding/json"
)

// PrintJSON writes v to Out.
func (c *Console) PrintJSON(v any) error {
	enc := json.NewEncoder(c.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Unwritten warns of a result that could not be written, because the disk is full
// or the reader has gone. The work is done, and that is what the exit code says.
func (c *Console) Unwritten(err error) {
	if err != nil {
		c.Warn("everything was done, but the result could not be written: %v", err)
	}
}

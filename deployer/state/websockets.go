package state

import (
	"fmt"
	"strings"
	"time"
)

// Websockets is how long websockets may go on after a switch: as long as any
// other connection, or for a time of their own, after which they are ended so
// that their clients connect again and reach the new release.
type Websockets struct {
	Close bool
	After time.Duration
}

// UnmarshalText reads "wait" or "close-after DURATION".
func (w *Websockets) UnmarshalText(b []byte) error {
	words := strings.Fields(string(b))
	switch {
	case len(words) == 1 && words[0] == "wait":
		*w = Websockets{}
		return nil
	case len(words) == 2 && words[0] == "close-after":
		var d Duration
		if err := d.UnmarshalText([]byte(words[1])); err != nil {
			return err
		}
		*w = Websockets{Close: true, After: time.Duration(d)}
		return nil
	}
	return fmt.Errorf(`drain.websockets %q is neither "wait" nor "close-after DURATION"`, b)
}

// MarshalText writes what UnmarshalText reads.
func (w Websockets) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func (w Websockets) String() string {
	if w.Close {
		return "close-after " + w.After.String()
	}
	return "wait"
}

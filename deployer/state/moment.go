package state

import "time"

// Clock is a moment for people: the time, behind its date unless that is today's.
func Clock(t time.Time) string { return clock(t, time.Now()) }

func clock(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

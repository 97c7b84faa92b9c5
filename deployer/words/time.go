package words

import (
	"fmt"
	"strings"
	"time"
)

// Length is a time as people set it, exactly: "60s" and "1m" instead of "1m0s".
func Length(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Took is a time that was measured: "1.3s".
func Took(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// Until is how long it is until t, in whole seconds; nothing if t has passed.
func Until(t time.Time) string { return Length(max(0, time.Until(t)).Round(time.Second)) }

// Ago is a time that has passed as people say it: two units at most.
func Ago(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 100*time.Minute:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// Clock is a moment: the time, behind its date unless that is today's.
func Clock(t time.Time) string { return clock(t, time.Now()) }

func clock(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

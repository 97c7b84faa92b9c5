package nginxconf

import (
	"fmt"
	"strconv"
	"time"
)

// units of a time value, from ngx_parse_time; a value without one is seconds.
var units = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "": time.Second, "m": time.Minute, "h": time.Hour,
	"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "M": 30 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
}

// parseDuration reads a time value of an nginx directive, such as "60", "1m30s"
// or "500ms".
func parseDuration(s string) (time.Duration, error) {
	var total time.Duration
	for rest := s; rest != ""; {
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("%q is not a time", s)
		}
		rest = rest[digits:]
		unit := 0
		for unit < len(rest) && (rest[unit] < '0' || rest[unit] > '9') && rest[unit] != ' ' {
			unit++
		}
		d, ok := units[rest[:unit]]
		if !ok {
			return 0, fmt.Errorf("%q is not a time", s)
		}
		total += time.Duration(n) * d
		for rest = rest[unit:]; rest != "" && rest[0] == ' '; {
			rest = rest[1:]
		}
	}
	return total, nil
}

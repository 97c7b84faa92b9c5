package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is an nginx version, for example {1, 22, 1}. The zero value means
// unknown.
type Version [3]int

// ParseVersion reads "1.22.1" or "nginx/1.22.1 (Debian)".
func ParseVersion(s string) (Version, error) {
	number := strings.TrimPrefix(strings.TrimPrefix(s, "nginx version: "), "nginx/")
	number, _, _ = strings.Cut(number, " ")
	parts := strings.Split(number, ".")
	if len(parts) != 3 {
		return Version{}, fmt.Errorf("parsing nginx version %q: want three numbers", s)
	}
	var v Version
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return Version{}, fmt.Errorf("parsing nginx version %q: want three numbers", s)
		}
		v[i] = n
	}
	return v, nil
}

// String returns "1.22.1", or "unknown" for the zero value.
func (v Version) String() string {
	if v == (Version{}) {
		return "unknown"
	}
	return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
}

// AtLeast reports whether v is known and not older than w.
func (v Version) AtLeast(w Version) bool {
	for i := range v {
		if v[i] != w[i] {
			return v[i] > w[i]
		}
	}
	return true
}

package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Version is a release number, of nginx or another program, for example {1, 22, 1}.
// The zero value means unknown.
type Version [3]int

// ParseVersion reads "1.22.1", also behind a prefix such as "nginx/" and before a
// suffix such as "-4" or " (Debian)".
func ParseVersion(s string) (Version, error) {
	number, _, _ := strings.Cut(s, " (")
	var v Version
	for i, part := range strings.SplitN(number[strings.LastIndexByte(number, '/')+1:], ".", len(v)) {
		digits := len(part) - len(strings.TrimLeft(part, "0123456789"))
		n, err := strconv.Atoi(part[:digits])
		if err != nil {
			return Version{}, fmt.Errorf("%q is no version number", s)
		}
		v[i] = n
	}
	return v, nil
}

// String returns "1.22.1", or "unknown" for the zero value.
func (v Version) String() string {
	if !v.Known() {
		return "unknown"
	}
	return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
}

// Known is false for the zero value.
func (v Version) Known() bool { return v != Version{} }

// Before reports whether v is older than w; an unknown version is older than
// nothing.
func (v Version) Before(w Version) bool { return v.Known() && !v.AtLeast(w) }

// AtLeast reports whether v is known and not older than w.
func (v Version) AtLeast(w Version) bool { return slices.Compare(v[:], w[:]) >= 0 }

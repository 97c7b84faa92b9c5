package check

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// version is a release number of nginx or of certbot; the zero value means that
// it is not known.
type version struct{ Major, Minor, Patch int }

// parseVersion reads "1.22.1", and the same behind a prefix such as
// "nginx/" or followed by a suffix such as "-4".
func parseVersion(s string) (version, bool) {
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		s = s[i+1:]
	}
	var n [3]int
	for i, part := range strings.SplitN(s, ".", 3) {
		end := 0
		for end < len(part) && part[end] >= '0' && part[end] <= '9' {
			end++
		}
		v, err := strconv.Atoi(part[:end])
		if err != nil {
			return version{}, false
		}
		n[i] = v
	}
	return version{n[0], n[1], n[2]}, true
}

// String is major.minor.patch.
func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Known is false for the zero value.
func (v version) Known() bool { return v != version{} }

// Before reports whether v is older than o; an unknown version is older than
// nothing.
func (v version) Before(o version) bool {
	return v.Known() && cmp.Or(cmp.Compare(v.Major, o.Major), cmp.Compare(v.Minor, o.Minor), cmp.Compare(v.Patch, o.Patch)) < 0
}

// AtLeast reports whether v is known and o or newer.
func (v version) AtLeast(o version) bool { return v.Known() && !v.Before(o) }

package state

import (
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
)

// HealthConnect as an app's health means that it is ready as soon as its port
// takes a connection, whatever check its image brings along.
const HealthConnect = "connect"

// HealthPath is the HTTP path that tells whether the app is ready, "" if there
// is none.
func HealthPath(health string) string {
	if health == HealthConnect {
		return ""
	}
	return health
}

// ValidHealth refuses what says nothing of how an app is asked.
func ValidHealth(health string) error {
	switch {
	case health == "" || health == HealthConnect:
		return nil
	case !strings.HasPrefix(health, "/"):
		return fmt.Errorf("health %q is not a path: it must begin with a slash, or be %q", health, HealthConnect)
	case strings.ContainsFunc(health, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return fmt.Errorf("health %q holds white space", health)
	}
	return nil
}

var (
	headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // a token of RFC 9110
	// ownHeaders say how the request itself is sent.
	ownHeaders = []string{"Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Expect", "Te", "Trailer"}
)

// ValidHeaders refuses what are no lines of the form "Name: value", and what
// would make another request of the one that they stand in. Values are never in
// the error.
func ValidHeaders(lines []string) error {
	for i, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case !ok || !headerName.MatchString(name):
			return fmt.Errorf("header %d is not of the form \"Name: value\"", i+1)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return fmt.Errorf("the value of the header %s holds control characters", name)
		case slices.Contains(ownHeaders, textproto.CanonicalMIMEHeaderKey(name)):
			return errors.New("the header " + name + " is not for choosing: it says how the request itself is sent")
		}
	}
	return nil
}

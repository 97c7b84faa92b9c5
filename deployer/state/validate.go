package state

import (
	"errors"
	"fmt"
	"net/textproto"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Validate refuses settings that no swap could act on.
func (a App) Validate() error {
	for _, err := range []error{a.validWay(), a.validNumbers(), a.validProxy(), a.validEnv(), validListeners(a.Listeners), a.validHealth()} {
		if err != nil {
			return err
		}
	}
	if err := ValidHeaders(a.HealthHeaders); err != nil {
		return fmt.Errorf("health_headers: %w", err)
	}
	return nil
}

// validWay judges how containers are run and replaced.
func (a App) validWay() error {
	switch {
	case a.Mode != "proxy" && a.Mode != "native":
		return fmt.Errorf("mode %q is neither proxy nor native", a.Mode)
	case !slices.Contains([]string{Auto, Overlap, StopFirst}, a.Strategy):
		return fmt.Errorf("strategy %q is none of %s, %s, %s", a.Strategy, Auto, Overlap, StopFirst)
	case a.Mode == "native" && a.Drain.Websockets.Close:
		return fmt.Errorf("drain.websockets = %q needs mode proxy: in native mode the app itself holds its connections, and nobody else can tell its websockets or end one", a.Drain.Websockets)
	}
	return nil
}

func (a App) validNumbers() error {
	switch {
	case a.unitless() != "":
		return fmt.Errorf("%s lacks a unit: write it as in \"90s\" or \"5m\"", a.unitless())
	case a.Replicas < 1 || a.Replicas > MaxReplicas:
		return fmt.Errorf("replicas = %d: from 1 to %d", a.Replicas, MaxReplicas)
	case a.Retain < 2:
		return fmt.Errorf("retain = %d: at least 2 releases must be remembered for a rollback", a.Retain)
	}
	return nil
}

func (a App) validProxy() error {
	switch {
	case a.Proxy.Via != "netns" && a.Proxy.Via != "bridge":
		return fmt.Errorf("proxy.via %q is neither netns nor bridge", a.Proxy.Via)
	case a.Proxy.MaxConnections < 1:
		return fmt.Errorf("proxy.max_connections = %d: at least 1", a.Proxy.MaxConnections)
	case !a.Proxy.Source.Is4() || a.Proxy.Source.IsLoopback():
		return fmt.Errorf("proxy.source %s is not a usable IPv4 address", a.Proxy.Source)
	}
	return nil
}

func (a App) validEnv() error {
	switch {
	case slices.ContainsFunc(a.Env, func(s string) bool { return strings.Index(s, "=") < 1 }):
		return errors.New("env: want a list of \"KEY=VALUE\"")
	case a.EnvFile != "" && !filepath.IsAbs(a.EnvFile):
		return fmt.Errorf("env_file %q is not an absolute path", a.EnvFile)
	}
	return nil
}

// HealthPath is the HTTP path that tells whether the app is ready, "" if there
// is none.
func HealthPath(health string) string {
	if health == HealthConnect {
		return ""
	}
	_, path := splitHealth(health)
	return path
}

// validHealth looks whether the listener that is to be asked is one of the app's.
func (a App) validHealth() error {
	name, _ := splitHealth(a.Health)
	if name != "" && !slices.Contains(ListenerNames(a.Listeners), name) {
		return fmt.Errorf("health %q names port %s, which is none of ports: %s", a.Health, name, strings.Join(ListenerNames(a.Listeners), ", "))
	}
	return ValidHealth(a.Health)
}

// ValidHealth refuses what says nothing of how an app is asked.
func ValidHealth(health string) error {
	switch {
	case health == "" || health == HealthConnect:
		return nil
	case strings.HasPrefix(health, ":") && !strings.Contains(health, "/"):
		return fmt.Errorf("health %q has no path behind the port", health)
	case !strings.HasPrefix(health, "/") && !strings.HasPrefix(health, ":"):
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

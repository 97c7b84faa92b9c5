package state

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"edgeman/sockets"
)

// Listener is one way into an app: a socket of its own in each slot, which leads
// to one port of the app's containers. The first of an app's is its main one.
type Listener struct {
	Name string `json:"name"` // of its socket's file, from the time of adopt
	Port uint16 `json:"port"` // where the app listens inside its container
}

// PortListener is the listener of a port, called like it.
func PortListener(port uint16) Listener { return Listener{strconv.Itoa(int(port)), port} }

// MarshalText writes "8072", or "8072:9072" for one called 8072 whose app listens
// on 9072 by now.
func (l Listener) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func (l Listener) String() string {
	if l == PortListener(l.Port) {
		return l.Name
	}
	return fmt.Sprintf("%s:%d", l.Name, l.Port)
}

// UnmarshalText reads what MarshalText writes.
func (l *Listener) UnmarshalText(b []byte) error {
	name, port, other := strings.Cut(string(b), ":")
	if !other {
		port = name
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err = errors.Join(err, sockets.ValidListener(name)); err != nil || n == 0 {
		return fmt.Errorf("%q is neither a port nor NAME:PORT, such as \"8072:9072\" for a socket called 8072 and an app that listens on 9072", b)
	}
	*l = Listener{name, uint16(n)}
	return nil
}

// validListeners refuses what cannot be the listeners of one app.
func validListeners(all []Listener) error {
	if len(all) == 0 {
		return errors.New("ports is missing: the ports that the app listens on inside its container")
	}
	if len(all) > MaxListeners {
		return fmt.Errorf("ports: %d of them, and at most %d can be served", len(all), MaxListeners)
	}
	for i, l := range all {
		if slices.ContainsFunc(all[:i], func(o Listener) bool { return o.Name == l.Name }) {
			return fmt.Errorf("ports: %s is there twice", l.Name)
		}
	}
	return nil
}

// MaxListeners bounds how many listeners an app has.
const MaxListeners = 32

// ListenerNames are the names of listeners, in their order.
func ListenerNames(all []Listener) (names []string) {
	for _, l := range all {
		names = append(names, l.Name)
	}
	return names
}

// Main is the first listener.
func (r Release) Main() Listener {
	if len(r.Listeners) == 0 {
		return Listener{}
	}
	return r.Listeners[0]
}

// Ports are where the release's app listens inside its containers.
func (r Release) Ports() (ports []uint16) {
	for _, l := range r.Listeners {
		ports = append(ports, l.Port)
	}
	return ports
}

// HealthListener is the listener that is asked for the release's health: the one
// that its setting names, else the first.
func (r Release) HealthListener() Listener {
	name, _ := splitHealth(r.Health)
	if i := slices.IndexFunc(r.Listeners, func(l Listener) bool { return l.Name == name }); i >= 0 {
		return r.Listeners[i]
	}
	return r.Main()
}

// splitHealth parts ":8072/path" into the listener's name and the path.
func splitHealth(health string) (listener, path string) {
	rest, ok := strings.CutPrefix(health, ":")
	if !ok {
		return "", health
	}
	listener, path, _ = strings.Cut(rest, "/")
	return listener, "/" + path
}

package state

import (
	"fmt"
	"net/netip"
	"time"

	"edgeman/deployer/words"
)

// App is what its operator wants of it: /etc/edgeman/apps/APP.toml. Release
// records are made from it; a change takes effect at the next swap.
type App struct {
	Name string `toml:"-"`

	Mode          string     `toml:"mode" comment:"proxy (any image) or native (the image takes the listening socket itself)"`
	Strategy      string     `toml:"strategy" comment:"auto, overlap (new beside old) or stop-first (requests wait)"`
	Listeners     []Listener `toml:"ports" comment:"the ports the app listens on inside its container; NAME:PORT if one is no longer what its socket is called"`
	Health        string     `toml:"health,omitempty" comment:"HTTP path that answers 2xx or 3xx when the app is ready, on the first port or, as in :8072/path, on that one; or connect: its ports take connections; empty: the image's HEALTHCHECK, else connect"`
	HealthHeaders []string   `toml:"health_headers,omitempty" comment:"sent with the request for health, as the site sends them: the Host that the app answers to, X-Forwarded-Proto"`
	Image         string     `toml:"image" comment:"repository that a bare tag belongs to"`
	Replicas      int        `toml:"replicas" comment:"how many containers share the app's requests"`
	EnvFile       string     `toml:"env_file,omitempty" comment:"file of KEY=VALUE lines, owned by root, read at each swap"`
	Env           []string   `toml:"env,omitempty" comment:"added to the container's environment"`
	Command       []string   `toml:"command,omitempty" comment:"instead of the image's command"`
	Idle          Duration   `toml:"idle,omitempty" comment:"stop the container after this long without a connection; the next one starts it"`
	KeepWarm      Duration   `toml:"keep_warm,omitempty" comment:"keep the old slot running this long for an instant rollback"`
	AllowLayer    bool       `toml:"allow_writable_layer,omitempty" comment:"replace a container although files that it wrote into its own layer go with it"`
	Retain        int        `toml:"retain" comment:"how many releases to remember; an older one's image goes with it if a registry has it"`

	Drain struct {
		Timeout    Duration   `toml:"timeout" comment:"how long old connections may go on after a switch"`
		Websockets Websockets `toml:"websockets" comment:"wait (as long as any other), or close-after DURATION"`
		Reload     bool       `toml:"reload,omitempty" comment:"reload nginx once, half-way to the timeout, before anything is cut"`
	} `toml:"drain"`
	Start struct {
		Timeout Duration `toml:"timeout" comment:"how long a new container may take to become healthy"`
	} `toml:"start"`
	Native struct {
		Blocking bool `toml:"blocking,omitempty" comment:"the app wants accept(2) to wait, as php-fpm does"`
	} `toml:"native,omitempty"`
	Proxy struct {
		Via            string     `toml:"via" comment:"netns (no published port, no bridge) or bridge (the app sees the same peer as before)"`
		Source         netip.Addr `toml:"source" comment:"peer address that the app sees with via = netns"`
		MaxConnections int        `toml:"max_connections" comment:"accepted at the same time on each port; more wait in the kernel's queue"`
		ParkTimeout    Duration   `toml:"park_timeout" comment:"how long a request waits for an app that is down"`
	} `toml:"proxy"`
}

// The strategies by which a release takes the place of another.
const (
	Auto      = "auto"       // Overlap, unless two copies are unsafe
	Overlap   = "overlap"    // the new one beside the old one
	StopFirst = "stop-first" // the old one ends first; requests wait
)

// Strategy is the one that word names: StopFirst has another name in app files
// and journals of before.
func Strategy(word string) string {
	if word == "recreate" {
		return StopFirst
	}
	return word
}

// MaxReplicas bounds how many containers one slot runs.
const MaxReplicas = 32

// DefaultApp has every setting that an app file may leave out.
func DefaultApp(name string) App {
	a := App{Name: name, Mode: "proxy", Strategy: Auto, Replicas: 1, Retain: 10}
	a.Drain.Timeout = Duration(60 * time.Second)
	a.Start.Timeout = Duration(60 * time.Second)
	a.Proxy.Via = "netns"
	// 169.254.0.0/16 is link-local (RFC 3927): nothing routes it, and it is
	// neither loopback nor an address of the container.
	a.Proxy.Source = netip.MustParseAddr("169.254.77.1")
	a.Proxy.MaxConnections = 20000
	a.Proxy.ParkTimeout = Duration(60 * time.Second)
	return a
}

// HealthConnect as an app's health means that it is ready as soon as its port
// takes a connection, whatever check its image brings along.
const HealthConnect = "connect"

// Duration is a time.Duration written as in "90s" in a settings file.
type Duration time.Duration

// UnmarshalText reads Go's duration syntax; it refuses negative values.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as \"90s\" or \"5m\"", b)
	}
	if v < 0 {
		return fmt.Errorf("negative duration %q", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes Go's duration syntax.
func (d Duration) MarshalText() ([]byte, error) { return []byte(words.Length(time.Duration(d))), nil }

// unitless is the first setting that is a bare number, which TOML takes for
// nanoseconds, and nobody means by a duration.
func (a App) unitless() string {
	for _, s := range []struct {
		name string
		d    Duration
	}{
		{"idle", a.Idle},
		{"keep_warm", a.KeepWarm},
		{"drain.timeout", a.Drain.Timeout},
		{"start.timeout", a.Start.Timeout},
		{"proxy.park_timeout", a.Proxy.ParkTimeout},
	} {
		if s.d != 0 && time.Duration(s.d) < time.Millisecond {
			return s.name
		}
	}
	return ""
}

// Seconds is d in seconds for a record, to the millisecond.
func Seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

package state

import (
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/words"
)

// App is what its operator wants of it: /etc/edgeman/apps/APP.toml. Release
// records are made from it; a change takes effect at the next swap.
type App struct {
	Name string `toml:"-"`

	Mode          string   `toml:"mode" comment:"proxy (any image) or native (the image takes the listening socket itself)"`
	Strategy      string   `toml:"strategy" comment:"auto, overlap (new beside old) or stop-first (requests wait)"`
	Port          uint16   `toml:"port" comment:"the port the app listens on inside its container"`
	Health        string   `toml:"health,omitempty" comment:"HTTP path that answers 2xx or 3xx when the app is ready, or connect: its port takes a connection; empty: the image's HEALTHCHECK, else connect"`
	HealthHeaders []string `toml:"health_headers,omitempty" comment:"sent with the request for health, as the site sends them: the Host that the app answers to, X-Forwarded-Proto"`
	Image         string   `toml:"image" comment:"repository that a bare tag belongs to"`
	Replicas      int      `toml:"replicas" comment:"how many containers share the app's requests"`
	EnvFile       string   `toml:"env_file,omitempty" comment:"file of KEY=VALUE lines, owned by root, read at each swap"`
	Env           []string `toml:"env,omitempty" comment:"added to the container's environment"`
	Command       []string `toml:"command,omitempty" comment:"instead of the image's command"`
	Idle          Duration `toml:"idle,omitempty" comment:"stop the container after this long without a connection; the next one starts it"`
	KeepWarm      Duration `toml:"keep_warm,omitempty" comment:"keep the old slot running this long for an instant rollback"`
	AllowLayer    bool     `toml:"allow_writable_layer,omitempty" comment:"replace a container although files that it wrote into its own layer go with it"`
	Retain        int      `toml:"retain" comment:"how many releases to remember; an older one's image goes with it if a registry has it"`

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
		MaxConnections int        `toml:"max_connections" comment:"accepted at the same time; more wait in the kernel's queue"`
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

// Validate refuses settings that no swap could act on.
func (a App) Validate() error {
	for _, err := range []error{a.validWay(), a.validNumbers(), a.validProxy(), a.validEnv(), ValidHealth(a.Health)} {
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
	case a.Port == 0 && a.Mode == "proxy":
		return errors.New("port is missing: the port the app listens on inside its container")
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

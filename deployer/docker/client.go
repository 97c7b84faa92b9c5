// Package docker is edgeman's one adapter to the Docker Engine: a client whose
// every call is bounded. It finds the container behind an address, takes over a
// running container, makes containers from stored settings, and starts, stops,
// watches and reads them. It asks; what the answers mean is read and judged in
// the packages below it, which are given all they need: rawjson ← label, inspect,
// layer, definition, volume ← adoptable, locate; registry. They and nobody else know
// Docker's library. None of them knows nginx or systemd.
//
// It works with every Engine from 20.10 (API 1.41) on; the API version is
// negotiated. Only the local daemon is spoken to, at its standard socket:
// DOCKER_HOST and contexts are ignored on purpose, because edgeman enters the
// containers' network namespaces and its service must see the same daemon as
// its commands.
package docker

import (
	"context"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/docker/docker/client"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/poll"
	"edgeman/sockets"
	"edgeman/sockets/count"
)

// socket is where the Engine listens on every distribution.
const socket = "unix:///var/run/docker.sock"

// callTimeout bounds a call whose context has no deadline of its own, so that
// a daemon that hangs cannot hang edgeman. Streams (logs, wait, pull) are exempt.
const callTimeout = 60 * time.Second

// pingTimeout bounds the first word with a daemon, also before a stream.
const pingTimeout = 20 * time.Second

// Client speaks to the local Docker daemon. It is safe for concurrent use. It
// keeps no connection open between calls, and survives daemon restarts and
// upgrades: the API version is negotiated again after the daemon went away.
type Client struct {
	host string
	sys  system

	mu  sync.Mutex
	api *client.Client // nil after the daemon could not be reached
}

// Open connects to the local daemon and negotiates the API version. When no
// daemon answers the error is ErrUnreachable.
func Open(ctx context.Context) (*Client, error) {
	return open(ctx, socket, hostSystem())
}

func open(ctx context.Context, host string, sys system) (*Client, error) {
	c := &Client{host: host, sys: sys}
	ctx, cancel := poll.Bounded(ctx, callTimeout)
	defer cancel()
	if _, err := c.conn(ctx); err != nil {
		return nil, callErr("connect", "", err)
	}
	return c, nil
}

// Close releases the client. Streams that are still open end by their own contexts.
func (c *Client) Close() { c.forget() }

// API is the negotiated API version, such as "1.41"; empty while the daemon is
// unreachable.
func (c *Client) API() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.api == nil {
		return ""
	}
	return c.api.ClientVersion()
}

// conn returns the connection, making and negotiating it when there is none.
func (c *Client) conn(ctx context.Context) (*client.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.api != nil {
		return c.api, nil
	}
	// A supervisor calls the daemon rarely: idle connections would only hold
	// memory and two goroutines each.
	api, err := client.NewClientWithOpts(
		client.WithHTTPClient(&http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: client.CheckRedirect,
		}),
		client.WithHost(c.host),
	)
	if err != nil {
		return nil, err
	}
	// The lock is held meanwhile, so this wait is no caller's own to make longer.
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	ping, err := api.Ping(ctx)
	if err != nil {
		return nil, err
	}
	api.NegotiateAPIVersionPing(ping)
	c.api = api
	return api, nil
}

// forget drops the connection, so that the next call negotiates anew: a daemon
// that comes back may be another version.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.api != nil {
		_ = c.api.Close()
		c.api = nil
	}
}

// do runs one call. op and subject name it in the error.
func (c *Client) do(ctx context.Context, op, subject string, call func(context.Context, *client.Client) error) error {
	ctx, cancel := poll.Bounded(ctx, callTimeout)
	defer cancel()
	return c.stream(ctx, op, subject, call)
}

// stream is do without a deadline of our own.
func (c *Client) stream(ctx context.Context, op, subject string, call func(context.Context, *client.Client) error) error {
	err := c.once(ctx, call)
	if versionRefused(err) {
		// The daemon was replaced since the version was negotiated; it did nothing.
		err = c.once(ctx, call)
	}
	return callErr(op, subject, err)
}

func (c *Client) once(ctx context.Context, call func(context.Context, *client.Client) error) error {
	api, err := c.conn(ctx)
	if err == nil {
		err = call(ctx, api)
	}
	if client.IsErrConnectionFailed(err) || versionRefused(err) {
		c.forget()
	}
	return err
}

// containerName is what the daemon accepts as a container's name or id. It is
// checked here because the name becomes part of a URL path.
var containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// system is everything this package asks of the host besides the daemon.
type system struct {
	// addresses are the host's own, loopback included.
	addresses func() ([]netip.Addr, error)
	// listeners are those of a process's network namespace; 0 is the host's own.
	listeners func(pid int) ([]count.TCPListener, error)
	// listening are the addresses that somebody listens at in the namespace at a path.
	listening func(netns string) ([]netip.AddrPort, error)
	hostname  func() (string, error)
	login     registry.Login
	clock     layer.Clock
	// kind is what a path of the host leads to: "file", "directory", …; empty
	// when there is nothing.
	kind func(path string) (string, error)
	// kill sends SIGKILL to pid, if confirm still holds once pid is pinned.
	kill func(pid int, confirm func() bool) error
}

func hostSystem() system {
	return system{
		addresses: hostAddresses,
		listeners: count.TCPListeners,
		listening: sockets.Listening,
		hostname:  os.Hostname,
		login:     registry.RootLogin(),
		clock:     layer.HostClock(),
		kind:      definition.SourceKind,
		kill:      killPinned,
	}
}

package run

import (
	"fmt"
	"net/netip"

	"edgeman/deployer/docker"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
)

// Reach finds out how to reach the release's app in c. source is the peer address
// that an app reached through its own namespace sees.
func Reach(c docker.Container, r state.Release, source netip.Addr) (Reachable, error) {
	addrs := c.Destinations(r.Port)
	if len(addrs) == 0 {
		return nil, fmt.Errorf("container %s has no address to reach it at", c.Name)
	}
	namespace := c.SandboxKey
	if r.Via == "bridge" || c.NetworkMode == "host" {
		namespace = ""
	}
	return carry.NewTarget(addrs, namespace, source)
}

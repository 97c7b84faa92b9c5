package nginx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/poll"
)

// resolveLimit bounds the lookup of one name.
const resolveLimit = 20 * time.Second

// Resolve looks a host name up as nginx does when it reads its configuration, by
// the C library's rules (hosts file, DNS, what else nsswitch.conf names). The
// addresses are in its order.
func (s *Server) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := poll.Bounded(ctx, resolveLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "getent", "ahosts", "--", host)
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	if exit := new(exec.ExitError); ctx.Err() == nil && errors.As(err, &exit) {
		return nil, fmt.Errorf("the name %s leads nowhere on this machine", host)
	}
	if err != nil {
		return nil, fmt.Errorf("looking up %s: %w", host, errors.Join(context.Cause(ctx), err))
	}
	ips := parseHosts(out.String())
	if len(ips) == 0 {
		return nil, fmt.Errorf("the name %s has no address", host)
	}
	return ips, nil
}

// parseHosts reads lines of "ADDRESS TYPE NAME".
func parseHosts(text string) []netip.Addr {
	var ips []netip.Addr
	for line := range strings.Lines(text) {
		word, _, _ := strings.Cut(line, " ")
		if ip, err := netip.ParseAddr(strings.TrimSpace(word)); err == nil && !slices.Contains(ips, ip.Unmap()) {
			ips = append(ips, ip.Unmap())
		}
	}
	return ips
}

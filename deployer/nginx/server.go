// Package nginx touches the running nginx and its files: it finds the
// installation and its processes, tests the configuration on disk and a
// candidate of it, replaces configuration files, reloads, and answers whether
// a worker could connect to a socket. It never reads the meaning of the
// configuration; package nginxconf does that on bytes alone.
package nginx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/poll"
)

// errNotRunning means that no nginx master process belongs to the server.
var errNotRunning = errors.New("nginx is not running")

// Options say which nginx is meant. The zero value means the one that runs
// with this machine's default configuration.
type Options struct {
	Binary  string // absolute path; empty: the running master's, else the usual places
	Prefix  string // nginx -p; empty: the running master's, else the compiled-in one
	Main    string // nginx -c; empty: the running master's, else the compiled-in one
	PidFile string // value of the main file's pid directive; empty: the compiled-in one
}

// Server is one nginx installation with one main configuration file. Its
// methods are safe for concurrent use; its fields are not to be changed.
type Server struct {
	Binary     string // absolute path of the executable on disk
	Version    string // "1.22.1"
	Prefix     string // base of relative paths on the command line
	Main       string // absolute path of the main configuration file
	PidFile    string // absolute path
	ErrorLog   string // compiled-in error log; empty when it is stderr
	Directives string // the running master's -g argument

	proc  procfs
	build build
}

// binaries are the places where distributions and nginx's own packages put
// the executable, for the case that it is not running.
var binaries = []string{"/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx", "/usr/local/nginx/sbin/nginx", "/usr/local/openresty/nginx/sbin/nginx"}

// Open finds nginx. It needs no running nginx, but takes binary, prefix, main
// file and -g directives from the running master where the options are empty.
// The error is a *severalMasters when more than one master could be meant.
func Open(ctx context.Context, o Options) (*Server, error) {
	return open(ctx, o, realProc())
}

func open(ctx context.Context, o Options, proc procfs) (*Server, error) {
	all, err := proc.masters()
	if err != nil {
		return nil, err
	}
	binary, err := chooseBinary(o, all)
	if err != nil {
		return nil, err
	}
	built, err := readBuild(ctx, binary)
	if err != nil {
		return nil, err
	}
	s := built.server(binary)
	s.proc, s.build = proc, built
	s.apply(arguments{prefix: o.Prefix, main: o.Main}, "/")
	if o.PidFile != "" {
		s.PidFile = absolute(s.Prefix, o.PidFile)
	}
	m, err := s.pick(all, o.Main == "")
	if errors.Is(err, errNotRunning) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	s.apply(m.args, m.cwd)
	return s, nil
}

// chooseBinary prefers what runs over what is merely installed.
func chooseBinary(o Options, all []*master) (string, error) {
	if o.Binary != "" {
		return o.Binary, nil
	}
	running := map[string]bool{}
	for _, m := range all {
		running[m.exe] = true
	}
	if len(running) == 1 {
		return all[0].exe, nil
	}
	for _, b := range binaries {
		if st, err := os.Stat(b); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return b, nil
		}
	}
	return "", fmt.Errorf("looking for nginx: %w", exec.ErrNotFound)
}

// apply takes over what a command line says. A relative -c is resolved
// against the prefix, a relative prefix against the working directory
// (nginx: ngx_process_options).
func (s *Server) apply(a arguments, cwd string) {
	if a.prefix != "" {
		prefix := absolute(cwd, a.prefix)
		s.Main = rebase(s.Main, s.Prefix, prefix)
		s.PidFile = rebase(s.PidFile, s.Prefix, prefix)
		s.ErrorLog = rebase(s.ErrorLog, s.Prefix, prefix)
		s.Prefix = prefix
	}
	if a.main != "" {
		s.Main = absolute(s.Prefix, a.main)
	}
	if a.directives != "" {
		s.Directives = a.directives
	}
}

// rebase moves a path that was relative to the old prefix to the new one.
// Compiled-in absolute paths inside the prefix do not occur in packages that
// set them, so a path below the prefix was relative.
func rebase(path, from, to string) string {
	rel, err := filepath.Rel(from, path)
	if path == "" || err != nil || !filepath.IsLocal(rel) {
		return path
	}
	return filepath.Join(to, rel)
}

func absolute(base, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, path)
}

// OSFiles reads nginx's configuration from the real file system.
type OSFiles struct{}

// ReadFile reads a whole file.
func (OSFiles) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

// Glob lists what matches the pattern.
func (OSFiles) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

// EvalSymlinks follows all symlinks of a path.
func (OSFiles) EvalSymlinks(path string) (string, error) { return filepath.EvalSymlinks(path) }

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

// command prepares an nginx that reads the same configuration as the running
// one. The environment is made anew: an inherited NGINX variable would be
// taken for a list of listening descriptors.
func (s *Server) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append(args, "-p", s.Prefix+"/", "-c", s.Main)
	if s.Directives != "" {
		args = append(args, "-g", s.Directives)
	}
	return nginxCommand(ctx, s.Binary, args...)
}

func nginxCommand(ctx context.Context, binary string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	if tz, ok := os.LookupEnv("TZ"); ok {
		cmd.Env = append(cmd.Env, "TZ="+tz)
	}
	cmd.WaitDelay = 10 * time.Second // for what it has printed
	return cmd
}

// unanswered says so when a command was ended by its deadline: err is then only
// that it was killed.
func unanswered(ctx context.Context, command string, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s did not end in time: %w", command, ctx.Err())
	}
	return err
}

package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/nginx"
)

// base is the fake now. It lies in the future so that the inode change times of
// the files that a test writes, which cannot be set, are always older.
var base = time.Date(2035, 6, 1, 12, 0, 0, 0, time.UTC)

// world is a host in a directory.
type world struct {
	t    *testing.T
	root string
	now  time.Time
	env  Env
	opt  Options

	facts    nginx.Facts
	warnings []nginx.Message
	testErr  error
	onTest   func()
	units    map[string]Unit
	docker   []Container
	noImage  map[string]bool // images that Docker does not have
	apps     []app
	roots    *x509.CertPool
	dialMu   sync.Mutex
	dials    map[string]string // address as nginx has it: address in this test
	dialed   []string
	slept    func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, root: t.TempDir(), now: base, roots: x509.NewCertPool(), opt: Options{Budget: 5 * time.Minute, Handshake: time.Minute},
		units: map[string]Unit{}, dials: map[string]string{},
	}
	w.facts = nginx.Facts{
		Version: "1.26.3", Main: "/etc/nginx/nginx.conf", PidFile: "/run/nginx.pid", Running: true, Somaxconn: 4096,
		Master:  nginx.Process{PID: 4711, Start: base.Add(-time.Hour)},
		Workers: []nginx.Worker{{Process: nginx.Process{PID: 4712, Start: base.Add(-time.Hour)}}},
	}
	w.env = Env{
		Now: func() time.Time { return w.now }, FS: rooted{w.root}, Euid: 0, Host: "testhost",
		Sleep: func(context.Context, time.Duration) bool {
			if w.slept != nil {
				w.slept()
			}
			return true
		},
		Roots: func() (*x509.CertPool, error) { return w.roots, nil },
		Dial:  w.dial, Nginx: w, Units: w, Docker: w,
		Apps:    func() ([]app, error) { return w.apps, nil },
		Certbot: letsencrypt,
		Tail:    func(path string, size int) ([]byte, error) { return rooted{w.root}.ReadFile(path) },
		Remove: func(path string) error {
			return os.Remove(filepath.Join(w.root, path))
		},
	}
	w.write("/etc/nginx/nginx.conf", "events {}\nhttp {}\n")
	return w
}

func (w *world) Facts(context.Context) (nginx.Facts, error) { return w.facts, nil }

func (w *world) Test(context.Context) ([]nginx.Message, error) {
	if w.onTest != nil {
		w.onTest()
	}
	return w.warnings, w.testErr
}

func (w *world) Unit(_ context.Context, name string) (Unit, error) {
	u, ok := w.units[name]
	if !ok {
		return Unit{Name: name, Load: "not-found", Active: "inactive"}, nil
	}
	u.Name = name
	if u.Load == "" {
		u.Load = "loaded"
	}
	return u, nil
}

func (w *world) Containers(context.Context) ([]Container, error) { return w.docker, nil }

func (w *world) HasImage(_ context.Context, id string) (bool, error) { return !w.noImage[id], nil }

func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.dialMu.Lock()
	w.dialed = append(w.dialed, address)
	to, ok := w.dials[address]
	w.dialMu.Unlock()
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", unix.ECONNREFUSED)}
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", to)
}

// write makes a file that is older than nginx's workers.
func (w *world) write(path, text string) {
	w.t.Helper()
	w.writeMode(path, text, 0o644)
}

func (w *world) writeMode(path, text string, mode os.FileMode) {
	w.t.Helper()
	real := filepath.Join(w.root, path)
	w.must(os.MkdirAll(filepath.Dir(real), 0o755))
	w.must(os.WriteFile(real, []byte(text), mode))
	w.must(os.Chmod(real, mode))
	w.touch(path, base.Add(-2*time.Hour))
}

func (w *world) touch(path string, at time.Time) {
	w.t.Helper()
	ts := unix.NsecToTimespec(at.UnixNano())
	w.must(unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(w.root, path), []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW))
}

func (w *world) link(target, path string) {
	w.t.Helper()
	real := filepath.Join(w.root, path)
	w.must(os.MkdirAll(filepath.Dir(real), 0o755))
	_ = os.Remove(real)
	w.must(os.Symlink(target, real))
	w.touch(path, base.Add(-2*time.Hour))
}

// http puts directives into the http block.
func (w *world) http(text string) {
	w.t.Helper()
	w.write("/etc/nginx/nginx.conf", "events {}\nhttp {\n"+text+"\n}\n")
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) run() Report {
	w.t.Helper()
	return Run(context.Background(), w.env, w.opt)
}

// serve answers TLS on the address that the configuration under test names.
func (w *world) serve(address string, pick func(*tls.ClientHelloInfo) (*tls.Certificate, error)) {
	w.t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: pick, MinVersion: tls.VersionTLS10})
	w.must(err)
	w.t.Cleanup(func() { l.Close() })
	w.dials[address] = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.(*tls.Conn).Handshake() // the client's side has the verdict
			}()
		}
	}()
}

// serves answers every name with one certificate.
func (w *world) serves(address string, p pair) {
	w.serve(address, func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.tls(w.t), nil })
}

// find are the findings with the code.
func (r Report) find(code string) []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if f.Code == code {
			out = append(out, f)
		}
	}
	return out
}

func (r Report) codes() string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Code+"("+f.Severity.String()+": "+f.Message+")")
	}
	return strings.Join(out, "\n")
}

// rooted is a file system below a directory that nothing leads out of.
type rooted struct{ root string }

func (r rooted) real(path string, last bool) (string, error) {
	done, todo := "/", strings.Split(strings.Trim(path, "/"), "/")
	for n := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			done = filepath.Dir(done)
			continue
		}
		next := filepath.Join(done, part)
		target, err := os.Readlink(filepath.Join(r.root, next))
		if err != nil || len(todo) == 0 && !last {
			done = next
			continue
		}
		if n++; n > 40 {
			return "", &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
		}
		if filepath.IsAbs(target) {
			done = "/"
		}
		todo = append(strings.Split(strings.Trim(target, "/"), "/"), todo...)
	}
	return filepath.Join(r.root, done), nil
}

func (r rooted) strip(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return &fs.PathError{Op: p.Op, Path: strings.TrimPrefix(p.Path, r.root), Err: p.Err}
	}
	return err
}

func at[T any](r rooted, path string, last bool, do func(string) (T, error)) (T, error) {
	real, err := r.real(path, last)
	if err != nil {
		var none T
		return none, err
	}
	v, err := do(real)
	return v, r.strip(err)
}

func (r rooted) ReadFile(p string) ([]byte, error)       { return at(r, p, true, os.ReadFile) }
func (r rooted) ReadDir(p string) ([]fs.DirEntry, error) { return at(r, p, true, os.ReadDir) }
func (r rooted) Stat(p string) (fs.FileInfo, error)      { return at(r, p, true, os.Stat) }
func (r rooted) Lstat(p string) (fs.FileInfo, error)     { return at(r, p, false, os.Lstat) }
func (r rooted) Readlink(p string) (string, error)       { return at(r, p, false, os.Readlink) }

func (r rooted) EvalSymlinks(p string) (string, error) {
	real, err := r.real(p, true)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(real); err != nil {
		return "", r.strip(err)
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(real, r.root), "/"), nil
}

func (r rooted) Glob(pattern string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(r.root, pattern))
	for i := range found {
		found[i] = strings.TrimPrefix(found[i], r.root)
	}
	slices.Sort(found)
	return found, err
}

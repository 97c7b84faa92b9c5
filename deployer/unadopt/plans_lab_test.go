package unadopt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"edgeman/deployer/console"
	real "edgeman/deployer/nginx"
	"edgeman/deployer/site"
	"edgeman/deployer/slots"

	"edgeman/deployer/adoption"
	"edgeman/deployer/state"
	"edgeman/integration/sites"
	"edgeman/nginxconf"
)

// lab is a real nginx before apps that answer at their addresses and, for each
// tree, at their slots' sockets, too.
type lab struct {
	*Host
	dir       string
	version   nginxconf.Version
	addresses []string

	reached *reached
}

// reached counts the requests to each app by the way that they took.
type reached struct {
	mu  sync.Mutex
	app map[string]map[string]int
}

func (r *reached) count(app, way string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.app[app] == nil {
		r.app[app] = map[string]int{}
	}
	r.app[app][way]++
}

// take returns what was counted since it was called last.
func (r *reached) take() map[string]map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.app
	r.app = map[string]map[string]int{}
	return was
}

const labNginx = "/usr/sbin/nginx"

func newLab(t *testing.T) *lab {
	t.Helper()
	out, err := exec.Command(labNginx, "-v").CombinedOutput()
	if err != nil {
		t.Skipf("SKIPPED: needs nginx: %v", err)
	}
	l := &lab{reached: &reached{app: map[string]map[string]int{}}}
	if l.version, err = nginxconf.ParseVersion(strings.TrimSpace(string(out))); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		on, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.serve(t, on, fmt.Sprintf("app%d", i), "tcp")
		l.addresses = append(l.addresses, on.Addr().String())
	}
	return l
}

// serve answers with the request as it came.
func (l *lab) serve(t *testing.T, on net.Listener, app, way string) {
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.reached.count(app, way)
		w.Header().Set("Location", "http://"+r.Host+"/z") // which nginx may rewrite
		fmt.Fprintf(w, "%s %s %s %s %s\n", app, r.Method, r.RequestURI, r.Proto, r.Host)
		for _, h := range slices.Sorted(maps.Keys(r.Header)) {
			fmt.Fprintf(w, "%s: %s\n", h, strings.Join(r.Header[h], " | "))
		}
	})}
	go func() { _ = s.Serve(on) }()
	t.Cleanup(func() { s.Close() })
}

// walk puts a tree in place.
func (l *lab) walk(t *testing.T, seed uint64) *walk {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	on := *l
	on.dir = dir
	on.Host = &Host{Host: &site.Host{Files: real.OSFiles{}, Host: &slots.Host{
		Console: &console.Console{Out: io.Discard, Err: io.Discard},
		Paths:   state.Paths{Etc: dir + "/e", Var: dir + "/v", Run: dir + "/r"},
	}}}
	rng := rand.New(rand.NewPCG(seed, 0))
	w := &walk{lab: &on, t: t, rng: rng, state: map[string]string{}, record: map[string]adoption.Record{}}
	w.tree = sites.New(rng, l.addresses[:1+rng.IntN(len(l.addresses))], "unix:"+dir+"/front")
	w.put("nginx.conf", w.conf())
	for _, path := range slices.Sorted(maps.Keys(w.tree.Files)) {
		w.put(path, w.tree.Files[path])
	}
	for path, to := range w.tree.Links {
		path = w.made(path)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range w.tree.Apps {
		w.state[a.Name] = apart
		if err := w.Paths.MakeApp(a.Name); err != nil {
			t.Fatal(err)
		}
		on, err := net.Listen("unix", w.Paths.Live(a.Name))
		if err != nil {
			t.Fatal(err)
		}
		l.serve(t, on, a.Name, "unix")
	}
	return w
}

func (l *lab) etc() string { return l.dir + "/etc" }

func (l *lab) main() string { return l.etc() + "/nginx.conf" }

func (l *lab) conf() string {
	return strings.ReplaceAll(`pid DIR/pid;
user root;
error_log DIR/error.log warn;
daemon off;
master_process off;
events { worker_connections 128; }
http {
    access_log off;
    client_body_temp_path DIR/t1;
    proxy_temp_path DIR/t2;
    fastcgi_temp_path DIR/t3;
    uwsgi_temp_path DIR/t4;
    scgi_temp_path DIR/t5;
    include conf.d/*.conf;
    include sites-enabled/*;
}
`, "DIR", l.dir)
}

func (w *walk) made(path string) string { return w.madeAt(filepath.Join(w.etc(), path)) }

func (w *walk) madeAt(path string) string {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *walk) put(path, text string) {
	mode := []fs.FileMode{0o644, 0o640, 0o600}[w.rng.IntN(3)]
	if err := os.WriteFile(w.made(path), []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
}

// ask loads what lies on disk into an nginx and returns its answers.
func (w *walk) ask() map[string]string {
	w.t.Helper()
	w.Checks++
	front := w.dir + "/front"
	_ = os.Remove(front)
	var said bytes.Buffer
	cmd := exec.Command(labNginx, "-p", w.etc(), "-c", w.main())
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	defer func() { _ = cmd.Process.Kill(); <-ended }()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		for {
			c, err := new(net.Dialer).DialContext(ctx, "unix", front)
			select {
			case <-ended:
				return nil, fmt.Errorf("nginx does not load it: %s", said.String())
			default:
			}
			if err == nil || ctx.Err() != nil {
				return c, err
			}
			time.Sleep(time.Millisecond)
		}
	}}}
	answers := map[string]string{}
	for _, a := range w.tree.Asks {
		w.Requests++
		answers[fmt.Sprint(a)] = get(client, a)
	}
	return answers
}

func get(client *http.Client, a sites.Ask) string {
	req, err := http.NewRequest(http.MethodGet, "http://"+a.Host+a.Path, nil)
	if err != nil {
		return err.Error()
	}
	if a.Tenant != "" {
		req.Header.Set("X-Tenant", a.Tenant)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%s to %s, %s %v", resp.Status, resp.Header.Get("Location"), body, err)
}

// snapshot is all that lies below nginx's directory.
func (w *walk) snapshot() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(w.etc(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var data []byte
		if d.Type() == fs.ModeSymlink {
			to, _ := os.Readlink(path)
			data = []byte(to)
		} else if data, err = os.ReadFile(path); err != nil {
			return err
		}
		all[path] = fmt.Sprintf("%v\n%s", info.Mode(), data)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func compareTrees(t *testing.T, was, now map[string]string) {
	t.Helper()
	for path, text := range was {
		if now[path] != text {
			t.Errorf("%s is\n%s\nand was\n%s", path, now[path], text)
		}
	}
	for path := range now {
		if _, ok := was[path]; !ok {
			t.Errorf("%s was left behind", path)
		}
	}
}

func sha(data []byte) [sha256.Size]byte { return sha256.Sum256(data) }

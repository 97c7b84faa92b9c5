package nginx

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/integration/port"
)

// instance is an nginx of the test's own: its own prefix, a loopback port,
// a child of the test process.
type instance struct {
	t      *testing.T
	dir    string // prefix; nginx.conf includes sites-enabled/*
	port   int
	server *Server
	stop   func()
}

// needNginx skips, aloud, where there is no nginx or no root.
func needNginx(t *testing.T) {
	t.Helper()
	needRoot(t)
	if _, err := os.Stat("/usr/sbin/nginx"); err != nil {
		t.Skip("SKIPPED: needs /usr/sbin/nginx: apt-get install nginx-light")
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: needs root")
	}
}

// publicDir is a temporary directory that nginx's workers can reach.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nginx-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

const mainConf = `daemon off;
user www-data;
worker_processes 2;
pid nginx.pid;
error_log error.log;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    include sites-enabled/*;
}
`

func site(port int, answer string) []byte {
	return fmt.Appendf(nil, "server {\n    listen 127.0.0.1:%d;\n    location / { return 200 %q; }\n}\n", port, answer)
}

// layout writes the files of an instance without starting it. The site is a
// symlink, as Debian keeps them.
func layout(t *testing.T) *instance {
	t.Helper()
	needNginx(t)
	n := &instance{t: t, dir: publicDir(t), port: port.Free(t)}
	for _, d := range []string{"sites-available", "sites-enabled", "temp"} {
		must(t, os.Mkdir(filepath.Join(n.dir, d), 0o755))
	}
	put(t, n.path("nginx.conf"), []byte(mainConf))
	put(t, n.path("sites-available/app"), site(n.port, "v1"))
	must(t, os.Symlink("../sites-available/app", n.path("sites-enabled/app")))
	return n
}

func (n *instance) path(name string) string { return filepath.Join(n.dir, name) }

// earlyLog says where nginx is to log until it has read its configuration, which
// it can be told since 1.19.5.
func earlyLog() []string {
	out, _ := exec.Command("/usr/sbin/nginx", "-h").CombinedOutput()
	if !bytes.Contains(out, []byte("-e filename")) {
		return nil
	}
	return []string{"-e", "error.log"}
}

// start runs nginx, with a command in front of it if given, until it answers.
func start(t *testing.T, front ...string) *instance {
	t.Helper()
	n := layout(t)
	n.start(front...)
	return n
}

func (n *instance) start(front ...string) {
	n.t.Helper()
	args := append(append(front, "/usr/sbin/nginx", "-p", n.dir, "-c", "nginx.conf"), earlyLog()...)
	cmd := exec.Command(args[0], args[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(n.t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	n.stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
	}
	n.t.Cleanup(func() { n.stop() })
	eventually(n.t, "nginx answers", func() bool {
		select {
		case <-ended:
			n.t.Fatalf("nginx ended: %s", &out)
		default:
		}
		_, err := n.get()
		return err == nil
	})
	n.open()
	eventually(n.t, "both workers are set up", func() bool { return len(n.facts().Workers) == 2 })
}

func (n *instance) open() {
	n.t.Helper()
	s, err := Open(soon(n.t), Options{Main: n.path("nginx.conf"), Prefix: n.dir, PidFile: "nginx.pid"})
	must(n.t, err)
	n.server = s
}

// get asks over a connection of its own.
func (n *instance) get() (string, error) {
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", n.port))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func (n *instance) answers(want string) {
	n.t.Helper()
	if got, err := n.get(); err != nil || got != want {
		n.t.Fatalf("answer %q, %v; want %q", got, err, want)
	}
}

func (n *instance) facts() Facts {
	n.t.Helper()
	f, err := n.server.Facts(soon(n.t))
	must(n.t, err)
	return f
}

// soon is a deadline that only what hangs misses.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("not within a minute: %s", what)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(path, content, 0o644))
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

func contains(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q is not in %q", part, text)
	}
}

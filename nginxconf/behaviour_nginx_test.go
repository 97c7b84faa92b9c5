package nginxconf

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"edgeman/integration/port"
)

// diskFS is the real file system.
type diskFS struct{}

func (diskFS) ReadFile(path string) ([]byte, error)     { return os.ReadFile(path) }
func (diskFS) Glob(pattern string) ([]string, error)    { return filepath.Glob(pattern) }
func (diskFS) EvalSymlinks(path string) (string, error) { return filepath.EvalSymlinks(path) }

// nginxBinary returns a real nginx, its version and the lines that load its
// dynamic modules, or skips. EDGEMAN_NGINX names another binary and
// EDGEMAN_NGINX_MODULES the directory of its modules.
func nginxBinary(t testing.TB) (bin string, v Version, modules string) {
	t.Helper()
	bin = os.Getenv("EDGEMAN_NGINX")
	if bin == "" {
		bin = "nginx"
	}
	bin, err := exec.LookPath(bin)
	if err != nil {
		t.Skipf("no nginx to compare with: %v (install nginx-light or set EDGEMAN_NGINX)", err)
	}
	out, err := exec.Command(bin, "-V").CombinedOutput()
	if err != nil {
		t.Fatalf("%s -V: %v", bin, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	if v, err = ParseVersion(first); err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("EDGEMAN_NGINX_MODULES")
	if m := regexp.MustCompile(`--modules-path=(\S+)`).FindSubmatch(out); m != nil && dir == "" {
		dir = string(m[1])
	}
	so := filepath.Join(dir, "ngx_stream_module.so")
	if _, err := os.Stat(so); err == nil {
		modules = "load_module " + so + ";\n"
	}
	return bin, v, modules
}

// lab is a directory with an nginx configuration, and an app behind it.
type lab struct {
	t       *testing.T
	dir     string
	bin     string
	version Version
	app     *app
	other   *app   // an app that the plan must leave alone
	front   string // address that nginx listens on
	conf    string // main file
	site    string
	socket  string
	tcp     [2]int // connections to the ports of app and other in the last answers
	cmd     *exec.Cmd
}

// newLab writes a main file with these lines at the top and in http.
func newLab(t *testing.T, b behaviour) *lab {
	t.Helper()
	bin, v, mods := nginxBinary(t)
	dir, err := os.MkdirTemp("/tmp", "nc") // short: a socket path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, dir: dir, bin: bin, version: v, front: fmt.Sprintf("127.0.0.1:%d", port.Free(t)), conf: dir + "/nginx.conf", site: dir + "/site", socket: dir + "/live.sock"}
	l.app = newApp(t, b.addr, l.socket, b.app)
	l.other = newApp(t, "", dir+"/other.sock", b.app)
	l.write(l.conf, mods+`user root;
pid DIR/nginx.pid;
error_log DIR/error.log info;
worker_processes 1;
daemon off;
master_process off;
events { worker_connections 128; }
http {
    access_log off;
    client_body_temp_path DIR/body;
    proxy_temp_path DIR/proxy;
    fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi;
    scgi_temp_path DIR/scgi;
    server_tokens off;
    proxy_cache_path DIR/cache keys_zone=c:1m;
    include site;
    include site.d/*.conf;
}
include stream[.]conf;
`)
	return l
}

// fill puts this lab's addresses into a configuration or request.
func (l *lab) fill(s string) string {
	return strings.NewReplacer("FRONT", l.front, "APP", l.app.addr(), "OTHER", l.other.addr(), "PORT", l.app.port(), "SOCKET", l.socket, "DIR", l.dir).Replace(s)
}

func (l *lab) write(path, text string) {
	l.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(l.fill(text)), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// start runs nginx in the foreground until stop.
func (l *lab) start() {
	l.t.Helper()
	var out bytes.Buffer
	l.cmd = exec.Command(l.bin, "-p", l.dir, "-c", l.conf)
	l.cmd.Stdout, l.cmd.Stderr = &out, &out
	if err := l.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	cmd := l.cmd
	l.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", l.front)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("nginx does not listen on %s:\n%s", l.front, out.String())
		}
	}
}

func (l *lab) stop() {
	l.cmd.Process.Kill()
	l.cmd.Wait()
}

var dateLine = regexp.MustCompile(`(?m)^(Date|Expires|Last-Modified):.*\r\n`)

// ask sends one raw request and returns the raw response without its date.
func (l *lab) ask(request string) string {
	l.t.Helper()
	c, err := net.Dial("tcp", l.front)
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, l.fill(request)); err != nil {
		l.t.Fatal(err)
	}
	if strings.Contains(request, "websocket") {
		return wsExchange(c)
	}
	if strings.HasPrefix(request, "hello") {
		c.(*net.TCPConn).CloseWrite()
	}
	out, err := io.ReadAll(c)
	if err != nil {
		return fmt.Sprintf("%s\n(%v)", out, err)
	}
	return dateLine.ReplaceAllString(string(out), "")
}

// wsExchange sends bytes after the switch of protocols and reads them back.
func wsExchange(c net.Conn) string {
	in := bufio.NewReader(c)
	var head strings.Builder
	for line := ""; line != "\r\n"; head.WriteString(line) {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			return head.String() + line
		}
	}
	io.WriteString(c, "frame")
	frame := make([]byte, len("frame"))
	n, _ := io.ReadFull(in, frame)
	return dateLine.ReplaceAllString(head.String(), "") + string(frame[:n])
}

// plan edits the site for its first target that is the app.
func (l *lab) plan(o Options) (*Plan, error) {
	l.t.Helper()
	c, err := Load(diskFS{}, l.conf)
	if err != nil {
		return nil, err
	}
	c.Locate(l.where)
	site := l.site
	if c.Passes()[0].Pos().File != site {
		site = c.Passes()[0].Pos().File
	}
	targets, err := c.Targets(site)
	if err != nil {
		return nil, err
	}
	o.Socket, o.App = l.socket, "myapp"
	if o.NginxVersion == (Version{}) {
		o.NginxVersion = l.version
	}
	for _, t := range targets {
		if t.place == appPlace {
			return c.Plan(o, t)
		}
	}
	return nil, fmt.Errorf("no target %s among %v", l.app.addr(), targets)
}

const appPlace = "the app"

// where knows the app by every address that it can be reached at; localhost is
// 127.0.0.1.
func (l *lab) where(host, port string) []string {
	if host == "localhost" {
		host = "127.0.0.1"
	}
	at := netip.MustParseAddrPort(l.app.addr()).Addr()
	ip, _ := netip.ParseAddr(host)
	if port == l.app.port() && (ip == at || ip.IsLoopback() && at.IsUnspecified() && (ip.Is4() || at.Is6())) {
		return []string{appPlace}
	}
	return nil
}

// apply writes the files of a plan.
func (l *lab) apply(p *Plan) {
	l.t.Helper()
	for _, f := range p.Files {
		if err := os.WriteFile(f.Path, f.After, 0o644); err != nil {
			l.t.Fatal(err)
		}
	}
}

// check runs nginx -t.
func (l *lab) check() error {
	out, err := exec.Command(l.bin, "-t", "-q", "-p", l.dir, "-c", l.conf).CombinedOutput()
	if err != nil {
		return fmt.Errorf("nginx -t: %s", out)
	}
	return nil
}

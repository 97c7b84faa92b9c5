package check

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeman/deployer/nginx"
	"edgeman/integration/port"
)

// rig is a real nginx of our own: own prefix, own ports, never the host's
// service.
type rig struct {
	t      testing.TB
	dir    string
	binary string
	ca     *ca
	ports  map[string]int
	cmd    *exec.Cmd
}

func newRig(t testing.TB) *rig {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		binary = "/usr/sbin/nginx"
	}
	if _, err := os.Stat(binary); err != nil {
		t.Skip("no nginx here: apt-get install nginx-light")
	}
	r := &rig{t: t, dir: t.TempDir(), binary: binary, ca: newCAAt(t, time.Now()), ports: map[string]int{}}
	// The workers may be another user, and the directories above are ours alone.
	for d := r.dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
		r.must(os.Chmod(d, 0o755))
	}
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// port is a free port of loopback under a name.
func (r *rig) port(name string) int {
	r.t.Helper()
	if r.ports[name] == 0 {
		r.ports[name] = port.Free(r.t)
	}
	return r.ports[name]
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) store(name string, p pair) {
	r.t.Helper()
	r.must(os.WriteFile(r.path(name+".pem"), []byte(p.pem()), 0o644))
	r.must(os.WriteFile(r.path(name+".key"), []byte(p.keyPEM(r.t)), 0o600))
}

// site is a TLS server with the pair of files of that name.
func (r *rig) site(name, files, listen string) string {
	return fmt.Sprintf("server { listen 127.0.0.1:%d ssl %s; server_name %s; ssl_certificate %s.pem; ssl_certificate_key %s.key; return 204; }\n",
		r.port("tls"), listen, name, r.path(files), r.path(files))
}

func (r *rig) write(http string) {
	r.t.Helper()
	conf := fmt.Sprintf("pid %s;\nerror_log %s notice;\nworker_processes 2;\nevents { worker_connections 64; }\nhttp {\nserver_tokens off;\naccess_log off;\n"+
		"client_body_temp_path %[3]s/b; proxy_temp_path %[3]s/p; fastcgi_temp_path %[3]s/f; uwsgi_temp_path %[3]s/u; scgi_temp_path %[3]s/s;\n%[4]s\n}\n",
		r.path("nginx.pid"), r.path("error.log"), r.dir, http)
	r.must(os.WriteFile(r.path("nginx.conf"), []byte(conf), 0o644))
}

func (r *rig) start() {
	r.t.Helper()
	args := []string{"-p", r.dir + "/", "-c", r.path("nginx.conf"), "-g", "daemon off;"}
	if out, _ := exec.Command(r.binary, "-h").CombinedOutput(); bytes.Contains(out, []byte("-e filename")) { // since 1.19.5
		args = append(args, "-e", r.path("error.log"))
	}
	r.cmd = exec.Command(r.binary, args...)
	r.must(startTied(r.t, r.cmd))
	r.t.Cleanup(r.stop)
	r.eventually("nginx to answer", func() bool {
		pid, _ := os.ReadFile(r.path("nginx.pid")) // is written after nginx has begun to listen
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port("tls")))
		if err == nil {
			c.Close()
		}
		return err == nil && len(pid) > 0
	})
}

// startTied starts a program that does not outlive the test's process. The kernel
// kills it when the thread that started it ends, so that thread is kept.
func startTied(t testing.TB, cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- cmd.Start()
		<-t.Context().Done()
	}()
	return <-started
}

func (r *rig) stop() {
	if r.cmd != nil && r.cmd.ProcessState == nil {
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		_ = r.cmd.Wait()
	}
}

// reload sends the signal and waits until it was acted on.
func (r *rig) reload(done func(log string) bool) {
	r.t.Helper()
	r.must(r.cmd.Process.Signal(syscall.SIGHUP))
	r.eventually("the reload", func() bool {
		log, _ := os.ReadFile(r.path("error.log"))
		return done(string(log))
	})
}

func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(r.path("error.log"))
			r.t.Fatalf("waited in vain for %s\n%s", what, log)
		}
	}
}

// settle waits until an edit can be told from the start of the workers. nginx
// listens a moment before it starts them.
func (r *rig) settle() {
	r.t.Helper()
	if os.Geteuid() == 0 { // who may see them
		r.eventually("both workers", func() bool {
			f, err := r.env().Nginx.Facts(context.Background())
			return err == nil && len(f.Workers) == 2
		})
	}
	begun := time.Now()
	r.eventually("an edit to be younger than the workers", func() bool { return time.Since(begun) > startSlack+time.Second })
}

func (r *rig) env() Env {
	r.t.Helper()
	server, err := nginx.Open(context.Background(), nginx.Options{
		Binary: r.binary, Prefix: r.dir + "/", Main: r.path("nginx.conf"), PidFile: r.path("nginx.pid"),
	})
	r.must(err)
	env := Local()
	env.Nginx, env.Prefix, env.FreeSpace, env.ClockSynced = server, server.Prefix, nil, nil
	env.Roots = func() (*x509.CertPool, error) {
		pool := x509.NewCertPool()
		pool.AddCert(r.ca.root)
		return pool, nil
	}
	return env
}

// patient are options with which a slow machine is not taken for a host that does
// not answer.
var patient = Options{SecondLook: time.Millisecond, Budget: 5 * time.Minute, Handshake: time.Minute}

func (r *rig) check() Report {
	r.t.Helper()
	return Run(context.Background(), r.env(), patient)
}

// wants compares the codes of a report, blind spots that only root can avoid
// aside.
func (r *rig) wants(what string, report Report, codes ...string) {
	r.t.Helper()
	got := map[string]bool{}
	for _, f := range report.Findings {
		if f.Severity > Notice && !(f.Code == codeBlind && os.Geteuid() != 0) {
			got[f.Code] = true
		}
	}
	for _, c := range codes {
		if !got[c] {
			r.t.Errorf("%s: no %s; found\n%s", what, c, report.codes())
		}
		delete(got, c)
	}
	for c := range got {
		r.t.Errorf("%s: %s, which is not true; found\n%s", what, c, report.codes())
	}
}

func TestRealRenewalWithoutReload(t *testing.T) {
	r := newRig(t)
	r.store("a", r.ca.leaf(life{90 * day, 40 * day}, "a.example.com"))
	r.store("b", r.ca.leaf(fresh, "*.b.example.com", "b.example.com"))
	r.write(r.site("a.example.com", "a", "default_server") + r.site(".b.example.com", "b", ""))
	r.start()
	report := r.check()
	r.wants("all is well", report)
	if report.Checked.Handshakes != 2 || len(report.Inventory) != 4 {
		t.Errorf("checked %+v, %d certificates", report.Checked, len(report.Inventory))
	}

	r.store("a", r.ca.leaf(life{90 * day, 89 * day}, "a.example.com"))
	r.wants("renewed", r.check(), "cert-served-stale")

	r.reload(func(log string) bool { return strings.Contains(log, "gracefully shutting down") })
	r.eventually("the new workers", func() bool { return len(r.check().find("cert-served-stale")) == 0 })
	r.wants("reloaded", r.check())
}

func TestRealServedExpiring(t *testing.T) {
	r := newRig(t)
	r.store("a", r.ca.leaf(life{90 * day, 20 * day}, "a.example.com"))
	r.write(r.site("a.example.com", "a", "default_server"))
	r.start()
	r.wants("renewal overdue", r.check(), "cert-expiring")
	r.store("a", r.ca.leaf(life{90 * day, 89 * day}, "a.example.com"))
	report := r.check()
	r.wants("renewed, not reloaded", report, "cert-served-stale")
	if f := report.find("cert-served-stale"); f[0].Severity != Critical {
		t.Errorf("is %s although the served one is in its warning zone", f[0].Severity)
	}
}

func TestRealDefaultServerAnswers(t *testing.T) {
	r := newRig(t)
	r.store("a", r.ca.leaf(fresh, "a.example.com"))
	r.store("b", r.ca.leaf(fresh, "b.example.com"))
	r.write(r.site("a.example.com", "a", "default_server"))
	r.start()
	// On disk and not loaded: the default server answers for the new name.
	r.settle()
	r.write(r.site("a.example.com", "a", "default_server") + r.site("b.example.com", "b", ""))
	r.wants("not loaded", r.check(), "cert-served-other", "nginx-stale-workers")
}

func TestRealDualCertificates(t *testing.T) {
	r := newRig(t)
	r.store("rsa", r.ca.issue(rsaKey(t, 2048), fresh, nil, "a.example.com"))
	r.store("ec", r.ca.leaf(fresh, "a.example.com"))
	r.write(strings.Replace(r.site("a.example.com", "rsa", "default_server"), "return 204;",
		fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s; return 204;", r.path("ec.pem"), r.path("ec.key")), 1))
	r.start()
	r.wants("both current", r.check())
	r.store("rsa", r.ca.issue(rsaKey(t, 2048), fresh, nil, "a.example.com"))
	report := r.check()
	r.wants("RSA renewed", report, "cert-served-stale")
	if f := report.find("cert-served-stale"); len(f) != 1 || f[0].Subject.Name != r.path("rsa.pem") {
		t.Errorf("found %+v", f)
	}
}

func TestRealRejectedHandshakeAndProxyProtocol(t *testing.T) {
	r := newRig(t)
	r.store("a", r.ca.leaf(fresh, "a.example.com"))
	r.write(fmt.Sprintf("server { listen 127.0.0.1:%d ssl default_server proxy_protocol; ssl_reject_handshake on; }\n", r.port("tls")) +
		r.site("a.example.com", "a", "proxy_protocol"))
	r.start()
	r.wants("behind a balancer", r.check())
}

func TestRealVariableCertificate(t *testing.T) {
	r := newRig(t)
	r.store("a.example.com", r.ca.leaf(fresh, "a.example.com"))
	r.write(r.site("a.example.com b.example.com", "$ssl_server_name", "default_server"))
	r.start()
	if os.Geteuid() == 0 { // the workers read these files themselves
		if f, err := r.env().Nginx.Facts(context.Background()); err == nil && f.Identity.UID != 0 {
			r.must(os.Chown(r.path("a.example.com.key"), int(f.Identity.UID), 0))
		}
	}
	report := r.check()
	for _, code := range []string{"cert-missing", "tls-handshake-failed"} {
		if f := report.find(code); len(f) == 0 || !strings.Contains(f[0].Message, "b.example.com") {
			t.Errorf("%s: %+v", code, f)
		}
	}
}

// A reload that fails exits 0 and keeps the old workers: only the error log and
// the sockets tell.
func TestRealFailedReload(t *testing.T) {
	r := newRig(t)
	r.store("a", r.ca.leaf(fresh, "a.example.com"))
	good := r.site("a.example.com", "a", "default_server")
	r.write(good)
	r.start()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	defer other.Close()
	r.settle()
	r.write(good + fmt.Sprintf("server { listen %s; }\n", other.Addr()))
	// nginx tries for 2.5 seconds.
	r.reload(func(log string) bool { return strings.Contains(log, "still could not bind()") })
	report := r.check()
	if os.Geteuid() == 0 {
		r.wants("port taken", report, "nginx-stale-workers", "nginx-port-conflict")
	}
	if f := report.find("nginx-stale-workers"); len(f) != 1 || f[0].Severity != Critical || !strings.Contains(f[0].Message, "still could not bind") {
		t.Errorf("found %+v", f)
	}
}

func TestRealRefusedConfiguration(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("nginx -t says little without root")
	}
	r := newRig(t)
	r.store("a", r.ca.leaf(fresh, "a.example.com"))
	r.write(r.site("a.example.com", "a", "default_server"))
	r.start()
	r.settle()
	r.write(r.site("a.example.com", "a", "default_server") + "server { listen 127.0.0.1:1; no_such_directive on; }")
	report := r.check()
	f := report.find("nginx-config-invalid")
	if len(f) != 1 || !strings.Contains(f[0].Message, "no_such_directive") || len(f[0].At) != 1 || f[0].At[0].Line == 0 {
		t.Errorf("found %+v", f)
	}
}

// A stopped nginx is tested, too. What was there is as it was, no pid file is
// left, and the second run makes nothing new.
func TestRealChangesNothingThatWasThere(t *testing.T) {
	r := newRig(t)
	r.store("a", r.ca.leaf(fresh, "a.example.com"))
	r.write(r.site("a.example.com", "a", "default_server") + "server { listen unix:" + r.path("own.sock") + "; access_log " + r.path("access.log") + "; }")
	before := contents(t, r.dir)
	report := r.check()
	after := contents(t, r.dir)
	for _, line := range strings.Split(before, "\n") {
		if !strings.Contains(after, line) {
			t.Errorf("changed: %s\nnow\n%s", line, after)
		}
	}
	if strings.Contains(after, ".pid") || strings.Contains(after, ".sock") {
		t.Errorf("left behind:\n%s", after)
	}
	if r.check(); contents(t, r.dir) != after {
		t.Errorf("the second run changed\n%s\nto\n%s", after, contents(t, r.dir))
	}
	if os.Geteuid() == 0 && len(report.find("nginx-not-running")) != 1 {
		t.Errorf("found\n%s", report.codes())
	}
}

// contents lists what is in dir; the time of the directory itself changes when a
// file comes and goes.
func contents(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, e.Name(), info.Mode(), info.Size(), info.ModTime())
	}
	return b.String()
}

func TestRealUpstreams(t *testing.T) {
	r := newRig(t)
	r.store("a", r.ca.leaf(fresh, "a.example.com"))
	l, err := net.Listen("unix", r.path("alive.sock"))
	r.must(err)
	defer l.Close()
	r.must(os.Chmod(r.path("alive.sock"), 0o666))
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: r.path("left.sock"), Net: "unix"})
	r.must(err)
	left.SetUnlinkOnClose(false)
	left.Close()
	pass := func(to string) string {
		return strings.Replace(r.site("a.example.com", "a", "default_server"), "return 204;", "location / { proxy_pass http://unix:"+r.path(to)+"; }", 1)
	}
	r.write(pass("alive.sock"))
	r.start()
	accepted := make(chan struct{}, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
			accepted <- struct{}{}
		}
	}()
	r.wants("alive", r.check())
	select {
	case <-accepted:
		t.Error("connected to a socket that the kernel knows to listen")
	default:
	}
	if os.Geteuid() == 0 {
		r.must(os.Chmod(r.path("alive.sock"), 0o600))
		r.wants("not for nginx", r.check(), "socket-perm")
	}
	r.write(pass("left.sock"))
	if f := r.check().find("upstream-dead"); len(f) != 1 || f[0].Severity != Critical {
		t.Errorf("left over: %+v", f)
	}
}

// What a run with 100 TLS sites costs: wall clock, and the processor time
// of this program and of the nginx -t that it starts.
func BenchmarkHundredSites(b *testing.B) {
	r := newRig(b)
	var conf strings.Builder
	for i := range 100 {
		name := fmt.Sprintf("site%d.example.com", i)
		r.store(name, r.ca.leaf(fresh, name, "www."+name))
		conf.WriteString(strings.Replace(r.site(name+" www."+name, name, ""), "return 204;",
			"location / { proxy_set_header Host $host; proxy_pass http://192.0.2.1; }", 1))
	}
	r.write(conf.String())
	r.start()
	env := r.env()
	b.ResetTimer()
	before := cpu(b)
	for range b.N {
		report := Run(context.Background(), env, Options{})
		if report.Checked.Handshakes != 200 || worst(report.Findings) > Notice && os.Geteuid() == 0 {
			b.Fatalf("%+v\n%s", report.Checked, report.codes())
		}
	}
	b.ReportMetric(float64((cpu(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseBuild(t *testing.T) {
	for _, tt := range []struct {
		name, out string
		want      Server
	}{
		{
			"debian", "nginx version: nginx/1.22.1\nbuilt with OpenSSL\nconfigure arguments: --with-cc-opt='-g -O2 --conf-path=/no' --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --error-log-path=stderr --pid-path=/run/nginx.pid\n",
			Server{Version: "1.22.1", Prefix: "/usr/share/nginx", Main: "/etc/nginx/nginx.conf", PidFile: "/run/nginx.pid"},
		},
		{
			"plain build", "nginx version: nginx/1.31.5 (custom)\nconfigure arguments:\n",
			Server{Version: "1.31.5", Prefix: "/usr/local/nginx", Main: "/usr/local/nginx/conf/nginx.conf", PidFile: "/usr/local/nginx/logs/nginx.pid", ErrorLog: "/usr/local/nginx/logs/error.log"},
		},
		{
			"openresty", "nginx version: openresty/1.21.4.1\nconfigure arguments: --prefix=/opt/or/nginx/ --user=www --group=web --error-log-path=/var/log/e.log\n",
			Server{Version: "1.21.4", Prefix: "/opt/or/nginx", Main: "/opt/or/nginx/conf/nginx.conf", PidFile: "/opt/or/nginx/logs/nginx.pid", ErrorLog: "/var/log/e.log"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := parseBuild(tt.out)
			must(t, err)
			got := b.server("/x")
			tt.want.Binary = "/x"
			if d := cmp.Diff(tt.want, *got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".proc" || p.Last().String() == ".build" }, cmp.Ignore())); d != "" {
				t.Error(d)
			}
		})
	}
	if _, err := parseBuild("bash: no such file\n"); err == nil {
		t.Error("accepted something that is not nginx")
	}
}

func TestParseTitle(t *testing.T) {
	for title, want := range map[string]arguments{
		"nginx: master process nginx":                                            {},
		"nginx: master process /usr/sbin/nginx -g daemon on; master_process on;": {directives: "daemon on; master_process on;"},
		"nginx: master process nginx -g daemon off; -c /a.conf -p /p -e stderr":  {directives: "daemon off;", main: "/a.conf", prefix: "/p"},
		"nginx: master process nginx -c/a.conf -p/p -q":                          {main: "/a.conf", prefix: "/p"},
		"nginx: master process nginx -g env A=-c; user x; -c rel/n.conf":         {directives: "env A=-c; user x;", main: "rel/n.conf"},
		"nginx: master process nginx -c":                                         {},
	} {
		if got := parseTitle(title); got != want {
			t.Errorf("%q: %+v, want %+v", title, got, want)
		}
	}
}

func TestServerPaths(t *testing.T) {
	s := Server{Prefix: "/usr/local/nginx", Main: "/usr/local/nginx/conf/nginx.conf", PidFile: "/run/nginx.pid", ErrorLog: "/usr/local/nginx/logs/error.log"}
	s.apply(arguments{prefix: "rel/"}, "/srv")
	want := Server{Prefix: "/srv/rel", Main: "/srv/rel/conf/nginx.conf", PidFile: "/run/nginx.pid", ErrorLog: "/srv/rel/logs/error.log"}
	if s.Prefix != want.Prefix || s.Main != want.Main || s.PidFile != want.PidFile || s.ErrorLog != want.ErrorLog {
		t.Errorf("got %+v", s)
	}
	s.apply(arguments{main: "my.conf"}, "/else")
	if s.Main != "/srv/rel/my.conf" {
		t.Errorf("a relative -c: %s", s.Main)
	}
}

// fakeProc is a process table in a directory.
type fakeProc struct {
	t *testing.T
	procfs
}

var booted = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newProc(t *testing.T) fakeProc {
	t.Helper()
	p := fakeProc{t, procfs{root: t.TempDir(), boot: func() (time.Time, error) { return booted, nil }}}
	p.add(1, 0, 0, "/sbin/init")
	must(t, os.Symlink("1", filepath.Join(p.root, "self")))
	return p
}

// add writes one process of this machine; ticks are its start.
func (p fakeProc) add(pid, parent, ticks int, title string) {
	p.t.Helper()
	must(p.t, os.MkdirAll(p.path(pid, "ns"), 0o755))
	put(p.t, p.path(pid, "stat"), fmt.Appendf(nil, "%d (ng) inx) S %d 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %d 1 2 3", pid, parent, ticks))
	put(p.t, p.path(pid, "cmdline"), []byte(strings.ReplaceAll(title, " ", "\x00")+"\x00\x00"))
	put(p.t, p.path(pid, "status"), []byte("Name:\tnginx\nUid:\t0\t33\t33\t33\nGid:\t0\t34\t34\t34\nGroups:\t34 50 \n"))
	must(p.t, os.Symlink("pid:[1]", p.path(pid, "ns", "pid")))
	must(p.t, os.Symlink("/", p.path(pid, "root")))
	must(p.t, os.Symlink("/usr/sbin/nginx", p.path(pid, "exe")))
	must(p.t, os.Symlink("/", p.path(pid, "cwd")))
}

func (p fakeProc) relink(pid int, name, to string) {
	p.t.Helper()
	must(p.t, os.Remove(p.path(pid, name)))
	must(p.t, os.Symlink(to, p.path(pid, name)))
}

func TestWorkersOfAMaster(t *testing.T) {
	p := newProc(t)
	p.add(10, 1, 100, "nginx: master process nginx")
	p.add(11, 10, 300, "nginx: worker process")
	p.add(12, 10, 250, "nginx: worker process is shutting down")
	p.add(13, 10, 300, "nginx: cache manager process")
	p.add(14, 10, 310, "nginx: master process nginx") // a worker that is not set up yet
	p.add(15, 1, 310, "nginx: worker process")        // another's
	p.add(16, 10, 290, "nginx: worker process")
	put(t, p.path(16, "stat"), []byte("16 (nginx) Z 10 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 290 1 2 3"))

	all, err := p.masters()
	must(t, err)
	if len(all) != 1 || all[0].PID != 10 {
		t.Fatalf("masters: %+v", all)
	}
	got, err := p.workers(10)
	must(t, err)
	id := Identity{UID: 33, GID: 34, Groups: []uint32{34, 50}}
	want := []Worker{
		{Process{12, 250, booted.Add(2500 * time.Millisecond), "nginx: worker process is shutting down"}, id, true},
		{Process{11, 300, booted.Add(3 * time.Second), "nginx: worker process"}, id, false},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if since, err := generation(got); err != nil || !since.Equal(booted.Add(3*time.Second)) {
		t.Errorf("generation: %v, %v", since, err)
	}
	if _, err := generation(got[:1]); !errors.Is(err, errNotRunning) {
		t.Errorf("only leaving workers: %v", err)
	}
}

func TestOnlyMastersOfThisMachine(t *testing.T) {
	p := newProc(t)
	p.add(20, 1, 1, "nginx: master process nginx -g daemon off;")
	p.relink(20, "ns/pid", "pid:[2]") // a container's
	p.add(21, 1, 1, "nginx: master process nginx")
	p.relink(21, "root", t.TempDir()) // a container that shares our pids
	p.add(22, 1, 1, "vi nginx: master process")
	p.add(23, 1, 1, "nginx: master process /usr/sbin/nginx")
	p.relink(23, "exe", "/usr/sbin/nginx (deleted)")
	all, err := p.masters()
	must(t, err)
	if len(all) != 1 || all[0].PID != 23 || all[0].exe != "/usr/sbin/nginx" {
		t.Fatalf("got %+v", all)
	}
}

func TestPickMaster(t *testing.T) {
	conf, other := filepath.Join(t.TempDir(), "a.conf"), filepath.Join(t.TempDir(), "b.conf")
	put(t, conf, nil)
	put(t, other, nil)
	pidFile := filepath.Join(t.TempDir(), "pid")
	built := build{version: "1.2.3", options: map[string]string{"conf-path": conf, "pid-path": pidFile}}
	p := newProc(t)
	s := built.server("/usr/sbin/nginx")
	s.proc, s.build = p.procfs, built

	if _, err := s.master(); !errors.Is(err, errNotRunning) {
		t.Errorf("nothing runs: %v", err)
	}
	p.add(30, 1, 1, "nginx: master process nginx -c "+other)
	if _, err := s.master(); !errors.Is(err, errNotRunning) {
		t.Errorf("another configuration runs: %v", err)
	}
	p.add(31, 1, 1, "nginx: master process nginx")
	if m, err := s.master(); err != nil || m.PID != 31 {
		t.Errorf("got %+v, %v", m, err)
	}
	p.add(32, 1, 1, "nginx: master process nginx -c "+conf)
	var several *severalMasters
	if _, err := s.master(); !errors.As(err, &several) || len(several.Masters) != 2 {
		t.Errorf("two could be meant: %v", err)
	}
	put(t, pidFile, []byte("32\n"))
	if m, err := s.master(); err != nil || m.PID != 32 {
		t.Errorf("got %+v, %v", m, err)
	}
	put(t, pidFile, []byte("1\n")) // stale: init now
	if _, err := s.master(); !errors.As(err, &several) {
		t.Errorf("a stale pid file: %v", err)
	}
}

func TestOpenFindsTheRunningOne(t *testing.T) {
	n := start(t)
	if n.server.Version == "" || n.server.Binary != "/usr/sbin/nginx" || n.server.Prefix != n.dir {
		t.Errorf("got %+v", n.server)
	}
	if _, err := Open(soon(t), Options{Binary: "/bin/true"}); err == nil {
		t.Error("took /bin/true for nginx")
	}
	if _, err := Open(soon(t), Options{Binary: n.path("none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a binary that is not there: %v", err)
	}
}

func TestParseStatRejects(t *testing.T) {
	for _, raw := range []string{"", "1 (x", "1 (x) S 1", "1 (x) S a " + strings.Repeat("1 ", 20)} {
		if _, _, _, err := parseStat(raw); err == nil {
			t.Errorf("%q accepted", raw)
		}
	}
	if _, err := parseIdentity("Uid:\t0\t0\t0\t0\n"); err == nil {
		t.Error("an identity without a group")
	}
}

func TestConfinement(t *testing.T) {
	for _, tt := range []struct {
		label              string
		selinux, enforcing bool
		want               confinement
	}{
		{"system_u:system_r:httpd_t:s0", true, true, confinement{"SELinux", "httpd_t", true}},
		{"system_u:system_r:httpd_t:s0", true, false, confinement{"SELinux", "httpd_t", false}},
		{"u:r:unconfined_service_t:s0-s0:c0.c1", true, true, confinement{}},
		{"/usr/sbin/nginx (enforce)", false, false, confinement{"AppArmor", "/usr/sbin/nginx", true}},
		{"nginx (complain)", false, false, confinement{"AppArmor", "nginx", false}},
		{"unconfined", false, false, confinement{}},
		{"", false, false, confinement{}},
	} {
		got := confinementOf(tt.label, tt.selinux, tt.enforcing)
		if got != tt.want || (got.Warning() != "") != tt.want.Enforce {
			t.Errorf("%q: %+v, warning %q", tt.label, got, got.Warning())
		}
	}
}

func TestWaitBound(t *testing.T) {
	b := WaitBound(2, 768, 1024, 4096, time.Minute)
	if b.Requests != 768 || !b.Fits(300, 2400*time.Millisecond) || b.Fits(500, 2400*time.Millisecond) || b.Fits(1, time.Minute) {
		t.Errorf("got %+v", b)
	}
	contains(t, b.String(), "at most 768 requests can wait (2 workers × 768 worker_connections / 2), each at most 1m (proxy_read_timeout)")
	if b.Longest(500) != 1536*time.Millisecond || b.Longest(1) != time.Minute {
		t.Errorf("longest waits %v and %v", b.Longest(500), b.Longest(1))
	}
	b = WaitBound(2, 4096, 1024, 4096, time.Minute)
	contains(t, b.String(), "at most 1024 requests can wait (2 workers × 1024 open files / 2)")
	if b.Raise != "worker_rlimit_nofile" {
		t.Errorf("got %+v", b)
	}
	if b := WaitBound(8, 4096, 0, 128, time.Minute); b.Requests != 128 || b.By != "net.core.somaxconn" {
		t.Errorf("got %+v", b)
	}
}

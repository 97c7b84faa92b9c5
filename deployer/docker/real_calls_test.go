//go:build integration

package docker

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/docker/volume"
)

func TestRealServing(t *testing.T) {
	c, ctx := daemon(t)
	docker(t, "network", "create", "front")
	docker(t, "run", "-d", "--name", "loop", "-p", "127.0.0.1:18080:8080", "app:v1")
	docker(t, "run", "-d", "--name", "all", "-p", "18081:8080", "--network", "front", "app:v1")
	docker(t, "run", "-d", "--name", "hidden", "app:v1")
	docker(t, "run", "-d", "--name", "stopped", "app:v1")
	docker(t, "kill", "stopped")
	hidden, err := c.Inspect(ctx, "hidden")
	if err != nil {
		t.Fatal(err)
	}
	gateway := hidden.Networks[0].Gateway.String()
	for _, tt := range []struct {
		addr string
		want string // container:port by
	}{
		{"127.0.0.1:18080", "loop:8080 published"},
		{"0.0.0.0:18080", "loop:8080 published"},
		{gateway + ":18080", ""},
		{"127.0.0.1:18081", "all:8080 published"},
		{gateway + ":18081", "all:8080 published"},
		{"192.0.2.1:18081", ""}, // another machine
		{"127.0.0.1:8080", ""},
		{hidden.Networks[0].IPv4.String() + ":8080", "hidden:8080 address"},
	} {
		found, err := c.Serving(ctx, netip.MustParseAddrPort(tt.addr))
		if doubt := new(locate.Doubt); err != nil && !errors.As(err, &doubt) {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.Container.Name+":8080 "+f.By)
			if f.Port != 8080 {
				t.Errorf("%s: port %d", tt.addr, f.Port)
			}
		}
		if strings.Join(got, ",") != tt.want {
			t.Errorf("%s: %q, want %q", tt.addr, got, tt.want)
		}
	}
	if d := hidden.Destinations(8080); len(d) != 1 || d[0].Addr() != hidden.Networks[0].IPv4 || hidden.SandboxKey == "" {
		t.Errorf("destinations %v, sandbox %q", d, hidden.SandboxKey)
	}
	docker(t, "run", "-d", "--name", "joined", "--network", "container:hidden", "-e", "PORT=9090", "app:v1")
	joined, err := c.Inspect(ctx, "joined")
	if err != nil || joined.SandboxKey != hidden.SandboxKey || len(joined.Networks) != 1 {
		t.Errorf("joined: %v %+v", err, joined.Networks)
	}
	a, err := c.Adopt(ctx, "hidden", adoptable.Served{Port: 8080, At: []netip.AddrPort{{}}})
	if err != nil || !slices.Contains(a.StopFirst, "its network namespace is shared by joined") {
		t.Errorf("%v %q", err, a.StopFirst)
	}
}

func TestRealAdoptRefuses(t *testing.T) {
	c, ctx := daemon(t)
	adopt := func(name string) []string {
		a, err := c.Adopt(ctx, name, adoptable.Served{Port: 8080, At: []netip.AddrPort{{}}})
		if err != nil {
			t.Fatal(err)
		}
		var codes []string
		for _, r := range a.Refusals {
			codes = append(codes, r.Code)
			t.Log(r.Text)
		}
		return codes
	}
	docker(t, "run", "-d", "--name", "clean", "--init", "-v", "/deep/er/volume", "--tmpfs", "/scratch", "app:v1")
	if got := adopt("clean"); len(got) > 0 {
		t.Errorf("a fresh container: %v, changes: %s", got, docker(t, "diff", "clean"))
	}
	docker(t, "exec", "clean", "/app", "touch", "/tmp/a", "/deep/er/volume/data", "/srv/gone")
	docker(t, "exec", "clean", "/app", "rm", "/srv/gone")
	docker(t, "exec", "clean", "/app", "mkdir", "/srv/empty")
	if got := adopt("clean"); len(got) > 0 {
		t.Errorf("only scratch and directories: %v, changes: %s", got, docker(t, "diff", "clean"))
	}
	docker(t, "exec", "clean", "/app", "touch", "/srv/data")
	if got := adopt("clean"); !slices.Equal(got, []string{adoptable.CodeWritableLayer}) {
		t.Errorf("data: %v", got)
	}
	docker(t, "run", "-d", "--name", "rm", "--rm", "-v", "/data", "app:v1")
	if got := adopt("rm"); !slices.Equal(got, []string{adoptable.CodeRmVolumes}) {
		t.Errorf("rm: %v", got)
	}
	image(t, "doomed:v1", "ENV X=1")
	docker(t, "run", "-d", "--name", "orphan", "doomed:v1")
	docker(t, "rmi", "-f", "doomed:v1")
	if got := adopt("orphan"); len(got) > 0 && !slices.Equal(got, []string{"image-gone"}) {
		t.Errorf("orphan: %v", got)
	}
}

func TestRealLifecycle(t *testing.T) {
	c, ctx := daemon(t)
	docker(t, "run", "-d", "--name", "old", "--restart", "always", "-v", "/data", "app:v1")
	if err := c.SetRestart(ctx, "old", "no"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetRestart(ctx, "old", "on-failure:4"); err != nil {
		t.Fatal(err)
	}
	if ct, err := c.Inspect(ctx, "old"); err != nil || ct.RestartPolicy != "on-failure:4" {
		t.Errorf("%v %q", err, ct.RestartPolicy)
	}
	if err := errors.Join(c.SetRestart(ctx, "old", "no"), c.Pause(ctx, "old")); err != nil {
		t.Fatal(err)
	}
	if ct, err := c.Inspect(ctx, "old"); err != nil || ct.Status != "paused" || !ct.Running {
		t.Errorf("%v %q", err, ct.Status)
	}
	if err := c.Unpause(ctx, "old"); err != nil {
		t.Fatal(err)
	}
	code := make(chan int, 1)
	go func() {
		n, err := c.Wait(ctx, "old")
		if err != nil {
			n = -1
		}
		code <- n
	}()
	if err := c.Stop(ctx, "old"); err != nil {
		t.Fatal(err)
	}
	if n := <-code; n != 15 {
		t.Errorf("wait said %d", n)
	}
	if n, err := c.Wait(ctx, "old"); err != nil || n != 15 {
		t.Errorf("wait for a stopped container: %d %v", n, err)
	}
	if err := errors.Join(c.Start(ctx, "old"), c.Start(ctx, "old")); err != nil {
		t.Fatal(err)
	}
	docker(t, "kill", "--signal", "USR1", "old")
	if n, err := c.Wait(ctx, "old"); err != nil || n != 10 {
		t.Errorf("killed: %d %v", n, err)
	}
	list, err := c.List(ctx, map[string]string{"vendor": "one", "kind": ""}, true)
	if err != nil || len(list) != 1 || list[0].Name != "old" || list[0].ExitCode != 10 {
		t.Errorf("list %v %v", list, err)
	}
	volumes := docker(t, "volume", "ls", "-q")
	if err := c.Remove(ctx, "old"); err != nil {
		t.Fatal(err)
	}
	if got := docker(t, "volume", "ls", "-q"); got != volumes || got == "" {
		t.Errorf("volumes %q, were %q", got, volumes)
	}
	for name, err := range map[string]error{
		"start": c.Start(ctx, "old"), "stop": c.Stop(ctx, "old"), "remove": c.Remove(ctx, "old"),
		"inspect": second(c.Inspect(ctx, "old")), "image": second(c.Image(ctx, "nothing:here")),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRealExec(t *testing.T) {
	c, ctx := daemon(t)
	docker(t, "run", "-d", "--name", "old", "-u", "1000", "-w", "/tmp", "-e", "A=1", "--health-cmd", "say hello; exit 3", "app:v1")
	ct, err := c.Inspect(ctx, "old")
	if err != nil {
		t.Fatal(err)
	}
	if code, out, err := c.Exec(ctx, "old", ct.Healthcheck.Command); err != nil || code != 3 || out != "hello\n" {
		t.Errorf("health check: %d %q %v", code, out, err)
	}
	if code, out, err := c.Exec(ctx, "old", []string{"/app", "pwd"}); err != nil || code != 0 || !strings.HasPrefix(out, "/tmp ") {
		t.Errorf("pwd: %d %q %v", code, out, err)
	}
	if code, out, err := c.Exec(ctx, "old", []string{"/app", "say", strings.Repeat("x", 9000)}); err != nil || code != 0 || len(out) > 4200 {
		t.Errorf("long output: %d %d %v", code, len(out), err)
	}
	if code, out, err := c.Exec(ctx, "old", []string{"/nothing"}); err == nil && code == 0 {
		t.Errorf("no such program: %d %q %v", code, out, err)
	} else {
		t.Log(code, out, err)
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, _, err := c.Exec(short, "old", []string{"/app", "sleep", "60"}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 30*time.Second {
		t.Errorf("hanging command: %v after %s", err, time.Since(start))
	}
	until(t, "the hanging command is gone", func() bool { return !strings.Contains(docker(t, "top", "old"), "sleep 60") })
}

func TestRealLogs(t *testing.T) {
	c, ctx := daemon(t)
	docker(t, "run", "-d", "--name", "old", "app:v1", "lines", "20")
	read := func(name string, since time.Time) (string, string) {
		t.Helper()
		var out, errs bytes.Buffer
		if err := c.Logs(ctx, name, since, false, &out, &errs); err != nil {
			t.Fatal(err)
		}
		return out.String(), errs.String()
	}
	until(t, "20 lines and one more", func() bool {
		out, errs := read("old", time.Time{})
		return strings.Count(out+errs, "line ") == 20 && strings.Contains(out, "args ")
	})
	out, errs := read("old", time.Time{})
	lines := strings.SplitAfter(out, "\n")
	if len(lines) != 12 || strings.Count(errs, "\n") != 10 || !strings.HasSuffix(lines[1], " line 2\n") {
		t.Errorf("stdout %q stderr %q", out, errs)
	}
	at, err := time.Parse(time.RFC3339Nano, lines[4][:timeLength([]byte(lines[4]))-1])
	if err != nil {
		t.Fatal(err)
	}
	rest, _ := read("old", at.Add(1))
	if rest != strings.Join(lines[5:], "") {
		t.Errorf("resumed %q, want %q", rest, lines[5:])
	}
	if tail, err := c.Tail(ctx, "old", 3); err != nil || strings.Count(tail, "\n") != 3 || strings.Contains(tail, "Z ") {
		t.Errorf("tail %q %v", tail, err)
	}
	followed := make(chan string, 1)
	go func() {
		var out bytes.Buffer
		if err := c.Logs(ctx, "old", time.Time{}, true, &out, nil); err != nil {
			out.WriteString(err.Error())
		}
		followed <- out.String()
	}()
	docker(t, "kill", "old")
	if got := <-followed; got != out {
		t.Errorf("followed %q, want %q", got, out)
	}
	docker(t, "run", "-d", "--name", "long", "app:v1", "long", "100000")
	want := strings.Repeat("0123456789", 10000) + "\n"
	until(t, "the long line", func() bool { out, _ := read("long", time.Time{}); return strings.Contains(out, "args") })
	if out, _ := read("long", time.Time{}); !strings.Contains(out[timeLength([]byte(out)):], want) {
		t.Error("the long line is cut or holds a time")
	}
	docker(t, "run", "-d", "-t", "--name", "tty", "app:v1", "lines", "2")
	until(t, "terminal output", func() bool { out, _ := read("tty", time.Time{}); return strings.Contains(out, "args") })
	if tail, err := c.Tail(ctx, "tty", 10); err != nil || !strings.HasPrefix(tail, "line 0\r\nline 1\r\n") {
		t.Errorf("terminal: %q %v", tail, err)
	}
	docker(t, "run", "-d", "--name", "none", "--log-driver", "none", "app:v1")
	if _, err := c.Tail(ctx, "none", 10); !errors.Is(err, ErrNoLogs) {
		t.Errorf("driver none: %v", err)
	}
}

// The init program goes in front of what the image would run.
func TestRealInit(t *testing.T) {
	c, ctx := daemon(t)
	dir := t.TempDir() + "/app:blue"
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(dir+"/token", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{
		"plain":    {"app:v1"},
		"readonly": {"--read-only", "--init", "app:v1", "serve", "an argument"},
		"shell":    {"--entrypoint", "/bin/sh", "app:v1", "-c", "serve"},
	} {
		t.Run(name, func(t *testing.T) {
			defer tryDocker("rm", "-f", "old", "new")
			docker(t, append([]string{"run", "-d", "--name", "old"}, flags...)...)
			a, err := c.Adopt(ctx, "old", adoptable.Served{Port: 8080, At: []netip.AddrPort{{}}})
			if err != nil {
				t.Fatal(err)
			}
			id, err := c.Create(ctx, Spec{Name: "new", ImageID: a.Container.ImageID, Settings: a.Settings, Init: &InitSpec{Program: self, Dir: dir, Args: []string{"x"}}})
			if err == nil {
				err = c.Start(ctx, id)
			}
			if err != nil {
				t.Fatal(err)
			}
			was := docker(t, "logs", "old")
			var is string
			until(t, "the app behind the init", func() bool { is = docker(t, "logs", "new"); return strings.Contains(is, "args") })
			if !strings.HasSuffix(is, was) || !strings.HasPrefix(is, "init pid ") {
				t.Errorf("without init %q, with %q", was, is)
			}
		})
	}
}

// A newer image's VOLUME is kept for the release after it.
func TestRealKeepVolumes(t *testing.T) {
	c, ctx := daemon(t)
	image(t, "volume:v2", "VOLUME /declared")
	docker(t, "run", "-d", "--name", "old", "app:v1")
	a, err := c.Adopt(ctx, "old", adoptable.Served{Port: 8080, At: []netip.AddrPort{{}}})
	if err != nil {
		t.Fatal(err)
	}
	v2, err := c.Image(ctx, "volume:v2")
	if err != nil {
		t.Fatal(err)
	}
	var kept string
	settings := a.Settings
	for _, name := range []string{"two", "three"} {
		id, err := c.Create(ctx, Spec{Name: name, ImageID: v2.ID, Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		in := inspected(t, id)
		if kept != "" && in.Mounts[0].Name != kept {
			t.Errorf("%s has the volume %s, want %s", name, in.Mounts[0].Name, kept)
		}
		kept = in.Mounts[0].Name
		ct, err := c.Inspect(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		var added []definition.Volume
		if settings, added, err = volume.Keep(settings, ct); err != nil || (name == "two") != (len(added) == 1) {
			t.Errorf("%s: %v %v", name, added, err)
		}
	}
}

// The daemon goes away and comes back under an open client.
func TestRealDaemonRestart(t *testing.T) {
	c, ctx := daemon(t)
	systemctl := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
			t.Fatalf("systemctl %v: %v: %s", args, err, out)
		}
	}
	systemctl("stop", "docker.socket", "docker.service")
	_, err := c.Inspect(ctx, "old")
	_, openErr := Open(ctx)
	systemctl("reset-failed", "docker.socket", "docker.service")
	systemctl("start", "docker.socket", "docker.service")
	if !errors.Is(err, ErrUnreachable) || !errors.Is(openErr, ErrUnreachable) {
		t.Errorf("daemon down: %v; %v", err, openErr)
	}
	t.Log(err)
	if _, err := c.Inspect(ctx, "old"); !errors.Is(err, ErrNotFound) {
		t.Errorf("daemon back: %v", err)
	}
}

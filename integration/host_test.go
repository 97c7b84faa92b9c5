//go:build integration

package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

const plainSite = `upstream my_app {
    server 127.0.0.1:8080;
}
server {
    listen 80 default_server;
    client_max_body_size 100m;
    location / {
        proxy_pass http://my_app;
        proxy_set_header Host $host;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $http_connection;
    }
}
`

// plainApp is where every user starts: a hand-written site before a container
// with a published port. It returns when the site answers.
func plainApp(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	if err := h.BuildImages(ctx, host.Image{Tag: "myapp:v1"}, host.Image{Tag: "myapp:v2"}); err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "docker", "run", "--detach", "--name", "myapp", "--restart", "always", "--publish", "127.0.0.1:8080:8080", "myapp:v1")
	site(ctx, t, h, "myapp", plainSite)
	eventually(ctx, t, time.Minute, "the site answers", func() bool {
		_, err := h.Run(ctx, "curl", "-sf", "http://127.0.0.1/health")
		return err == nil
	})
}

// The parts are what they claim to be: a request passes nginx, Docker's
// published port and the app, unchanged where nothing should change it.
func TestHostServes(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		plainApp(ctx, t, h)
		var got struct{ Version, URI, Head string }
		if err := json.Unmarshal([]byte(must(ctx, t, h, "curl", "-s", "-H", "X-b: 1", "-H", "x-A: 2", "http://127.0.0.1/a%2Fb?q=1")), &got); err != nil {
			t.Fatal(err)
		}
		if got.Version != "v1" || got.URI != "/a%2Fb?q=1" || !strings.Contains(got.Head, "\r\nX-b: 1\r\nx-A: 2\r\n") {
			t.Errorf("the app saw %+v", got)
		}
		if state := must(ctx, t, h, "systemctl", "is-system-running"); state != "running" {
			t.Errorf("systemd says %s", state)
		}
	})
}

// The load client is the judge of every claim about lost requests: it has to
// stay at zero when nothing happens, and has to notice a plain docker restart.
func TestLoadSeesDrops(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		plainApp(ctx, t, h)
		o := load.Options{URL: "http://127.0.0.1/", Rate: 100, PostBytes: 20000, Websockets: 2, Downloads: 1, DownloadDrip: 10 * time.Millisecond}
		calm, err := h.LoadFor(ctx, 4*time.Second, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("calm: %v", calm)
		if calm.Broken() != 0 || calm.Requests < 150 || calm.Messages == 0 || calm.Downloads == 0 {
			t.Errorf("without a disturbance: %v", calm)
		}
		l, err := h.StartLoad(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		must(ctx, t, h, "sleep", "0.5")
		must(ctx, t, h, "docker", "restart", "myapp")
		must(ctx, t, h, "sleep", "0.5")
		rough, err := l.Stop()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("docker restart: %v", rough)
		if rough.Failed == 0 || rough.SessionsBroken == 0 || len(rough.Errors) == 0 {
			t.Errorf("docker restart went unnoticed: %v", rough)
		}
	})
}

// A power cut stops everything at once and keeps the disk; the host comes back
// by itself with the containers that Docker is to restart.
func TestHostPowerCut(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		plainApp(ctx, t, h)
		must(ctx, t, h, "sh", "-c", "echo kept >/var/lib/kept && sync /var/lib/kept")
		if err := h.PowerCut(ctx); err != nil {
			t.Fatal(err)
		}
		if h.Running() {
			t.Fatal("still running after the power cut")
		}
		if err := h.Boot(ctx); err != nil {
			t.Fatal(err)
		}
		if got := must(ctx, t, h, "cat", "/var/lib/kept"); got != "kept" {
			t.Errorf("file after the power cut: %q", got)
		}
		eventually(ctx, t, time.Minute, "the container is back", func() bool {
			_, err := h.Run(ctx, "curl", "-sf", "http://127.0.0.1/health")
			return err == nil
		})
	})
}

const orphanEnv = "EDGEMAN_TEST_ORPHAN"

// becomeOrphan is what a killed test run looks like from outside: it boots a
// host, says its name and waits to be killed.
func becomeOrphan() {
	h, err := host.Up(context.Background(), host.Options{Release: os.Getenv(orphanEnv)})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(h.Name)
	select {}
}

// However a test run ends, its hosts die with it and the next run removes them.
func TestHostDiesWithItsOwner(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), orphanEnv+"="+releases()[0])
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	name, err := bufio.NewReader(out).ReadString('\n')
	name = strings.TrimSpace(name)
	if err != nil || strings.HasPrefix(name, "error") {
		t.Fatalf("%v %s", err, name)
	}
	h, err := host.Attach(name)
	if err != nil || !h.Running() {
		t.Fatalf("host %s: running %v, %v", name, err == nil && h.Running(), err)
	}
	if err := host.Sweep(os.Stderr); err != nil || !h.Running() {
		t.Fatalf("a sweep took down a host that has an owner: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	eventually(ctx, t, time.Minute, "the host died with its owner", func() bool { return !h.Running() })
	if err := host.Sweep(os.Stderr); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Attach(name); err == nil {
		t.Errorf("host %s is still there after a sweep", name)
	}
}

//go:build integration

package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"edgeman/integration/host"
)

// variant is one way in which an image or its container can differ.
type variant struct {
	name  string
	flags []string // of docker run
	image string   // more Dockerfile lines; empty: goapp:v1
	args  []string // of docker run, behind the image
	self  self     // what the app says of itself
}

var variants = []variant{
	{name: "user", flags: []string{"--user", "1000:1000"}, self: self{Args: []string{"/app"}, UID: 1000}},
	{name: "read-only", flags: []string{"--read-only"}, self: self{Args: []string{"/app"}}},
	{name: "no-rights", flags: []string{"--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "65534"}, self: self{Args: []string{"/app"}, UID: 65534}},
	{name: "init", flags: []string{"--init"}, self: self{Args: []string{"/app"}}},
	{name: "spaces", args: []string{"two words", "", `qu"o'te`}, self: self{Args: []string{"/app", "two words", "", `qu"o'te`}}},
	{
		name:  "entrypoint-and-command",
		image: "ENTRYPOINT [\"/app\", \"--an option\"]\nCMD [\"a default\"]\n",
		self:  self{Args: []string{"/app", "--an option", "a default"}},
	},
	{name: "no-entrypoint", image: "ENTRYPOINT []\nCMD [\"/app\", \"-c\"]\n", self: self{Args: []string{"/app", "-c"}}},
	{name: "in-path", image: "COPY gohttp /bin/app\nWORKDIR /bin\nENTRYPOINT [\"app\"]\n", self: self{Args: []string{"app"}}},
	{
		name:  "shell-script",
		image: "ADD shell.tar /\nCOPY start /start\nENTRYPOINT [\"/start\"]\n",
		args:  []string{"an argument"},
		self:  self{Args: []string{"/app", "an argument", "set by the script"}},
	},
}

// However an image is made and a container started, the app finds its
// arguments, its user and the listener.
func TestNativeImages(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		goImages(ctx, t, h)
		shell(ctx, t, h)
		for i, v := range variants {
			t.Run(v.name, func(t *testing.T) { nativeVariant(ctx, t, h, 8081+i, v) })
		}
		t.Run("no-network", func(t *testing.T) { nativeAlone(ctx, t, h) })
		t.Run("healthcheck", func(t *testing.T) { nativeHealthcheck(ctx, t, h) })
		t.Run("listens by itself", func(t *testing.T) { nativeIgnored(ctx, t, h) })
	})
}

func nativeVariant(ctx context.Context, t *testing.T, h *host.Host, port int, v variant) {
	image := "goapp:v1"
	if v.image != "" {
		image = "variant:" + v.name
		goImage(ctx, t, h, image, "FROM goapp:v1\n"+v.image)
	}
	args := []string{"docker", "run", "--detach", "--name", v.name, "--publish", fmt.Sprintf("127.0.0.1:%d:8080", port)}
	must(ctx, t, h, slices.Concat(args, v.flags, []string{image}, v.args)...)
	url := takeOver(ctx, t, h, v.name, port)
	got := askSelf(ctx, t, h, url)
	if !slices.Equal(got.Args, v.self.Args) || got.UID != v.self.UID || len(got.FDs) != 4 {
		t.Errorf("the app says of itself %+v, want %+v", got, v.self)
	}
	must(ctx, t, h, "edgeman", "restart", v.name)
	answers(ctx, t, h, url)
}

// takeOver adopts the container behind port into native mode and returns its URL.
func takeOver(ctx context.Context, t *testing.T, h *host.Host, name string, port int, flags ...string) string {
	t.Helper()
	url := fmt.Sprintf("http://127.0.0.1:%d/", port+1000)
	site(ctx, t, h, name, fmt.Sprintf("server {\n    listen 127.0.0.1:%d;\n    location / {\n        proxy_pass http://127.0.0.1:%d;\n    }\n}\n", port+1000, port))
	if !slices.Contains(flags, "--container") {
		answers(ctx, t, h, url)
	}
	must(ctx, t, h, slices.Concat([]string{"edgeman", "adopt", "/etc/nginx/sites-available/" + name, "--mode", "native", "--yes", "--name", name}, flags)...)
	answers(ctx, t, h, url)
	return url
}

// Where Docker maps the containers' root to another user of the host, that one
// is handed the listener.
func TestNativeRemappedUsers(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := Up(ctx, t, releases()[0])
	if err := h.WriteFile(ctx, "/etc/docker/daemon.json", []byte(`{"userns-remap": "default"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "systemctl", "restart", "docker")
	Install(ctx, t, h)
	goImages(ctx, t, h)
	must(ctx, t, h, "docker", "run", "--detach", "--name", "remapped", "--publish", "127.0.0.1:8080:8080", "goapp:v1")
	takeOver(ctx, t, h, "remapped", 8080)
	must(ctx, t, h, "edgeman", "swap", "remapped", "v2")
	pid := must(ctx, t, h, "sh", "-c", "docker inspect --format '{{.State.Pid}}' $(docker ps --quiet)")
	if user := must(ctx, t, h, "stat", "--format", "%u", "/proc/"+pid); user == "0" {
		t.Error("the app runs as the host's root: nothing was mapped")
	}
}

// shell makes a root of the host's shell, for an image that begins with a
// script.
func shell(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	must(ctx, t, h, "sh", "-c", "tar -chf /opt/servers/shell.tar /bin/sh $(ldd /bin/sh | grep -o '/lib[^ ]*')")
	script := "#!/bin/sh\nset -e\nexec /app \"$@\" \"set by the script\"\n"
	if err := h.WriteFile(ctx, "/opt/servers/start", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// nativeAlone: an app without any network is reached through its descriptor.
func nativeAlone(ctx context.Context, t *testing.T, h *host.Host) {
	must(ctx, t, h, "docker", "run", "--detach", "--name", "alone", "--network", "none", "goapp:v1")
	takeOver(ctx, t, h, "alone", 8100, "--container", "alone", "--port", "8080")
	must(ctx, t, h, "edgeman", "swap", "alone", "v2")
}

// nativeHealthcheck: a check that asks localhost finds nobody there.
func nativeHealthcheck(ctx context.Context, t *testing.T, h *host.Host) {
	goImage(ctx, t, h, "checked:v1", "FROM goapp:v1\nHEALTHCHECK --interval=1s CMD [\"/app\", \"ask\", \"http://localhost:8080/health\"]\n")
	must(ctx, t, h, "docker", "run", "--detach", "--name", "checked", "--publish", "127.0.0.1:8101:8080", "checked:v1")
	takeOver(ctx, t, h, "checked", 8101)
	wantSaid(ctx, t, h, "the image's health check asks localhost, where nothing listens in native mode; asking the slot's socket instead")
}

// nativeIgnored: an image that knows nothing of passed descriptors is told
// apart from one that is slow.
func nativeIgnored(ctx context.Context, t *testing.T, h *host.Host) {
	if err := h.BuildImages(ctx, host.Image{Tag: "ignores:v1"}); err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "docker", "run", "--detach", "--name", "ignores", "--publish", "127.0.0.1:8102:8080", "ignores:v1")
	site(ctx, t, h, "ignores", "server {\n    listen 127.0.0.1:9102;\n    location / {\n        proxy_pass http://127.0.0.1:8102;\n    }\n}\n")
	answers(ctx, t, h, "http://127.0.0.1:9102/")
	code, out := run(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/ignores", "--mode", "native", "--yes", "--timeout", "20s")
	if want := "the container listens on 8080 by itself and never accepted from fd 3: use mode proxy"; code != 1 || !contains(out, want) {
		t.Errorf("exit %d, want 1 and %q\n%s", code, want, out)
	}
	answers(ctx, t, h, "http://127.0.0.1:9102/")
}

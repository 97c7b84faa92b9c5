//go:build integration

package integration

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
)

const site80 = "/etc/nginx/sites-available/myapp"

const composeFile = `services:
  web:
    image: myapp:v1
    restart: always
    ports: ["127.0.0.1:8080:8080"]
`

// Whoever deploys with Compose after adopt starts the container from before beside
// the app, on a port where nginx asks no more. status and check say so, with the
// command that deploys what Compose has started.
func TestComposeStartsTheOriginal(t *testing.T) {
	t.Parallel()
	for _, release := range releases() {
		if release == "bullseye" {
			continue // its Compose is bookworm's
		}
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			h := Up(ctx, t, release, "docker-compose")
			Install(ctx, t, h)
			composeStartsTheOriginal(ctx, t, h)
		})
	}
}

func composeStartsTheOriginal(ctx context.Context, t *testing.T, h *host.Host) {
	for _, v := range []string{"v1", "v2"} {
		if err := h.BuildImages(ctx, host.Image{Tag: "myapp:" + v, Env: map[string]string{"ECHO_VERSION": v}}); err != nil {
			t.Fatal(err)
		}
	}
	must(ctx, t, h, "mkdir", "-p", "/srv/app")
	if err := h.WriteFile(ctx, "/srv/app/docker-compose.yml", []byte(composeFile), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", composeUp(ctx, t, h))
	site(ctx, t, h, "myapp", plainSite)
	answers(ctx, t, h, "http://127.0.0.1/")
	must(ctx, t, h, "edgeman", "adopt", site80, "--yes", "--health", "/health")
	name := statusOf(ctx, t, h).Apps[0].Name
	clients := startLoads(ctx, t, h, 60)

	must(ctx, t, h, "sed", "-i", "s/myapp:v1/myapp:v2/", "/srv/app/docker-compose.yml")
	t.Logf("%s", composeUp(ctx, t, h))
	problems := statusOf(ctx, t, h).Apps[0].Problems
	if len(problems) != 1 || !contains(problems[0].Text, "(myapp:v2, service web of project app) again, to which nothing leads: visitors stay on myapp:v1, release 1") {
		t.Fatalf("status says %+v", problems)
	}
	if code, out := run(ctx, t, h, "edgeman", "check"); code != 2 || !contains(out, "CRIT  compose-original-running") {
		t.Errorf("check (exit %d) says\n%s", code, out)
	}
	next := problems[0].Next
	if !strings.HasPrefix(next, "edgeman swap "+name+" myapp:v2 && ") {
		t.Errorf("next: %s", next)
	}
	must(ctx, t, h, "sh", "-c", next)
	eventually(ctx, t, 20*time.Second, "nothing is left to say", func() bool { return len(statusOf(ctx, t, h).Apps[0].Problems) == 0 })
	if got := siteSays(ctx, t, h); !contains(got, `"version":"v2"`) {
		t.Errorf("the site says %s", got)
	}
	r := clients.stop(ctx, t, 1000)
	t.Logf("%d requests, %d failed, versions %v", r.Requests, r.Failed, r.Versions)
	if r.Failed > 0 || r.Versions["v1"] == 0 || r.Versions["v2"] == 0 {
		t.Errorf("%d failed: %q, answers by version %v", r.Failed, r.Errors, r.Versions)
	}
}

const composeOfAll = `services:
  db:
    image: myapp:v1
  web:
    image: myapp:${TAG}
    restart: always
    depends_on: [db]
    ports: ["127.0.0.1:8080:8080", "127.0.0.1:9090:9090"]
    environment:
      PASSWORD: "x$$y${PW}"
      B: 1
    labels: {team: red}
    volumes: ["data:/data", "./conf:/conf:ro", "/anon"]
    networks: {front: {aliases: [shop]}, default: {}}
    configs: [c]
    deploy: {resources: {limits: {pids: 100}}}
    ulimits: {nofile: 4096}
    extra_hosts: ["a:1.2.3.4"]
    dns: [127.0.0.1]
    cap_drop: [NET_RAW]
    security_opt: ["no-new-privileges:true"]
    stop_grace_period: 3s
    hostname: shop
    tmpfs: [/tmp]
    logging: {driver: json-file, options: {max-size: 1m}}
configs: {c: {content: "hello"}}
networks: {front: {}}
volumes: {data: {}}
`

// Without an image, a swap deploys what the Compose file says now: nothing while that
// is what was adopted, then another tag, then another variable. The project's
// networks, volumes and other services are left alone.
func TestSwapOfWhatComposeSays(t *testing.T) {
	t.Parallel()
	for _, release := range releases() {
		if release == "bullseye" || release == "bookworm" {
			continue // Compose is version 1 there, which cannot say
		}
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			h := Up(ctx, t, release, "docker-compose")
			Install(ctx, t, h)
			swapOfWhatComposeSays(ctx, t, h)
		})
	}
}

func swapOfWhatComposeSays(ctx context.Context, t *testing.T, h *host.Host) {
	for _, v := range []string{"v1", "v2"} {
		if err := h.BuildImages(ctx, host.Image{Tag: "myapp:" + v, Env: map[string]string{"ECHO_VERSION": v}}); err != nil {
			t.Fatal(err)
		}
	}
	must(ctx, t, h, "mkdir", "-p", "/srv/app/conf")
	for file, text := range map[string]string{"docker-compose.yml": composeOfAll, ".env": "TAG=v1\nPW=secret\n"} {
		if err := h.WriteFile(ctx, "/srv/app/"+file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s", composeUp(ctx, t, h))
	site(ctx, t, h, "myapp", plainSite)
	answers(ctx, t, h, "http://127.0.0.1/")
	must(ctx, t, h, "edgeman", "adopt", site80, "--yes", "--name", "myapp", "--health", "/health")
	const project = "docker network ls --quiet --no-trunc; docker volume ls --quiet; docker inspect --format '{{.Id}} {{.State.StartedAt}}' app-db-1; docker ps --all --filter label=com.docker.compose.project --format '{{.Names}} {{.ID}}'"
	before := must(ctx, t, h, "sh", "-c", project)
	clients := startLoads(ctx, t, h, 60)
	swap := func(wants ...string) {
		t.Helper()
		out := must(ctx, t, h, "sh", "-c", "exec 2>&1; edgeman swap myapp")
		t.Logf("%s", out)
		for _, want := range wants {
			if !contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if contains(out, "secret") {
			t.Errorf("a value is told:\n%s", out)
		}
	}
	swap("service web of the Compose project app in /srv/app says myapp:v1", "nothing was changed")
	must(ctx, t, h, "sed", "-i", "s/TAG=v1/TAG=v2/", "/srv/app/.env")
	swap("says myapp:v2", "myapp: v1 → v2")
	swap("nothing was changed")
	must(ctx, t, h, "sed", "-i", "s/PW=secret/PW=secret2/", "/srv/app/.env")
	swap("unlike release 2", "has: environment variable PASSWORD", "(the same image)")
	slot := statusOf(ctx, t, h).Apps[0].Slots[slotOf(ctx, t, h)]
	got := must(ctx, t, h, "docker", "inspect", "--format", "{{.Config.Env}} {{json .HostConfig.PortBindings}} {{.Config.Hostname}}", slot.Container)
	for _, want := range []string{"PASSWORD=x$ysecret2", "9090", "shop"} {
		if !contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if contains(got, "8080/tcp") {
		t.Errorf("the adopted port is published again: %s", got)
	}
	if got := must(ctx, t, h, "docker", "cp", slot.Container+":/c", "-"); !contains(got, "hello") {
		t.Errorf("the config is not in %s", slot.Container)
	}
	r := clients.stop(ctx, t, 1000)
	t.Logf("%d requests, %d failed, versions %v", r.Requests, r.Failed, r.Versions)
	if r.Failed > 0 || r.Versions["v1"] == 0 || r.Versions["v2"] == 0 {
		t.Errorf("%d failed: %q, answers by version %v", r.Failed, r.Errors, r.Versions)
	}
	if after := must(ctx, t, h, "sh", "-c", project); after != before {
		t.Errorf("the project was\n%s\nand is\n%s", before, after)
	}
	must(ctx, t, h, "edgeman", "swap", "myapp", "v1")
	if out := must(ctx, t, h, "sh", "-c", "exec 2>&1; edgeman swap myapp v1"); !contains(out, "note: service web of the Compose project app in /srv/app still says myapp:v2, in /srv/app/docker-compose.yml") {
		t.Errorf("%s", out)
	}
	// With scale: 0 Compose starts nothing; it removes the container from before, which is made again.
	if err := h.WriteFile(ctx, "/srv/app/docker-compose.override.yml", []byte("services:\n  web:\n    scale: 0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := composeUp(ctx, t, h); contains(out, "app-web-1 myapp") {
		t.Errorf("Compose has started the container from before:\n%s", out)
	}
	if problems := statusOf(ctx, t, h).Apps[0].Problems; len(problems) > 0 {
		t.Errorf("status says %+v", problems)
	}
	must(ctx, t, h, "edgeman", "unadopt", "myapp", "--yes", "--to", "original")
	answers(ctx, t, h, "http://127.0.0.1/")
	must(ctx, t, h, "rm", "/srv/app/docker-compose.override.yml")
}

// Files of other people, of a directory that EDGEMAN_COMPOSE_FILES names: what
// edgeman makes of a file is what Compose makes of it, service by service.
func TestComposeFiles(t *testing.T) {
	dir := os.Getenv("EDGEMAN_COMPOSE_FILES")
	if dir == "" {
		t.Skip("EDGEMAN_COMPOSE_FILES names no directory of Compose files")
	}
	t.Parallel()
	for _, release := range releases() {
		if release == "bullseye" || release == "bookworm" {
			continue
		}
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			ctx := longContext(t)
			h := Up(ctx, t, release, "docker-compose")
			if err := h.BuildImages(ctx, host.Image{Tag: "standin:v1"}); err != nil {
				t.Fatal(err)
			}
			tool, err := host.Tool(ctx, "./integration/cmd/composed")
			if err == nil {
				err = h.Copy(ctx, tool, "/opt/composed")
			}
			files, tarErr := exec.CommandContext(ctx, "tar", "-C", dir, "-c", ".").Output()
			if err = errors.Join(err, tarErr, h.WriteFile(ctx, "/root/files.tar", files, 0o600)); err != nil {
				t.Fatal(err)
			}
			must(ctx, t, h, "sh", "-c", "mkdir /srv/files && tar -C /srv/files -xf /root/files.tar")
			out := must(ctx, t, h, "sh", "-c", `find /srv/files -type f \( -name '*compose*.yml' -o -name '*compose*.yaml' \) | sort | xargs /opt/composed standin:v1 2>&1`)
			counts := map[string]int{}
			for line := range strings.Lines(out) {
				what, _, _ := strings.Cut(line, "\t")
				counts[what]++
				if what != "same" {
					t.Log(strings.TrimSpace(line))
				}
			}
			t.Logf("%v", counts)
			if counts["differs"] > 0 || counts["same"] == 0 {
				t.Errorf("%v", counts)
			}
		})
	}
}

// composeUp is what its users type: the plugin's name where there is one.
func composeUp(ctx context.Context, t *testing.T, h *host.Host) string {
	t.Helper()
	return must(ctx, t, h, "sh", "-c", `cd /srv/app && c=$(docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose); $c version; $c up -d 2>&1; docker ps --format '{{.Names}} {{.Image}}'`)
}

package check

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/nginx"
	"edgeman/nginxconf"
)

func denies(nginx.Facts, string) error {
	return &nginx.AccessError{Socket: "/run/app.sock", Blocker: "/run/app.sock", Reason: "not writable"}
}

func allows(nginx.Facts, string) error { return nil }

// adopted is a healthy adopted app; upstream is put into its upstream block.
func adopted(w *world, upstream string) {
	const live, socket = "/var/lib/edgeman/apps/myapp/live", "/run/edgeman/myapp:blue/8080.sock"
	w.http("upstream my_app { server unix:" + live + "/8080.sock; " + upstream + " }\n" +
		"server { listen 80; server_name a.example.com; location / { proxy_pass http://my_app; } }")
	w.write(socket, "")
	w.link(filepath.Dir(socket), live)
	w.write("/proc/4711/net/unix", "Num RefCount Protocol Flags Type St Inode Path\n0000000000000000: 00000002 00000000 00010000 0001 01 1 "+socket+"\n")
	w.apps = []app{{
		Name: "myapp", Sites: []string{"/etc/nginx/nginx.conf"}, Live: live, LiveSlot: "myapp:blue", Strategy: "auto",
		Drain: time.Minute,
		Slots: []slot{{
			Name: "myapp:blue", Filled: true, SocketUnit: "edgeman@myapp:blue.socket", Service: "edgeman@myapp:blue.service", SocketDir: filepath.Dir(socket),
			Release: 3, Image: "myapp:v3", ImageID: "sha256:3", Containers: []string{"myapp-blue-3"}, Phase: "healthy", Since: base.Add(-time.Minute),
		}, {Name: "myapp:green", SocketUnit: "edgeman@myapp:green.socket", Service: "edgeman@myapp:green.service"}},
	}}
	w.units["edgeman@myapp:blue.socket"] = Unit{Active: "active", FileState: "enabled"}
	w.units["edgeman@myapp:blue.service"] = Unit{Active: "active", FileState: "enabled"}
	w.docker = []Container{{
		ID: "1", Name: "myapp-blue-3", Image: "myapp:v3", ImageID: "sha256:3", Running: true,
		Labels: map[string]string{"edgeman.app": "myapp", "edgeman.slot": "blue", "edgeman.release": "3"},
	}}
}

// healthy are near misses of every rule about apps.
func healthy(codes ...string) []scenario {
	var out []scenario
	for _, c := range codes {
		out = append(out, scenario{c, "a healthy app", 0, func(w *world, _ *ca) { adopted(w, "") }})
	}
	return out
}

func appCases() []scenario {
	changed := func(change func(w *world, a *app, s *slot)) func(*world, *ca) {
		return func(w *world, _ *ca) {
			adopted(w, "")
			change(w, &w.apps[0], &w.apps[0].Slots[0])
		}
	}
	out := healthy("socket-inactive", "socket-disabled", "app-down", "app-restarting", "unit-drift", "container-unhealthy",
		"container-drift", "original-runs", "compose-original-running", "updater-present", "container-paused", "container-cut-off", "image-gone", "conf-drift", "backup-missing", "deploy-stuck", "upstream-dead")
	return append(out, []scenario{
		{"socket-inactive", "unit failed", Critical, changed(func(w *world, a *app, s *slot) { w.units[s.SocketUnit] = Unit{Active: "failed"} })},
		{"socket-inactive", "no live slot", Critical, changed(func(w *world, a *app, s *slot) { a.LiveSlot = "" })},
		{"socket-inactive", "live slot empty", Critical, changed(func(w *world, a *app, s *slot) { s.Filled = false })},
		{"socket-inactive", "adopt has not come to nginx yet", 0, changed(func(w *world, a *app, s *slot) {
			w.http("")
			s.Filled, a.Interrupted, a.Adopting = false, "adopt at step \"slot\"", true
		})},
		{"socket-inactive", "adopt was interrupted later", Critical, changed(func(w *world, a *app, s *slot) {
			s.Filled, a.Interrupted, a.Adopting = false, "adopt at step \"drain\"", true
		})},
		{"socket-inactive", "restarting", 0, changed(func(w *world, a *app, s *slot) {
			w.units[s.SocketUnit] = Unit{Active: "activating"}
			w.slept = func() { w.units[s.SocketUnit] = Unit{Active: "active"} }
		})},
		{"socket-disabled", "service disabled", Warning, changed(func(w *world, a *app, s *slot) {
			w.units[s.Service] = Unit{Active: "active", FileState: "disabled"}
		})},
		{"socket-disabled", "a swap is under way", 0, changed(func(w *world, a *app, s *slot) {
			w.units[s.Service] = Unit{Active: "active", FileState: "disabled"}
			a.Busy, a.BusySince = "swap", base.Add(-time.Second)
		})},
		{"app-down", "service failed", Critical, changed(func(w *world, a *app, s *slot) {
			w.units[s.Service] = Unit{Active: "failed", Result: "exit-code", FileState: "enabled"}
		})},
		{"app-down", "container gone", Critical, changed(func(w *world, a *app, s *slot) { s.Phase, s.Message = "waiting", "exited with 1" })},
		{"app-down", "gives nothing back", Critical, changed(func(w *world, a *app, s *slot) { s.Silent = "nothing comes back from it: 503" })},
		{"app-down", "never healthy", Critical, changed(func(w *world, a *app, s *slot) { s.Phase, s.Since = "starting", base.Add(-6*time.Minute) })},
		{"app-down", "still starting", 0, changed(func(w *world, a *app, s *slot) { s.Phase, s.Since = "starting", base.Add(-4*time.Minute) })},
		{"app-down", "held back on purpose", 0, changed(func(w *world, a *app, s *slot) { s.Phase = "holding" })},
		{"app-down", "stopped for lack of requests", 0, changed(func(w *world, a *app, s *slot) { s.Phase = "idle" })},
		{"app-restarting", "three times", Warning, changed(func(w *world, a *app, s *slot) { s.Exits = 3 })},
		{"app-restarting", "long ago", 0, changed(func(w *world, a *app, s *slot) { s.Exits, s.Since = 3, base.Add(-2*time.Hour) })},
		{"unit-drift", "not reloaded", Warning, changed(func(w *world, a *app, s *slot) {
			w.units[s.Service] = Unit{Active: "active", FileState: "enabled", Reload: true}
		})},
		{"unit-drift", "file removed", Warning, changed(func(w *world, a *app, s *slot) {
			w.units[s.SocketUnit] = Unit{Load: "not-found", Active: "active"}
		})},
		{"unit-drift", "drop-in removed", Warning, changed(func(w *world, a *app, s *slot) {
			u := w.units[s.SocketUnit]
			u.Load = "bad-setting"
			w.units[s.SocketUnit] = u
		})},
		{"unit-drift", "never there", 0, changed(func(w *world, a *app, s *slot) {
			w.units["nginx.service"] = Unit{Load: "not-found", Active: "inactive"}
		})},
		{"container-unhealthy", "adopted", Critical, changed(func(w *world, a *app, s *slot) {
			w.docker[0].Health, w.docker[0].FailingStreak = "unhealthy", 4
		})},
		{"container-unhealthy", "published and proxied to", Critical, func(w *world, _ *ca) {
			w.http("server { listen 80; location / { proxy_pass http://127.0.0.1:8080; } }")
			w.docker = []Container{{Name: "x", Running: true, Health: "unhealthy", Published: []string{"0.0.0.0:8080"}}}
		}},
		{"container-unhealthy", "healthy at the second look", 0, changed(func(w *world, a *app, s *slot) {
			w.docker[0].Health = "unhealthy"
			w.slept = func() { w.docker[0].Health = "healthy" }
		})},
		{"container-unhealthy", "paused, and so asked in vain", 0, changed(func(w *world, a *app, s *slot) {
			w.docker[0].Health, w.docker[0].Paused = "unhealthy", true
		})},
		{"container-unhealthy", "nothing to do with nginx", 0, func(w *world, _ *ca) {
			w.docker = []Container{{Name: "x", Running: true, Health: "unhealthy", Published: []string{"0.0.0.0:8080"}}}
		}},
		{"container-drift", "another image", Warning, changed(func(w *world, a *app, s *slot) { w.docker[0].ImageID = "sha256:4" })},
		{"container-drift", "gone", Warning, changed(func(w *world, a *app, s *slot) { w.docker = nil })},
		{"container-drift", "two of them", Warning, changed(func(w *world, a *app, s *slot) {
			second := w.docker[0]
			second.Name = "myapp-blue-2"
			second.Labels = map[string]string{"edgeman.app": "myapp", "edgeman.slot": "blue", "edgeman.release": "2"}
			w.docker = append(w.docker, second)
		})},
		{"container-drift", "recreate under way", 0, changed(func(w *world, a *app, s *slot) { s.NextPending, w.docker = true, nil })},
		{"original-runs", "started again", Critical, changed(func(w *world, a *app, s *slot) { w.docker = append(w.docker, fromBefore(a, true)) })},
		{"original-runs", "kept", 0, changed(func(w *world, a *app, s *slot) { w.docker = append(w.docker, fromBefore(a, false)) })},
		{"original-runs", "a command is at work", 0, changed(func(w *world, a *app, s *slot) {
			w.docker = append(w.docker, fromBefore(a, true))
			a.Busy, a.BusySince = "release", base.Add(-time.Minute)
		})},
		{"original-runs", "for a moment", 0, changed(func(w *world, a *app, s *slot) {
			w.docker = append(w.docker, fromBefore(a, true))
			w.slept = func() { w.docker[1].Running = false }
		})},
		{"compose-original-running", "with another image", Critical, changed(func(w *world, a *app, s *slot) { w.docker = append(w.docker, composeAgain(a, "sha256:9")) })},
		{"compose-original-running", "with the live image", Warning, changed(func(w *world, a *app, s *slot) { w.docker = append(w.docker, composeAgain(a, s.ImageID)) })},
		{"updater-present", "watchtower", Warning, changed(func(w *world, a *app, s *slot) {
			w.docker = append(w.docker, Container{Name: "wt", Image: "ghcr.io/nicholas-fedor/watchtower:1.12", Running: true})
		})},
		{"updater-present", "stopped", 0, changed(func(w *world, a *app, s *slot) {
			w.docker = append(w.docker, Container{Name: "wt", Image: "containrrr/watchtower"})
		})},
		{"updater-present", "nothing adopted", 0, func(w *world, _ *ca) {
			w.docker = append(w.docker, Container{Name: "wt", Image: "containrrr/watchtower", Running: true})
		}},
		{"container-paused", "by somebody", Critical, changed(func(w *world, a *app, s *slot) { w.docker[0].Paused = true })},
		{"container-paused", "by edgeman", 0, changed(func(w *world, a *app, s *slot) { w.docker[0].Paused, s.Phase = true, "holding" })},
		{"container-cut-off", "vpn made anew", Critical, changed(func(w *world, a *app, s *slot) { w.docker[0].Adrift = "vpn is gone" })},
		{"image-gone", "of an app that rests", Critical, changed(func(w *world, a *app, s *slot) {
			w.docker, w.noImage, s.Phase = nil, map[string]bool{s.ImageID: true}, "idle"
		})},
		{"image-gone", "of the original", Warning, changed(func(w *world, a *app, s *slot) {
			fromBefore(a, false)
			w.noImage = map[string]bool{"sha256:0": true}
		})},
		{"image-gone", "the container holds it", 0, changed(func(w *world, a *app, s *slot) { w.noImage = map[string]bool{s.ImageID: true} })},
		{"conf-drift", "our line changed", Warning, changed(func(w *world, a *app, s *slot) {
			drifted(w, a, "server unix:/live.sock;", "server 127.0.0.1:9000;")
		})},
		{"conf-drift", "nothing leads to the app any more", Critical, changed(func(w *world, a *app, s *slot) {
			drifted(w, a, "server unix:/live.sock;", "server 127.0.0.1:9000;")
			w.http("server { listen 80; location / { proxy_pass http://192.0.2.1; } }")
		})},
		{"conf-drift", "adopt has not come to nginx yet", 0, changed(func(w *world, a *app, s *slot) {
			drifted(w, a, "server unix:/live.sock;", "server 127.0.0.1:9000;")
			w.http("")
			a.Interrupted, a.Adopting = "adopt at step \"slot\"", true
		})},
		{"conf-drift", "gone", Warning, changed(func(w *world, a *app, s *slot) {
			a.Edits = []nginxconf.FileEdit{{Path: "/etc/nginx/sites-available/none"}}
		})},
		{"conf-drift", "another line changed", Notice, changed(func(w *world, a *app, s *slot) {
			drifted(w, a, "# a comment", "# another comment")
		})},
		{"conf-drift", "as adopt left it", 0, changed(func(w *world, a *app, s *slot) { drifted(w, a, "", "") })},
		{"backup-missing", "site record unreadable", Warning, changed(func(w *world, a *app, s *slot) { a.Missing = "adoption.json: no such file" })},
		{"deploy-stuck", "interrupted", Warning, changed(func(w *world, a *app, s *slot) { a.Interrupted = "swap at step switch" })},
		{"deploy-stuck", "locked for hours", Warning, changed(func(w *world, a *app, s *slot) {
			a.Busy, a.BusySince = "swap", base.Add(-61*time.Minute)
		})},
		{"deploy-stuck", "paused past its deadline", Warning, changed(func(w *world, a *app, s *slot) { s.PauseUntil = base.Add(-2 * time.Minute) })},
		{"deploy-stuck", "a swap under way", 0, changed(func(w *world, a *app, s *slot) {
			a.Busy, a.BusySince = "swap", base.Add(-time.Minute)
			s.NextPending = true
		})},
		{"deploy-stuck", "paused", 0, changed(func(w *world, a *app, s *slot) { s.PauseUntil = base.Add(time.Minute) })},
		{"disk-low", "100 MB", Warning, func(w *world, _ *ca) { freeSpaceIs(w, 100<<20, 1<<40) }},
		{"disk-low", "4 % of a small disk", Warning, func(w *world, _ *ca) { freeSpaceIs(w, 400<<20, 10<<30) }},
		{"disk-low", "4 % of a large disk", 0, func(w *world, _ *ca) { freeSpaceIs(w, 400<<30, 10<<40) }},
		{"disk-low", "no such directory", 0, func(w *world, _ *ca) {
			w.env.FreeSpace = func(string) (space, error) { return space{}, errors.New("none") }
		}},
		{"clock-unsynced", "alone", Warning, func(w *world, _ *ca) { w.env.ClockSynced = func() (bool, error) { return false, nil } }},
		{"clock-unsynced", "kept", 0, func(w *world, _ *ca) { w.env.ClockSynced = func() (bool, error) { return true, nil } }},
	}...)
}

// composeAgain gives the app a container that it was adopted from, which Compose
// has made anew.
func composeAgain(a *app, imageID string) Container {
	c := fromBefore(a, true)
	c.ID, c.Image, c.ImageID = "anew", "myapp:v9", imageID
	c.Labels = map[string]string{"com.docker.compose.project": "app", "com.docker.compose.service": "web"}
	return c
}

// fromBefore gives the app a container that it was adopted from.
func fromBefore(a *app, running bool) Container {
	a.Originals, a.OriginalImage, a.OriginalImageID = []adoption.Original{{Container: "web", ContainerID: "0"}}, "web:v0", "sha256:0"
	return Container{ID: "0", Name: "web", Running: running}
}

func freeSpaceIs(w *world, free, total uint64) {
	w.env.FreeSpace = func(string) (space, error) { return space{free, total}, nil }
}

// drifted is a site file that adopt edited and somebody edited after it.
func drifted(w *world, a *app, from, to string) {
	before := "upstream my_app {\n    # a comment\n    server 127.0.0.1:8080;\n}\n"
	after := strings.Replace(before, "127.0.0.1:8080", "unix:/live.sock", 1)
	start := strings.Index(before, "127.0.0.1:8080")
	a.Edits = []nginxconf.FileEdit{{
		Path: "/etc/nginx/sites-available/myapp", Before: []byte(before), After: []byte(after), BeforeSum: sum(before), AfterSum: sum(after),
		Edits: []nginxconf.Edit{{Start: start, End: start + len("127.0.0.1:8080"), New: "unix:/live.sock", Why: "upstream"}},
	}}
	w.write("/etc/nginx/sites-available/myapp", strings.Replace(after, from, to, 1))
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

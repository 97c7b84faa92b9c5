package systemd

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestUnits needs a machine whose systemd may be played with: it writes units
// of its own to /run/systemd/system and makes systemd execute itself again.
// Run it in a throw-away host, with EDGEMAN_TEST_SYSTEMD=1.
func TestUnits(t *testing.T) {
	if os.Getenv("EDGEMAN_TEST_SYSTEMD") == "" {
		t.Skip("NOT TESTED: needs a throw-away host with systemd, and EDGEMAN_TEST_SYSTEMD=1")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	unitFile(t, "edgemantest@.socket", "[Unit]\nConditionPathExists=/run/edgemantest.%i\n[Socket]\nListenStream=/run/edgemantest-%i.sock\n[Install]\nWantedBy=sockets.target\n")
	unitFile(t, "edgemantest@.service", "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n")
	unitFile(t, "edgemantest-bad.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
	unitFile(t, "edgemantest-slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 3\n")
	u, err := Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	state := func(unit, active string) Unit {
		t.Helper()
		s, err := u.State(ctx, unit)
		if err != nil || s.Active != active {
			t.Fatalf("%s: %+v, %v; want %s", unit, s, err, active)
		}
		return s
	}
	show := func(unit, name string) string {
		t.Helper()
		out, err := exec.CommandContext(ctx, "systemctl", "show", "--value", "--property="+name, unit).Output()
		must(err)
		return strings.TrimSpace(string(out))
	}
	must(u.Reload(ctx))
	if v, err := u.Version(ctx); err != nil || v == "" || strings.Contains(v, `"`) {
		t.Errorf("version %q, %v", v, err)
	}
	const socket, service = "edgemantest@my-app:blue.socket", "edgemantest@my-app:blue.service"

	// An empty slot does not listen, and that is no failure.
	if err := u.Start(ctx, socket); !errors.Is(err, errSkipped) {
		t.Errorf("condition not met: %v", err)
	}
	state(socket, "inactive")
	must(os.WriteFile("/run/edgemantest.my-app:blue", nil, 0o600))
	defer os.Remove("/run/edgemantest.my-app:blue")
	must(u.Start(ctx, socket))
	if s := state(socket, "active"); show(socket, "SubState") != "listening" || s.Result != "success" || time.Since(s.Since) > time.Minute {
		t.Errorf("%+v", s)
	}

	// A connection starts the service.
	c, err := net.Dial("unix", "/run/edgemantest-my-app:blue.sock")
	must(err)
	defer c.Close()
	waitFor(t, func() bool { s, err := u.State(ctx, service); return err == nil && s.Active == "active" })
	state(service, "active")
	pid := show(service, "MainPID")
	must(u.Restart(ctx, service))
	if s := state(service, "active"); show(service, "MainPID") == pid || show(service, "MainPID") == "0" {
		t.Errorf("not restarted: %+v", s)
	}
	must(u.Stop(ctx, socket)) // or what waits in its queue starts the service again
	must(exec.CommandContext(ctx, "systemctl", "kill", "--signal=9", service).Run())
	waitFor(t, func() bool { s, err := u.State(ctx, service); return err == nil && s.Result == "signal" })
	must(u.Stop(ctx, service))
	must(u.ResetFailed(ctx, service))
	state(service, "inactive")

	must(u.Enable(ctx, socket, service))
	must(u.Reload(ctx))
	if state(socket, "inactive").FileState != "enabled" {
		t.Error("not enabled")
	}
	must(u.Disable(ctx, socket, service))
	must(u.Disable(ctx, socket, service))
	must(u.Reload(ctx))
	if state(socket, "inactive").FileState == "enabled" {
		t.Error("not disabled")
	}

	var failed *JobError
	if err := u.Start(ctx, "edgemantest-bad.service"); !errors.As(err, &failed) || failed.Hint() != "journalctl -u 'edgemantest-bad.service' -n 20" {
		t.Errorf("a service that fails: %v", err)
	}
	if s := state("edgemantest-bad.service", "failed"); s.Result != "exit-code" {
		t.Errorf("%+v", s)
	}
	must(u.ResetFailed(ctx, "edgemantest-bad.service"))
	must(u.ResetFailed(ctx, "edgemantest-nowhere.service"))
	must(u.Stop(ctx, "edgemantest-nowhere.service"))
	if err := u.Start(ctx, "edgemantest-nowhere.service"); err == nil {
		t.Error("started a unit that does not exist")
	}
	state("edgemantest-nowhere.service", "inactive")

	// Deadlines end the waiting, and do not disturb later calls.
	short, cancelShort := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancelShort()
	if err := u.Start(short, "edgemantest-slow.service"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a slow start: %v", err)
	}

	// systemd executes itself again while a job runs. The result is found out.
	time.AfterFunc(time.Second, func() {
		if out, err := exec.CommandContext(ctx, "systemctl", "daemon-reexec").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	must(u.Restart(ctx, "edgemantest-slow.service"))
	state("edgemantest-slow.service", "inactive")
	must(u.StartNoWait(ctx, service))
	waitFor(t, func() bool { s, err := u.State(ctx, service); return err == nil && s.Active == "active" })
	must(u.StopNoWait(ctx, service))
	waitFor(t, func() bool { s, err := u.State(ctx, service); return err == nil && s.Active == "inactive" })
}

func unitFile(t *testing.T, name, content string) {
	t.Helper()
	path := "/run/systemd/system/" + name
	if err := os.MkdirAll("/run/systemd/system", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(path) })
}

// limit is how long anything in a test may take.
const limit = 60 * time.Second

// waitFor polls until ok, and fails the test if it never is.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to that")
		}
	}
}

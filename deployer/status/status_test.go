package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/adoption"
	"edgeman/deployer/fake"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/systemd"
)

func TestSlotState(t *testing.T) {
	up := systemd.Unit{Active: "active"}
	down := systemd.Unit{Active: "inactive"}
	look := func(change ...func(*slotLook)) slotLook {
		l := slotLook{filled: true, asked: true, service: up, socket: up, spoke: true}
		l.status.Phase = state.PhaseHealthy
		for _, c := range change {
			c(&l)
		}
		return l
	}
	live := func(l *slotLook) { l.live = true }
	claimed := func(l *slotLook) { l.claimed = true }
	paused := func(l *slotLook) { l.paused = true }
	empty := func(l *slotLook) { l.filled = false }
	stopped := func(l *slotLook) { l.service, l.status.Phase = down, state.PhaseEmpty }
	noSocket := func(l *slotLook) { l.socket = down }
	crashed := func(l *slotLook) { l.service = systemd.Unit{Active: "failed"} }
	phase := func(p string) func(*slotLook) { return func(l *slotLook) { l.status.Phase = p } }
	unasked := func(l *slotLook) { l.asked, l.service, l.socket = false, systemd.Unit{}, systemd.Unit{} }

	blind := func(l *slotLook) { l.blind, l.spoke, l.status = true, false, state.SlotStatus{} }

	tests := []struct {
		name string
		look slotLook
		want string
	}{
		{"live, not root", look(live, unasked, blind), SlotLive},
		{"retired, not root", look(unasked, blind), SlotDraining},
		{"empty, not root", look(empty, unasked, blind), SlotEmpty},
		{"nothing in it", look(empty, stopped, noSocket), SlotEmpty},
		{"ending", look(empty), SlotDraining},
		{"serves", look(live), SlotLive},
		{"serves, systemd not asked", look(live, unasked), SlotLive},
		{"serves while a command works", look(live, claimed), SlotLive},
		{"container starting", look(claimed, phase(state.PhaseStarting)), SlotStarting},
		{"service has not spoken yet", look(claimed, phase("")), SlotStarting},
		{"ready, not switched yet", look(claimed), SlotCandidate},
		{"container died", look(live, phase(state.PhaseWaiting)), SlotStarting},
		{"retired, not noticed yet", look(), SlotDraining},
		{"retired", look(phase(state.PhaseDraining)), SlotDraining},
		{"kept warm", look(phase(state.PhaseWarm)), SlotWarm},
		{"paused by file", look(live, paused), SlotPaused},
		{"holding", look(live, phase(state.PhaseHolding)), SlotPaused},
		{"idle", look(live, phase(state.PhaseIdle)), SlotIdle},
		{"service stopped, socket listens", look(live, stopped), SlotIdle},
		{"nothing listens", look(live, stopped, noSocket), SlotFailed},
		{"service failed", look(live, crashed), SlotFailed},
		{"gave up", look(live, phase(state.PhaseFailed)), SlotFailed},
		{"left by a boot without it", look(stopped, noSocket), SlotFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.look.state(); got != tt.want {
				t.Errorf("state is %q, want %q", got, tt.want)
			}
		})
	}
}

// statusUnits is a systemd with these active states; others are inactive.
type statusUnits struct {
	Units
	active map[string]string
	err    error
}

func (u statusUnits) State(_ context.Context, unit string) (systemd.Unit, error) {
	if a := u.active[unit]; a != "" {
		return systemd.Unit{Active: a}, u.err
	}
	return systemd.Unit{Active: "inactive"}, u.err
}

func (u statusUnits) Active(_ context.Context, pattern string) (map[string]string, error) {
	return fake.Matching(u.active, pattern), u.err
}

// statusHost has myapp with release 1 retired on blue and 2 live on green.
func statusHost(t *testing.T) *Host {
	t.Helper()
	dir := t.TempDir()
	h := &Host{Paths: state.Paths{Etc: filepath.Join(dir, "etc"), Var: filepath.Join(dir, "var"), Run: filepath.Join(dir, "run")}}
	app := state.DefaultApp("myapp")
	app.Listeners, app.Image = []state.Listener{state.PortListener(8080)}, "myapp"
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	green := blue.Other()
	r1 := state.Release{App: "myapp", Image: "myapp:v1", Mode: "proxy"}
	r2 := state.Release{App: "myapp", Image: "myapp:v2", Digest: "sha256:0123456789abcdef", Mode: "proxy"}
	p := h.Paths
	err := errors.Join(p.MakeApp("myapp"), p.WriteApp(app), p.WriteRelease(&r1), p.WriteRelease(&r2),
		p.FillSlot(blue, 1), p.FillSlot(green, 2), sockets.SwitchLive(p.Live("myapp"), p.Run, green),
		p.SetDrain(blue, state.Drain{Deadline: time.Now().Add(time.Hour)}),
		p.WriteSlotStatus(blue, state.SlotStatus{Phase: state.PhaseDraining, Release: 1, Container: "myapp-blue-1", Since: time.Now()}),
		p.WriteSlotStatus(green, state.SlotStatus{Phase: state.PhaseHealthy, Release: 2, Container: "myapp-green-2", Since: time.Now()}))
	if err != nil {
		t.Fatal(err)
	}
	h.Units = statusUnits{active: map[string]string{
		blue.ServiceUnit(): "active", blue.SocketUnit(): "active", green.ServiceUnit(): "active", green.SocketUnit(): "active",
	}}
	return h
}

func TestStatusOfASwappedApp(t *testing.T) {
	h := statusHost(t)
	s, err := h.Status(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	a := s.Apps[0]
	if a.Live != "green" || a.Release != 2 || a.Image != "myapp:v2" || a.Digest == "" || len(a.Problems) != 0 {
		t.Errorf("app is %+v", a)
	}
	if blue, green := a.Slots[0], a.Slots[1]; blue.State != SlotDraining || green.State != SlotLive || green.Container != "myapp-green-2" || blue.Deadline.IsZero() {
		t.Errorf("slots are %+v", a.Slots)
	}
}

func TestStatusNamesAnAppThatDoesNotExist(t *testing.T) {
	_, err := statusHost(t).Status(context.Background(), "other")
	if !errors.Is(err, state.ErrNoApp) || outcome.ExitCode(err) != outcome.ExitRefused {
		t.Errorf("error %v", err)
	}
}

// What is wrong must be said, with the command to type, and must not hide the
// rest.
func TestStatusProblems(t *testing.T) {
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	tests := map[string]struct {
		spoil func(h *Host) error
		text  string
		next  string
	}{
		"no live pointer": {
			func(h *Host) error { return os.Remove(h.Paths.Live("myapp")) },
			"nothing is live", "edgeman repair myapp",
		},
		"live slot empty": {
			func(h *Host) error { h.Units = statusUnits{}; return h.Paths.EmptySlot(green) },
			"the live slot green is empty", "edgeman repair myapp",
		},
		"adopt killed before nginx was switched": {
			func(h *Host) error {
				h.Units = statusUnits{}
				return errors.Join(h.Paths.EmptySlot(green), h.Paths.BeginStep("myapp", state.Operation{Name: "adopt", Step: adoption.StepSlot}))
			},
			"adopt was interrupted before nginx was switched: the original still serves", "edgeman repair myapp",
		},
		"adopt killed later": {
			func(h *Host) error {
				h.Units = statusUnits{}
				return errors.Join(h.Paths.EmptySlot(green), h.Paths.BeginStep("myapp", state.Operation{Name: "adopt", Step: adoption.StepDrain}))
			},
			"the live slot green is empty", "edgeman repair myapp",
		},
		"docker down": {
			func(h *Host) error {
				return h.Paths.WriteSlotStatus(green, state.SlotStatus{Phase: state.PhaseWaiting, Message: "docker: list containers: no daemon", NoDocker: true, Container: "myapp-green-2"})
			},
			"release 2 is not healthy", "systemctl status docker",
		},
		"live slot down": {
			func(h *Host) error { h.Units = statusUnits{}; return nil },
			"the live slot green does not run", "edgeman repair myapp",
		},
		"container dies": {
			func(h *Host) error {
				return h.Paths.WriteSlotStatus(green, state.SlotStatus{Phase: state.PhaseWaiting, Exits: 3, ExitCode: 137, Message: "starting it again in 4s", Container: "myapp-green-2", Parked: 7})
			},
			"ended 3 times and not by edgeman, the last time with code 137 (SIGKILL", "edgeman logs myapp -n 50",
		},
		"interrupted": {
			func(h *Host) error {
				return h.Paths.BeginStep("myapp", state.Operation{Name: "swap", Step: "drain"})
			},
			`edgeman swap was interrupted at step "drain"`, "edgeman repair myapp",
		},
		"settings broken": {
			func(h *Host) error { return os.WriteFile(h.Paths.AppConfig("myapp"), []byte("moode = 1\n"), 0o600) },
			`unknown setting "moode"`, "",
		},
		"release record gone": {
			func(h *Host) error { return os.Remove(h.Paths.Release("myapp", 2)) },
			"no such release", "",
		},
		"systemd silent": {
			func(h *Host) error { h.Units = statusUnits{err: errors.New("no answer")}; return nil },
			"no answer", "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := statusHost(t)
			if err := tt.spoil(h); err != nil {
				t.Fatal(err)
			}
			s, err := h.Status(context.Background(), "myapp")
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range s.Apps[0].Problems {
				if strings.Contains(p.Text, tt.text) && p.Next == tt.next {
					return
				}
			}
			t.Errorf("no problem %q with next %q in %+v", tt.text, tt.next, s.Apps[0].Problems)
		})
	}
}

// The fields that programs depend on are there under their names, whatever the
// app is doing.
func TestStatusJSONFields(t *testing.T) {
	s, err := statusHost(t).Status(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Apps []map[string]any }
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	app := got.Apps[0]
	for _, f := range []string{"name", "site", "live", "release", "image", "digest", "mode", "strategy", "slots", "problems"} {
		if _, ok := app[f]; !ok {
			t.Errorf("the app has no field %q", f)
		}
	}
	slot := app["slots"].([]any)[0].(map[string]any)
	for _, f := range []string{"name", "state", "release", "image", "container", "connections", "since"} {
		if _, ok := slot[f]; !ok {
			t.Errorf("the slot has no field %q", f)
		}
	}
}

// While the original serves, what the slots do is no problem of anybody's.
func TestStatusDuringAdopt(t *testing.T) {
	h := statusHost(t)
	h.Units = statusUnits{}
	err := errors.Join(h.Paths.EmptySlot(sockets.Slot{App: "myapp", Color: sockets.Green}), h.Paths.BeginStep("myapp", state.Operation{Name: "adopt", Step: adoption.StepState}))
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.Status(context.Background(), "myapp")
	if err != nil || len(s.Apps[0].Problems) != 1 {
		t.Errorf("%v: %+v", err, s.Apps[0].Problems)
	}
}

// What only root may read is said once, whatever the number of apps.
func TestStatusSaysUnreadableOnce(t *testing.T) {
	var all []AppStatus
	for _, name := range []string{"blog", "shop"} {
		a := AppStatus{Name: name, Live: "blue"}
		a.unread(os.ErrPermission)
		all = append(all, a)
	}
	for n, next := range map[int]string{1: "sudo edgeman status blog", 2: "sudo edgeman status"} {
		var out bytes.Buffer
		if err := (Status{Apps: all[:n]}).Print(&out, time.Now(), false); err != nil {
			t.Fatal(err)
		}
		if want := "\n" + unreadable + "\n  next: " + next + "\n"; !strings.HasSuffix(out.String(), want) || strings.Count(out.String(), unreadable) != 1 {
			t.Errorf("%d apps:\n%s", n, out.String())
		}
	}
}

// Replicas that come up together, as after an idle time, are no problem yet.
func TestStatusOfReplicasThatStart(t *testing.T) {
	for name, row := range map[string]struct {
		replica  ReplicaReport
		problems int
	}{
		"comes up":         {ReplicaReport{State: state.PhaseStarting, Since: time.Now().Add(-5 * time.Second)}, 0},
		"takes too long":   {ReplicaReport{State: state.PhaseStarting, Since: time.Now().Add(-2 * time.Minute)}, 1},
		"ended before":     {ReplicaReport{State: state.PhaseStarting, Since: time.Now(), Exits: 1}, 1},
		"waits to restart": {ReplicaReport{State: state.PhaseWaiting, Since: time.Now()}, 1},
	} {
		a := AppStatus{Name: "shop", Live: "blue", Slots: []SlotReport{{Name: "blue", State: SlotLive, Replicas: []ReplicaReport{{State: state.PhaseHealthy}, row.replica}}}}
		a.findProblems(true, "")
		if len(a.Problems) != row.problems {
			t.Errorf("%s: %+v", name, a.Problems)
		}
	}
}

func TestStatusListsContainersOfAnIdleApp(t *testing.T) {
	r := state.Release{App: "shop", Number: 3, Image: "shop:3", Replicas: 3}
	l := slotLook{slot: sockets.Slot{App: "shop", Color: sockets.Blue}, release: r, filled: true, live: true}
	a := AppStatus{Name: "shop", Live: "blue", Slots: []SlotReport{l.report()}}
	var out bytes.Buffer
	if err := a.PrintDetails(&out, time.Now()); err != nil || strings.Count(out.String(), "\ncontainer ") != 3 {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

// A replacement in place leaves the live pointer alone: the release serves since
// its link got the slot's name.
func TestStatusSinceAReplacementInPlace(t *testing.T) {
	h := statusHost(t)
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	old := unix.NsecToTimespec(time.Now().Add(-time.Hour).UnixNano())
	for _, link := range []string{h.Paths.Live("myapp"), h.Paths.Slot(green)} {
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, link, []unix.Timespec{old, old}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			t.Fatal(err)
		}
	}
	s, err := h.Status(context.Background(), "myapp")
	if err != nil || time.Since(s.Apps[0].Since) > time.Minute {
		t.Errorf("%v: since %s", err, s.Apps[0].Since)
	}
}

func TestLogsWithoutTheJournal(t *testing.T) {
	h := statusHost(t)
	h.System.Root = t.TempDir()
	o := LogsOptions{App: "myapp", User: 1000}
	if _, err := h.LogsCommand(o); outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "\nhint: sudo edgeman logs myapp") {
		t.Errorf("error %v", err)
	}
	journal := filepath.Join(h.System.Root, "/var/log/journal/0123/system.journal")
	if err := errors.Join(os.MkdirAll(filepath.Dir(journal), 0o755), os.WriteFile(journal, nil, 0o640)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.LogsCommand(o); err != nil { // as a member of its group
		t.Error(err)
	}
}

func TestStatusPrint(t *testing.T) {
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	at := func(ago time.Duration) time.Time { return now.Add(-ago) }
	busy := AppStatus{
		Name: "myapp", Site: "/etc/nginx/sites-available/myapp", Live: "green", Since: at(12 * time.Second),
		Release: 7, Image: "myapp:v2", Digest: "sha256:0123", Mode: "proxy", Strategy: "auto",
		Slots: []SlotReport{
			{Name: "blue", State: SlotDraining, Release: 6, Image: "myapp:v1", Container: "myapp-blue-6", Connections: 4, Oldest: at(3 * time.Hour), Kinds: state.Kinds{Websockets: 3, Idle: 1}, Since: at(12 * time.Second), Deadline: now.Add(48 * time.Second)},
			{Name: "green", State: SlotLive, Release: 7, Image: "myapp:v2", Container: "myapp-green-7", Connections: 31, Oldest: at(11 * time.Second), Since: at(12 * time.Second)},
		},
		Operation: &OperationStatus{Name: "swap", PID: 4711},
	}
	quiet := AppStatus{
		Name: "shop", Live: "blue", Release: 3, Image: "registry.example/shop:2026-11", Mode: "proxy",
		Slots: []SlotReport{
			{Name: "blue", State: SlotLive, Release: 3, Image: "registry.example/shop:2026-11", Connections: 2, Since: at(75 * time.Hour)},
			{Name: "green", State: SlotEmpty},
		},
	}
	sick := AppStatus{
		Name: "wiki", Live: "blue", Release: 9, Image: "wiki:12", Mode: "proxy",
		Slots: []SlotReport{
			{Name: "blue", State: SlotStarting, Release: 9, Image: "wiki:12", Container: "wiki-blue-9", Connections: 19, Since: at(5 * time.Minute), Message: "container ended with code 137, again in 8s", Exits: 6, ExitCode: 137, Waiting: 19},
			{Name: "green", State: SlotWarm, Release: 8, Image: "wiki:11", Since: at(2 * time.Minute), Deadline: now.Add(8 * time.Minute)},
		},
	}
	sick.findProblems(true, "")
	gone := AppStatus{Name: "zine", Slots: []SlotReport{{Name: "blue", State: SlotEmpty}, {Name: "green", State: SlotEmpty}}}
	gone.findProblems(false, "")
	held := AppStatus{Name: "held", Live: "blue", Slots: []SlotReport{{Name: "blue", State: SlotPaused, Release: 1, Image: "held:1", Connections: 5, Since: at(2 * time.Second), Deadline: now.Add(28 * time.Second)}}}

	var out bytes.Buffer
	if err := (Status{Apps: []AppStatus{busy, held, quiet, sick, gone}}).Print(&out, now, false); err != nil {
		t.Fatal(err)
	}
	fake.Golden(t, "status.txt", out.Bytes())
	out.Reset()
	if err := busy.PrintDetails(&out, now); err != nil {
		t.Fatal(err)
	}
	fake.Golden(t, "status-details.txt", out.Bytes())
	out.Reset()
	if err := (Status{Apps: []AppStatus{busy}}).Print(&out, now, true); err != nil {
		t.Fatal(err)
	}
	fake.Golden(t, "status-colour.txt", out.Bytes())
	out.Reset()
	if err := (Status{}).Print(&out, now, false); err != nil {
		t.Fatal(err)
	}
	fake.Golden(t, "status-none.txt", out.Bytes())
}

func TestLastCheck(t *testing.T) {
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	tests := map[string]string{
		``:            "",
		`{broken`:     "",
		`{"exit": 1}`: "",
		`{"last_run": "2026-11-23T02:30:00Z", "exit": 0, "seen": {}}`: "last edgeman check, 30m ago: no problems\n",
		`{"last_run": "2026-11-23T02:30:00Z", "exit": 2}`:             "last edgeman check, 30m ago: problems found\n  next: edgeman check\n",
		`{"last_run": "2026-11-22T02:30:00Z", "exit": 0}`:             "edgeman check last ran 24h30m ago\n  next: systemctl status edgeman-check.timer\n",
	}
	for data, want := range tests {
		h := statusHost(t)
		if data != "" {
			if err := os.WriteFile(filepath.Join(h.Paths.Var, "check.json"), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := checkLine(h.Paths.LastCheck(), now); got != want {
			t.Errorf("%s: %q, want %q", data, got, want)
		}
	}
}

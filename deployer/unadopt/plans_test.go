package unadopt

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/deployer/site"
	"edgeman/deployer/state"
	"edgeman/integration/sites"
	"edgeman/nginxconf"
)

// TestPlans adopts and gives back the apps of sites that are made by chance, in
// any order, with a kill after any file that is written. After each write nginx
// has to load what lies on disk, and every request has to have the answer that it
// had; in the end every byte is back. A fault is repeated by its number:
//
//	EDGEMAN_PLANS=1 EDGEMAN_PLANS_FROM=17 go test -run TestPlans ./deployer
func TestPlans(t *testing.T) {
	count, from := fromEnv(t, "EDGEMAN_PLANS", 30), fromEnv(t, "EDGEMAN_PLANS_FROM", 1)
	lab := newLab(t)
	var total tally
	for seed := from; seed < from+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := lab.walk(t, uint64(seed))
			w.run()
			total.add(w.tally)
		})
	}
	t.Logf("%d trees: %+v", count, total)
	if total.Adopted == 0 || total.Refused > total.Adopted {
		t.Error("too little was adopted to prove anything")
	}
}

func fromEnv(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// tally is what a walk has done.
type tally struct{ Adopted, GivenBack, Killed, Refused, Waiting, Several, Checks, Requests int }

func (a *tally) add(b tally) {
	a.Adopted, a.GivenBack, a.Killed, a.Refused = a.Adopted+b.Adopted, a.GivenBack+b.GivenBack, a.Killed+b.Killed, a.Refused+b.Refused
	a.Waiting, a.Several, a.Checks, a.Requests = a.Waiting+b.Waiting, a.Several+b.Several, a.Checks+b.Checks, a.Requests+b.Requests
}

// The states of an app on the walk.
const (
	apart   = "apart"
	half    = "half adopted or given back"
	adopted = "adopted"
)

// walk is one tree, and what becomes of it.
type walk struct {
	*lab
	t      *testing.T
	rng    *rand.Rand
	tree   sites.Tree
	state  map[string]string
	record map[string]adoption.Record
	before map[string]string // answers
	log    []string
	tally
}

// run goes any way for a while, and then home.
func (w *walk) run() {
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("what was done:\n%s", strings.Join(w.log, "\n"))
		}
	})
	was := w.snapshot()
	w.before = w.ask()
	w.reached.take()
	for range 3 * len(w.tree.Apps) {
		w.step(w.tree.Apps[w.rng.IntN(len(w.tree.Apps))], true)
	}
	for round := range 20 * len(w.tree.Apps) { // an app may have to wait for one that was adopted later
		w.step(w.tree.Apps[w.rng.IntN(len(w.tree.Apps))], false)
		if round%len(w.tree.Apps) == 0 {
			w.step(w.tree.Apps[w.latest()], false)
		}
	}
	if now := w.snapshot(); !w.t.Failed() {
		compareTrees(w.t, was, now)
	}
}

// step takes one app one step on; onward says that one that is apart is adopted.
func (w *walk) step(app sites.App, onward bool) {
	if w.t.Failed() {
		return
	}
	switch is := w.state[app.Name]; {
	case is == apart && onward && !w.pending():
		w.adopt(app)
	case is != apart && w.waits(app):
		w.Waiting++
	case is != apart:
		w.giveBack(app)
	}
}

// pending says that an adoption would be refused: files have been changed that
// nginx has not loaded. Only where apps depend on each other is that waited for;
// nginx may have been loaded by somebody else.
func (w *walk) pending() bool {
	return w.tree.Nested && slices.Contains(slices.Collect(maps.Values(w.state)), half)
}

// waits says that giving back the app is refused until others are given back.
func (w *walk) waits(app sites.App) bool {
	record := w.record[app.Name]
	files, _, err := w.restored(record)
	if err == nil && w.state[app.Name] == adopted {
		then, unreadable := nginxconf.Load(site.EditedFiles{FS: w.Files, After: candidates(files)}, w.main())
		if err = unreadable; err == nil {
			err = w.refuseOrder(record, w.main(), then)
		}
	}
	if err != nil {
		w.say("%v", err)
	}
	if err != nil && !strings.Contains(hint.Text(err), "hint: first give back") {
		w.t.Errorf("giving back %s: %v", app.Name, err)
	}
	return err != nil
}

// latest is the app that was adopted last.
func (w *walk) latest() int {
	last := 0
	for i, app := range w.tree.Apps {
		if w.record[app.Name].Time.After(w.record[w.tree.Apps[last].Name].Time) && w.state[app.Name] != apart {
			last = i
		}
	}
	return last
}

// adopt does what changeNginx does, and may be killed after any file.
func (w *walk) adopt(app sites.App) {
	plan, err := w.plan(app)
	if err != nil {
		w.Refused++
		w.say("%s is refused: %v", app.Name, err)
		return
	}
	w.record[app.Name] = adoption.Record{App: app.Name, Plan: plan, Original: adoption.Original{At: []adoption.Served{{Target: app.Address}}}, Time: time.Now()}
	w.state[app.Name] = half
	settings := state.DefaultApp(app.Name)
	settings.Listeners = []state.Listener{state.PortListener(8080)}
	if err := errors.Join(w.Paths.WriteApp(settings), adoption.Write(w.Paths, w.record[app.Name], nil)); err != nil {
		w.t.Fatal(err)
	}
	var writes []fileBack
	for _, f := range plan.Files {
		writes = append(writes, fileBack{f.Path, f.Before, f.After})
	}
	if w.write("adopt "+app.Name, writes) {
		w.state[app.Name] = adopted
		w.Adopted++
		w.check()
	}
}

// giveBack does what restoreFiles does, for an adoption that was killed, too.
func (w *walk) giveBack(app sites.App) {
	files, said, err := w.restored(w.record[app.Name])
	if err != nil {
		w.t.Errorf("giving back %s: %v", app.Name, err)
		return
	}
	for _, s := range said { // of an edit that was not made yet, too
		w.say("%s", s)
	}
	w.state[app.Name] = half
	if w.write("give back "+app.Name, files) {
		w.state[app.Name] = apart
		w.GivenBack++
		delete(w.record, app.Name)
		if err := os.Remove(w.Paths.AppConfig(app.Name)); err != nil {
			w.t.Fatal(err)
		}
		w.check()
	}
}

// write replaces the files one by one, and says whether it came to the end.
func (w *walk) write(what string, files []fileBack) bool {
	last := len(files)
	if w.rng.IntN(3) == 0 {
		last = w.rng.IntN(len(files) + 1)
	}
	if len(files) > 1 {
		w.Several++
	}
	for i, f := range files {
		if i == last {
			w.Killed++
			w.say("%s is killed before %s", what, f.path)
			return false
		}
		w.say("%s writes %s", what, f.path)
		if err := nginx.Replace(w.t.Context(), f.path, sha(f.now), f.then); err != nil {
			w.t.Fatal(err)
		}
		if i < len(files)-1 {
			w.check()
		}
	}
	return true
}

func (w *walk) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

// plan is planEdits, without containers.
func (w *walk) plan(app sites.App) (*nginxconf.Plan, error) {
	conf, err := nginxconf.Load(w.Files, w.main())
	if err != nil {
		w.t.Fatal(err)
	}
	targets, err := conf.Targets(filepath.Join(w.etc(), app.Site))
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(targets, func(t nginxconf.Target) bool { return t.Addr.String() == app.Address })
	if i < 0 {
		return nil, fmt.Errorf("no target %s in %s", app.Address, app.Site)
	}
	plan, err := conf.Plan(nginxconf.Options{
		Socket: w.Paths.Live(app.Name), App: app.Name, NginxVersion: w.version, Everywhere: true,
	}, targets[i])
	if err == nil {
		err = stays(plan)
	}
	return plan, err
}

// check asks for everything. What is adopted is reached through its slot alone,
// and what is apart at its address alone.
func (w *walk) check() {
	now := w.ask()
	for ask, was := range w.before {
		if now[ask] != was {
			w.t.Errorf("%s is answered\n%s\nand was\n%s", ask, now[ask], was)
		}
	}
	for name, ways := range w.reached.take() {
		if state := w.state[name]; state == adopted && ways["tcp"] > 0 || state == apart && ways["unix"] > 0 {
			w.t.Errorf("%s is %s, and was reached %v", name, state, ways)
		}
	}
}

// stays refuses what adopt refuses: that something else goes on to the address.
func stays(plan *nginxconf.Plan) error {
	if len(plan.Stays) > 0 {
		return fmt.Errorf("%v stays", plan.Stays)
	}
	return nil
}

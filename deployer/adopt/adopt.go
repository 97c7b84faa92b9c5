package adopt

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"edgeman/deployer/compose"
	"edgeman/deployer/console"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/install"
	"edgeman/deployer/outcome"
	"edgeman/deployer/patience"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/nginxconf"
)

// Result is what adopt took over, or with DryRun what it would.
type Result struct {
	Site  string   `json:"site"`  // the first
	Sites []string `json:"sites"` // all
	Apps  []App    `json:"apps"`
	Left  []left   `json:"left"`

	Install []install.Change `json:"install"` // what is put on a host without edgeman first
	Done    bool             `json:"done"`    // false for a plan
	hint.Failure
}

// Failed is the result of a run that err has ended; each list is there.
func (r Result) Failed(err error) Result {
	r.Failure = hint.AsFailure(err)
	r.Sites, r.Apps = append([]string{}, r.Sites...), append([]App{}, r.Apps...)
	r.Left, r.Install = append([]left{}, r.Left...), append([]install.Change{}, r.Install...)
	return r
}

// App is what a site sends requests to in one container, or in several copies of
// one, and the app that it becomes.
type App struct {
	App       string `json:"app"`
	Target    string `json:"target"`
	Upstream  string `json:"upstream,omitempty"`
	Class     string `json:"class"`
	Container string `json:"container"`

	// Targets and Containers are all addresses and the container behind each,
	// Target and Container the first.
	Targets    []string `json:"targets"`
	Containers []string `json:"containers"`
	Replicas   int      `json:"replicas"`

	Listeners []Listener `json:"listeners"`

	Compose *compose.Service `json:"compose,omitempty"` // that the containers belong to

	Image    string   `json:"image"`
	Port     uint16   `json:"port"` // of the first listener
	Via      string   `json:"via"`
	Peer     string   `json:"peer"`             // which peer address the app sees, before and after
	Beside   bool     `json:"beside,omitempty"` // the containers run on, for ports that are not taken over
	Strategy string   `json:"strategy"`
	Why      []string `json:"why,omitempty"` // of the strategy
	Edits    []string `json:"edits"`         // each with its place and reason
	Notes    []string `json:"notes,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Diff     string   `json:"diff"`
}

// Listener is one of the app's listeners, and what leads to it.
type Listener struct {
	Name     string   `json:"name"`
	Port     uint16   `json:"port"`
	Protocol string   `json:"protocol"` // http, https, fastcgi, grpc, stream, ...
	Targets  []string `json:"targets"`
	Upstream string   `json:"upstream,omitempty"`
}

// through is what leads to the app, and its verb.
func (a App) through() (what, verb string) {
	var ways []string
	for _, l := range a.Listeners {
		if l.Upstream != "" {
			ways = append(ways, fmt.Sprintf("upstream %s (%s)", l.Upstream, strings.Join(l.Targets, ", ")))
		} else {
			ways = append(ways, l.Targets...)
		}
	}
	if verb = "is"; len(ways) > 1 {
		verb = "are"
	}
	return strings.Join(ways, ", "), verb
}

// Adopt takes over what a site sends its requests to: it prints the plan, asks,
// and puts an edgeman slot in the place of the container's address. Requests
// flow throughout, and what fails is undone.
func (h *Host) Adopt(ctx context.Context, o Options) (Result, error) {
	o.Sites = slices.Clone(o.Sites)
	for i, site := range o.Sites {
		var err error
		if o.Sites[i], err = h.findSite(ctx, site); err != nil {
			return Result{}, err
		}
	}
	o.Sites = distinctFiles(o.Sites)
	if o.Mode == "native" && o.Via != "" {
		return Result{}, outcome.Usage("--via applies to mode proxy only: in mode native nothing stands between nginx and the app")
	}
	if err := h.Program.NeedInit(o.Mode, true); err != nil {
		return Result{}, err
	}
	take, leave, err := h.planAdopt(ctx, o)
	result := Result{Site: o.Sites[0], Sites: o.Sites, Apps: []App{}, Left: append([]left{}, leave...), Install: []install.Change{}}
	if err != nil {
		return result, err
	}
	for _, c := range take {
		result.Apps = append(result.Apps, c.describe(o))
	}
	if result.Install, err = h.toInstall(ctx); err != nil {
		return result, err
	}
	if !o.JSON {
		h.showPlan(result, o.DryRun)
	}
	if err := h.weighStopFirst(ctx, o, take); err != nil {
		return result, err
	}
	if o.DryRun {
		h.Note("nothing was changed")
		return result, nil
	}
	if err := h.Confirm(ctx, o.Yes, "apply?"); err != nil {
		return result, err
	}
	if err := h.adoptAll(ctx, o, take); err != nil {
		return result, err
	}
	result.Done = true
	return result, nil
}

// toInstall is what adopt will put on a host that knows nothing of edgeman.
func (h *Host) toInstall(ctx context.Context) ([]install.Change, error) {
	if _, known, err := h.Install.ReadFacts(); err != nil || known {
		return []install.Change{}, err
	}
	plan, err := h.Install.InstallLocked(ctx, true)
	return plan.Changes, err
}

// weighStopFirst tells what nginx can hold back while an app of the plan is
// stopped, so that it is known before the question, and refuses what it cannot.
func (h *Host) weighStopFirst(ctx context.Context, o Options, take []candidate) error {
	for _, c := range take {
		if len(c.adoption.StopFirst) == 0 {
			continue
		}
		t := h.newTakeover(o, c)
		w := patience.Wait{Limit: t.drain + t.timeout, Parts: patience.Replacement(nil, slots.Grace(c.containers)), Let: o.LetWait}
		if err := h.Patience.Weigh(ctx, w, func(*nginxconf.Config) []nginxconf.Patience { return c.patience() }); err != nil {
			return err
		}
	}
	return nil
}

// peerNote tells which address the app will see as its peer. Before adopt, and
// over the bridge after it, that is its network's gateway; in mode native none.
func peerNote(c docker.Container, via, mode string) string {
	before := "the peer it sees now"
	if len(c.Networks) > 0 && c.Networks[0].Gateway.IsValid() {
		before = c.Networks[0].Gateway.String()
	}
	switch {
	case mode == "native":
		return fmt.Sprintf("the app will see a Unix socket without an address as its peer instead of %s; mode proxy gives it an address", before)
	case c.NetworkMode == "host":
		return "the app will still see requests coming from 127.0.0.1"
	case via == "bridge":
		return fmt.Sprintf("the app will still see requests coming from %s", before)
	}
	return fmt.Sprintf("the app will see requests coming from %s instead of %s; --via bridge keeps the old address", state.DefaultApp("x").Proxy.Source, before)
}

// afterOthers says which targets of the site were adopted before err and stay so.
func afterOthers(err error, done []candidate) error {
	if len(done) == 0 {
		return err
	}
	var names []string
	for _, c := range done {
		names = append(names, c.name)
	}
	kept := fmt.Errorf("adopted before that, and still adopted: %s", strings.Join(names, ", "))
	return fmt.Errorf("%w\n%w", outcome.Begun(err), kept)
}

// showPlan prints what would be done; the diffs are what was asked for. Whoever
// only asks for the plan is told the reason of each edit, too.
func (h *Host) showPlan(r Result, reasons bool) {
	for _, a := range r.Apps {
		through, verb := a.through()
		of, becomes := "", ""
		if a.Compose != nil {
			of = ", " + a.Compose.String()
		}
		if a.Replicas > 1 {
			becomes = fmt.Sprintf(" and becomes %d replicas", a.Replicas)
		}
		fmt.Fprintf(h.Out, "%s: %s %s served by %s %s (%s)%s%s\n", a.App, through, verb, words.Noun(a.Replicas, "container"), strings.Join(console.Distinct(a.Containers), ", "), a.Image, of, becomes)
		fmt.Fprint(h.Out, a.Diff)
		if reasons {
			for _, e := range console.Distinct(a.Edits) {
				h.Note("%s: edit in %s", a.App, e)
			}
		}
		for _, n := range a.Notes {
			h.Note("%s: %s", a.App, n)
		}
		h.Note("%s: %s", a.App, a.Peer)
		for _, w := range a.Warnings {
			h.Warn("%s: %s", a.App, w)
		}
		if a.Strategy == state.StopFirst {
			h.Note("%s: requests will wait, because %s: %s", a.App, stopFirst(a.Replicas), strings.Join(a.Why, "; "))
		}
	}
	for _, l := range r.Left {
		h.Note("%s stays as it is: %s", l.Target, l.Reason)
	}
	var files []string
	for _, c := range r.Install {
		if c.Path != "" {
			files = append(files, c.Path)
		}
	}
	if len(files) > 0 {
		h.Note("edgeman is installed first; edgeman uninstall removes it again: %s", strings.Join(files, ", "))
	}
}

func stopFirst(n int) string {
	if n == 1 {
		return "the old container is stopped before the new one starts"
	}
	return fmt.Sprintf("all %d old containers are stopped before a new one starts", n)
}

// adoptAll carries out the plan that was agreed to and nothing else: others may
// have changed something while the question waited for its answer.
func (h *Host) adoptAll(ctx context.Context, o Options, shown []candidate) error {
	unlock, err := h.LockHost(ctx, "adopt", false)
	if err != nil {
		return err
	}
	defer unlock()
	if !o.Yes {
		now, _, err := h.planAdopt(ctx, o)
		if err == nil {
			err = agreed(o, shown, now)
		}
		if err != nil {
			return err
		}
	}
	if err := h.Install.EnsureLocked(ctx); err != nil {
		return err
	}
	for i, c := range shown {
		now := c
		err := h.planEdits(ctx, o, &now)
		if err == nil {
			err = agreed(o, shown[i:i+1], []candidate{now})
		}
		if err == nil {
			err = h.adopt(ctx, o, c)
		}
		if err != nil {
			return afterOthers(err, shown[:i])
		}
	}
	return nil
}

package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options are what one run is asked for.
type Options struct {
	Sites    []string // server names, app names or site files; empty means all
	Settings Settings
	FailOn   FailOn
	Version  string // of edgeman, for the report

	// Budget bounds the whole run; Handshake bounds each handshake.
	Budget, Handshake time.Duration
	// SecondLook is how long a state that may be transient is given to pass.
	SecondLook time.Duration
	// Memory is what earlier runs saw; nil if there were none.
	Memory *Memory
}

func (o Options) withDefaults() Options {
	o.Budget = cmp.Or(o.Budget, 20*time.Second)
	o.Handshake = cmp.Or(o.Handshake, 2*time.Second)
	o.SecondLook = cmp.Or(o.SecondLook, 3*time.Second)
	o.Settings = o.Settings.withDefaults()
	return o
}

// Run looks at the host once and judges what it saw. It fails in no way: what
// went wrong is in the report, as a finding.
func Run(ctx context.Context, env Env, opt Options) Report {
	opt = opt.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, opt.Budget)
	defer cancel()
	begun := time.Now()
	h := gather(ctx, env, opt)
	r := h.judge(Rules())
	r.Duration = time.Since(begun).Seconds()
	return r
}

// judge puts every rule to what was gathered.
func (h *host) judge(rules []Rule) Report {
	var findings []Finding
	fired := map[string]bool{}
	var twice []Rule
	for _, r := range rules {
		if r.look == nil || h.skips(r) || slices.ContainsFunc(r.After, func(c string) bool { return fired[c] }) {
			continue
		}
		found := h.ask(r)
		if r.Twice && len(found) > 0 {
			twice = append(twice, r)
		}
		fired[r.Code] = worst(found) >= Warning
		findings = append(findings, found...)
	}
	findings = h.lookAgain(twice, findings)
	if h.ctx.Err() != nil {
		h.blindTo("host", h.env.Host, fmt.Sprintf("the run was cut off after %s", h.opt.Budget), "")
	}
	return h.report(append(findings, h.blind...))
}

// skips reports whether the rule is not asked for, or has nothing to look at here.
func (h *host) skips(r Rule) bool {
	v := h.version
	if r.Lint && !h.opt.Settings.Lint || r.Until.Known() && v.AtLeast(r.Until) {
		return true
	}
	return slices.ContainsFunc(r.Needs, func(n need) bool { return !h.has[n] })
}

// ask runs one rule. A bug in it must not silence all the others.
func (h *host) ask(r Rule) (found []Finding) {
	defer func() {
		if e := recover(); e != nil {
			found = nil
			h.blindTo("rule", r.Code, fmt.Sprintf("the rule %s broke down: %v", r.Code, e), "report this as a bug of edgeman")
		}
	}()
	r.look(h, func(f Finding) {
		f.Code, f.Message = r.Code, clean(f.Message)
		found = append(found, f)
	})
	return found
}

// lookAgain drops the findings of rules that a second look does not confirm.
func (h *host) lookAgain(rules []Rule, findings []Finding) []Finding {
	if len(rules) == 0 {
		return findings
	}
	if !h.env.Sleep(h.ctx, h.opt.SecondLook) {
		return findings // no time left: one look has to do
	}
	h.refresh()
	again, asked := map[string]bool{}, map[string]bool{}
	for _, r := range rules {
		asked[r.Code] = true
		for _, f := range h.ask(r) {
			again[f.key()] = true
		}
	}
	return slices.DeleteFunc(findings, func(f Finding) bool {
		return asked[f.Code] && !again[f.key()]
	})
}

// report filters, marks and sorts.
func (h *host) report(findings []Finding) Report {
	r := Report{
		Schema: 1, Tool: h.opt.Version, Host: h.env.Host, Started: h.now,
		Lint: h.opt.Settings.Lint, Checked: h.counts(), Inventory: h.inventory(),
	}
	for _, f := range findings {
		if !h.concerns(f) {
			continue
		}
		f.FirstSeen = h.opt.Memory.firstSeen(f, h.now)
		if f.Ignored = h.ignoredBecause(f); f.Ignored != "" {
			r.Ignored = append(r.Ignored, f)
			continue
		}
		r.Findings = append(r.Findings, f)
	}
	sortFindings(r.Findings)
	sortFindings(r.Ignored)
	for _, f := range r.Findings {
		r.Summary.count(f.Severity)
	}
	r.Summary.Ignored = len(r.Ignored)
	r.Exit = exitCode(r.Findings, h.opt.FailOn)
	return r
}

// concerns reports whether the finding belongs to one of the sites asked for.
// What could not be seen is always said.
func (h *host) concerns(f Finding) bool {
	if len(h.opt.Sites) == 0 || f.Severity == Unknown {
		return true
	}
	for _, s := range h.requested() {
		if s == f.Subject.Name || slices.ContainsFunc(f.Sites, func(n string) bool { return strings.EqualFold(n, s) }) {
			return true
		}
		for _, p := range f.At {
			if p.File == s || h.resolved(p.File) == h.resolved(s) {
				return true
			}
		}
	}
	return false
}

// requested are the sites asked for; an app stands for its servers, too.
func (h *host) requested() []string {
	out := slices.Clone(h.opt.Sites)
	for i, a := range h.apps {
		if slices.Contains(h.opt.Sites, a.Name) {
			out = append(out, h.appSites(&h.apps[i])...)
		}
	}
	return out
}

// unknownSites lists the sites asked for that the configuration, the apps and
// the files know nothing of: a typing mistake must not pass for health.
func (h *host) unknownSites() []string {
	known := map[string]bool{}
	for _, s := range h.servers {
		for _, n := range s.names {
			known[strings.ToLower(n)] = true
		}
		known[h.resolved(s.pos().File)] = true
	}
	for _, a := range h.apps {
		known[a.Name] = true
	}
	for _, name := range h.unread {
		known[name] = true
	}
	return filter(h.opt.Sites, func(s string) bool { return !known[strings.ToLower(s)] && !known[h.resolved(s)] })
}

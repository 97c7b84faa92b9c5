// Package plan makes the edits that lead traffic to a Unix socket, and those that
// leave everything as it was which nginx derived from the address before. What
// cannot be proven to do so is refused.
package plan

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/edit"
	"edgeman/nginxconf/internal/lex"
	"edgeman/nginxconf/internal/route"
)

// Options say what to put in a target's place.
type Options struct {
	Socket       string         // absolute path of the Unix socket, at most 107 bytes, no colon or blank
	App          string         // the app's name; a new upstream is called edgeman-APP
	NginxVersion config.Version // of the nginx that will read the result; unknown is taken for 1.18
	Partial      bool           // servers of other apps in the same upstream may stay
	Everywhere   bool           // also edit what goes to the address outside the site
}

// Traffic is what a plan leads to a socket: the ways to the places that it takes
// over.
type Traffic struct {
	Places    []string
	Routes    []route.Route // of the site
	Elsewhere []route.Route // outside of it
}

// Plan is a set of edits that takes a target over, and what is worth knowing
// about them. It can be stored as JSON.
type Plan struct {
	// Files are in the order in which they are to be written, one after the other:
	// nginx can be loaded in between. The way back is the other way round.
	Files []edit.FileEdit `json:"files"`
	Notes []Note          `json:"notes,omitempty"`
	// Stays are directives that go on sending requests to the old address, and
	// fail once it is gone. Options.Everywhere edits those without a Code, too.
	Stays []Note `json:"stays,omitempty"`
	// Losses are what the site has of its addresses and the app's socket does
	// not give; each has its Code.
	Losses []Note `json:"losses,omitempty"`
}

// Diff shows the plan as a unified diff without context lines; each hunk is
// headed by the block it is in.
func (p *Plan) Diff() string {
	var b strings.Builder
	for _, f := range p.Files {
		b.WriteString(f.Diff())
	}
	return b.String()
}

// After are the files as the plan leaves them.
func (p *Plan) After() map[string][]byte {
	files := map[string][]byte{}
	for _, f := range p.Files {
		files[f.Path] = f.After
	}
	return files
}

// Then is the plan that makes p, which may be nil, and then next, as one.
func (p *Plan) Then(next *Plan) *Plan {
	if p == nil {
		return next
	}
	both := &Plan{
		Files: slices.Clone(p.Files), Notes: slices.Concat(p.Notes, next.Notes),
		Stays: slices.Concat(p.Stays, next.Stays), Losses: slices.Concat(p.Losses, next.Losses),
	}
	for _, f := range next.Files {
		i := slices.IndexFunc(both.Files, func(was edit.FileEdit) bool { return was.Path == f.Path })
		if i < 0 {
			both.Files = append(both.Files, f)
		} else {
			both.Files[i] = edit.Then(both.Files[i], f)
		}
	}
	// What the others may name is defined first.
	defines, others := []edit.FileEdit{}, []edit.FileEdit{}
	for _, f := range both.Files {
		if definesUpstream(f) {
			defines = append(defines, f)
		} else {
			others = append(others, f)
		}
	}
	both.Files = append(defines, others...)
	return both
}

// Note is something the operator should know about a plan.
type Note struct {
	Pos  config.Pos `json:"pos"`
	Text string     `json:"text"`
	Code string     `json:"code,omitempty"`
}

var appName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)

// check refuses what nginx would accept in "server unix:..." and fail on when
// it connects, and what would end the argument early.
func (o Options) check() error {
	if !strings.HasPrefix(o.Socket, "/") || len(o.Socket) > 107 || strings.ContainsFunc(o.Socket, oddInPath) {
		return config.Refuse(config.Pos{}, "", "socket path %q: want an absolute path of at most 107 plain characters without a colon", o.Socket)
	}
	if !appName.MatchString(o.App) {
		return config.Refuse(config.Pos{}, "", "app name %q: want a-z, 0-9 and - only, at most 31", o.App)
	}
	return nil
}

func oddInPath(r rune) bool { return r == ':' || lex.NeedsQuotes(r) }

// Make returns the edits that make the places of t the socket of o. It
// changes nothing. The error is a *Refusal when it cannot be shown that requests
// and responses stay what they are.
func Make(c *route.Finder, t Traffic, o Options) (*Plan, error) {
	p, err := draft(c, t, o)
	if err != nil {
		return nil, err
	}
	plan, err := p.build()
	if err != nil {
		return nil, err
	}
	return plan, p.prove(plan)
}

// Try only tells whether a plan is refused, and whether it would give the address in
// a pass directive another name.
func Try(c *route.Finder, t Traffic) (renames bool, refusal *config.Refusal) {
	p, err := draft(c, t, Options{Socket: "/run/edgeman/x.sock", App: "app"})
	errors.As(err, &refusal)
	return refusal == nil && len(p.renamed) > 0, refusal
}

// leads notes in which files the address of a pass is edited.
func (p *planner) leads(r route.Route) {
	files := []string{edited(r).File.Path}
	if r.Own != nil { // perhaps there instead
		files = append(files, r.Pass.Directive().File.Path)
	}
	for _, f := range files {
		p.led[f] = append(p.led[f], r.Pass)
	}
}

package nginxconf

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/tree"
)

// Options say what to put in a target's place.
type Options struct {
	Socket       string  // absolute path of the Unix socket, at most 107 bytes, no colon or blank
	App          string  // the app's name; a new upstream is called edgeman-APP
	NginxVersion Version // of the nginx that will read the result; unknown is taken for 1.18
	Partial      bool    // servers of other apps in the same upstream may stay
	Everywhere   bool    // also edit what goes to the address outside the site
}

// Traffic is what a plan leads to a socket: the ways to the places that it takes
// over.
type Traffic struct {
	Places    []string
	Routes    []route // of the site
	Elsewhere []route // outside of it
}

// Plan is a set of edits that takes a target over, and what is worth knowing
// about them. It can be stored as JSON.
type Plan struct {
	// Files are in the order in which they are to be written, one after the other:
	// nginx can be loaded in between. The way back is the other way round.
	Files []FileEdit `json:"files"`
	Notes []Note     `json:"notes,omitempty"`
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

// FileEdit holds a file as it was, as it will be, and the edits between them
// in the order of the file.
type FileEdit struct {
	Path      string `json:"path"` // no symlinks
	Before    []byte `json:"before"`
	After     []byte `json:"after"`
	BeforeSum string `json:"before_sha256"`
	AfterSum  string `json:"after_sha256"`
	Edits     []Edit `json:"edits"`
}

// Note is something the operator should know about a plan.
type Note struct {
	Pos  Pos    `json:"pos"`
	Text string `json:"text"`
	Code string `json:"code,omitempty"`
}

var appName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)

// check refuses what nginx would accept in "server unix:..." and fail on when
// it connects, and what would end the argument early.
func (o Options) check() error {
	if !strings.HasPrefix(o.Socket, "/") || len(o.Socket) > 107 || strings.ContainsFunc(o.Socket, oddInPath) {
		return refuse(Pos{}, "", "socket path %q: want an absolute path of at most 107 plain characters without a colon", o.Socket)
	}
	if !appName.MatchString(o.App) {
		return refuse(Pos{}, "", "app name %q: want a-z, 0-9 and - only, at most 31", o.App)
	}
	return nil
}

func oddInPath(r rune) bool { return r == ':' || oddInArgument(r) }

type planner struct {
	c       *finder
	o       Options
	t       Traffic
	pending pendingEdits
	notes   []Note
	stays   []Note
	losses  []Note

	ours        map[*Node]bool     // the passes of the plan
	led         map[string][]*Node // file: the passes whose address is edited there
	renamed     map[*Node]string   // class C passes: the old $proxy_host, "" when they have others too
	hosts       map[*Node]string   // the same by home
	authorities map[string]string  // a literal's Host: the variables that hold it for HTTP/2
	headersAt   map[*Node]string   // home that got a list of headers: its Host
	unbound     map[*Node]bool     // home that was looked at for proxy_bind
	seen        map[*Node]bool     // upstreams whose server lines were dealt with
	named       map[string]bool    // a literal's host: an upstream was added under that name
}

// makePlan returns the edits that make the places of t the socket of o. It
// changes nothing. The error is a *Refusal when it cannot be shown that requests
// and responses stay what they are.
func makePlan(c *finder, t Traffic, o Options) (*Plan, error) {
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

// tryPlan only tells whether a plan is refused, and whether it would give the address in
// a pass directive another name.
func tryPlan(c *finder, t Traffic) (renames bool, refusal *Refusal) {
	p, err := draft(c, t, Options{Socket: "/run/edgeman/x.sock", App: "app"})
	errors.As(err, &refusal)
	return refusal == nil && len(p.renamed) > 0, refusal
}

// draft collects the edits of a plan, or says why there is none.
func draft(c *finder, t Traffic, o Options) (*planner, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &planner{
		c: c, o: o, t: t,
		ours: map[*Node]bool{}, led: map[string][]*Node{}, renamed: map[*Node]string{}, hosts: map[*Node]string{}, headersAt: map[*Node]string{}, authorities: map[string]string{}, unbound: map[*Node]bool{}, seen: map[*Node]bool{}, named: map[string]bool{},
	}
	routes := p.widen()
	if len(routes) == 0 {
		return nil, refuse(Pos{}, "", "the target is not used")
	}
	if err := p.together(routes); err != nil {
		return nil, err
	}
	if err := p.edit(routes); err != nil {
		return nil, err
	}
	p.remaining(routes)
	p.shown(routes)
	return p, p.pending.shared(p.c.Included)
}

// widen adds the ways outside the site that share an edited directive.
func (p *planner) widen() []route {
	shared := map[*tree.Directive]bool{}
	for _, r := range p.t.Routes {
		shared[edited(r)] = true
	}
	routes := slices.Clone(p.t.Routes)
	for _, r := range p.t.Elsewhere {
		switch {
		case shared[edited(r)]:
			p.note(r.pass.Pos(), "%s (%s) shares the edited line and moves too", r.pass, r.pass.parent.Path())
		case !p.o.Everywhere:
			continue
		}
		routes = append(routes, r)
	}
	return routes
}

// edited is the directive that holds a route's address.
func edited(r route) *tree.Directive {
	switch {
	case r.server != nil:
		return r.server.dir
	case r.at != nil:
		return r.at.dir
	}
	return r.pass.dir
}

func (p *planner) edit(routes []route) error {
	for _, r := range routes {
		switch {
		case r.opaque != nil:
			return r.opaque
		case r.addr.unix != "":
			return refuse(r.pass.Pos(), "edgeman takes over TCP addresses of containers; let the app listen on a port that docker run -p publishes, and send the requests there", "%s is a Unix socket already", r.text())
		}
		p.ours[r.pass] = true
		p.leads(r)
	}
	var literals []route
	done := map[*Node]bool{}
	for _, r := range routes {
		if err := p.checkPass(r); err != nil {
			return err
		}
		if r.server == nil {
			literals = append(literals, r)
		} else if !done[r.server] {
			done[r.server] = true
			if err := p.server(r); err != nil {
				return err
			}
		}
	}
	return p.literals(literals)
}

// touches reports whether an address leads to one of the places that go.
func (p *planner) touches(a address, fallback string) bool {
	return slices.ContainsFunc(p.c.places(a, fallback), func(place string) bool { return slices.Contains(p.t.Places, place) })
}

// remaining notes what keeps the old address.
func (p *planner) remaining(routes []route) {
	gone := map[*tree.Directive]bool{}
	for _, r := range routes {
		gone[edited(r)] = true
	}
	for _, pass := range p.c.passes {
		for _, r := range p.c.routes(pass) {
			switch {
			case r.opaque != nil || !p.touches(r.addr, r.fallback) || gone[edited(r)]:
			case len(p.c.places(r.addr, r.fallback)) > 1:
				p.stay(pass, SeveralPlaces, "%s (%s) goes to %s, which is this app and another in turn, and fails in part when this one's port is gone", pass, pass.parent.Path(), r.text())
			default:
				p.stay(pass, "", "%s (%s) still goes to %s and fails when that port is gone", pass, pass.parent.Path(), r.text())
			}
		}
		if address := p.mayReach(pass); address != "" {
			p.stay(pass, "", "%s (%s) can get %s from a variable, and fails then when that port is gone", pass, pass.parent.Path(), address)
		}
	}
	p.c.root.walk(func(n *Node) {
		if !calls(n) {
			return
		}
		if a, ok := parsePass(n.Arg(0)); ok && p.touches(a, "80") {
			p.stay(n, "", "%s still goes there and fails when that port is gone", n)
		}
	})
}

func (p *planner) stay(n *Node, code, format string, args ...any) {
	note := Note{Pos: n.Pos(), Code: code, Text: fmt.Sprintf(format, args...)}
	if !slices.Contains(p.stays, note) {
		p.stays = append(p.stays, note)
	}
}

// calls reports whether a directive of the mail or the RTMP module makes
// requests to the address that it names.
func calls(n *Node) bool {
	return n.Name() == "auth_http" && n.Within("mail") != nil || strings.HasPrefix(n.Name(), "on_") && n.Within("rtmp") != nil
}

func (p *planner) note(pos Pos, format string, args ...any) {
	n := Note{Pos: pos, Text: refuse(pos, "", format, args...).Reason}
	if !slices.Contains(p.notes, n) {
		p.notes = append(p.notes, n)
	}
}

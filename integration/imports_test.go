package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A rule reads as a sentence: only X imports Y, because; no X imports Y, because;
// no X reaches Y (imports it or anything that does), because. X and Y are packages
// of this module or of others with spaces between them: x/... is x and all below
// it, as for the go command, and ... is everything. Tests may import what they like.
type rule struct {
	only, no         string
	imports, reaches string
	because          string
	but              []exception
}

// exception is what a rule does not forbid, and why not.
type exception struct{ from, to, because string }

const (
	commands = "deployer/adopt/... deployer/unadopt/... deployer/swap/... deployer/pause/... deployer/status/... deployer/repair/... deployer/install/..."
	service  = "deployer/serve/..."
	slots    = "deployer/slots/..."
	everyone = "check/... cmd/... deployer/... nginxconf/... sockets/... templates/... integration/..."

	docker  = "deployer/docker/... github.com/docker/..."
	nginx   = "deployer/nginx/... nginxconf/..."
	systemd = "sockets/systemd github.com/coreos/go-systemd/... github.com/godbus/..."
	writing = "github.com/google/renameio/..."

	// Judging and reading what Docker answers, for which nobody is asked.
	dockerFacts = "deployer/docker/adoptable deployer/docker/inspect deployer/docker/label deployer/docker/locate deployer/docker/rawjson deployer/docker/volume"
)

var rules = []rule{
	// Each library has one place.
	{only: "cmd/edgeman", imports: "github.com/urfave/cli/...", because: "the command line stays replaceable"},
	{only: "deployer/docker/...", imports: "github.com/docker/... github.com/moby/...", because: "Docker has one adapter"},
	{only: "sockets/systemd integration/servers/gohttp", imports: "github.com/coreos/go-systemd/... github.com/godbus/...", because: "systemd has one adapter"},
	{only: "nginxconf/internal/tree", imports: "github.com/tufanbarisyildirim/gonginx/...", because: "nginx's language has one reader"},
	{only: "deployer/state", imports: "github.com/google/renameio/...", because: "there is one atomic write"},
	{only: "deployer/ask deployer/docker integration/...", imports: "net/http", because: "apps are asked in one way"},
	{only: "cmd/edgeman deployer/nginx deployer/compose deployer/docker/registry integration/...", imports: "os/exec", because: "processes are started by the adapters, and for a person's pager"},

	// The command line and the tests are above everything.
	{no: "...", imports: "cmd/...", because: "commands hold no logic"},
	{only: "integration/...", imports: "integration/...", because: "tests are not part of the product"},
	{no: "...", imports: "deployer/fake", because: "fakes are for tests"},
	{no: "cmd/edgeman-init", reaches: "fmt net reflect " + everyone, because: "it is mounted into every container and stays small"},

	// nginxconf and templates: bytes in, bytes out.
	{no: "nginxconf/... templates", imports: "os os/exec net syscall golang.org/x/sys/... " + writing, because: "they start no process and touch no file", but: []exception{
		{"nginxconf/internal/route", "net", "it takes host and port apart"},
	}},
	{no: "nginxconf/...", imports: "check/... deployer/... sockets/... templates/...", because: "it knows nothing of edgeman"},
	{no: "templates", imports: everyone, because: "it is given what it writes into them"},
	{no: "nginxconf/internal/edit", reaches: "nginxconf/internal/route", because: "bytes are replaced whatever for"},
	{no: "nginxconf/internal/route nginxconf/internal/variables", reaches: "nginxconf/internal/edit", because: "reading plans nothing"},

	// sockets: descriptors and names.
	{no: "sockets/...", reaches: docker + " " + nginx, because: "they know neither Docker nor nginx"},
	{no: "sockets/...", reaches: "check/... deployer/... templates/...", because: "they decide nothing"},
	{no: "sockets/...", imports: "os/exec " + writing, because: "they start no process and write no file: the live pointer is a link"},
	{no: "sockets sockets/relay sockets/count", reaches: systemd, because: "names, bytes and numbers know nothing of units"},
	{no: "sockets/relay", reaches: "sockets/count", because: "bytes are carried whatever is counted"},
	{no: "sockets/count", reaches: "sockets/relay", because: "counting needs no traffic"},
	{no: "sockets/systemd", imports: "os " + writing, because: "it writes no files"},

	// state: records and pointers.
	{no: "deployer/state", reaches: docker + " " + nginx + " " + systemd, because: "records know nothing of who acts on them"},
	{no: "deployer/state", reaches: slots + " " + service + " " + commands, because: "commands and the service meet in it, and it knows neither"},

	// The adapters do not know each other.
	{no: "deployer/docker/...", reaches: nginx + " " + systemd, because: "the adapter to Docker knows no other"},
	{no: "deployer/nginx", reaches: docker + " " + systemd, because: "the adapter to nginx knows no other"},
	{no: "deployer/compose", reaches: docker + " " + nginx + " " + systemd, because: "the adapter to Compose knows no other"},
	{no: "deployer/nginx", reaches: "nginxconf/...", because: "it never reads what a configuration means"},
	{no: dockerFacts, imports: "os", because: "they are given all they need"},
	{no: dockerFacts + " deployer/docker/definition deployer/docker/layer deployer/docker/registry", reaches: "github.com/docker/docker/client", because: "they ask no daemon"},

	// What commands share knows no command; commands know one another where it says why.
	{only: "cmd/edgeman " + commands, imports: commands, because: "what commands share knows none of them"},
	{no: commands, imports: commands, because: "each command stands by itself", but: []exception{
		{"deployer/adopt", "deployer/install", "it installs edgeman where it is not"},
		{"deployer/adopt", "deployer/unadopt", "an adoption that fails is undone by giving back"},
		{"deployer/repair", "deployer/adopt", "an interrupted adoption is completed or undone by adopt itself"},
		{"deployer/repair", "deployer/unadopt", "an interrupted giving back is completed by unadopt itself"},
	}},
	{no: slots, reaches: nginx, because: "what is done with a slot is done without nginx"},
	{no: "deployer/steps", imports: everyone, because: "it knows no command"},

	// The slot's service and the commands meet in files alone.
	{only: "cmd/edgeman " + service, imports: service, because: "commands and the service meet in files alone"},
	{no: service, reaches: commands + " " + slots, because: "commands and the service meet in files alone"},
	{no: service, reaches: nginx, because: "the service does not know nginx"},
	{no: "deployer/serve/carry", reaches: docker + " " + systemd + " deployer/serve deployer/serve/run", because: "connections are carried whatever takes them"},
	{no: "deployer/serve/run", reaches: systemd + " deployer/serve", because: "containers are kept whoever asks for them"},

	// Those who look change nothing; see also TestLookingChangesNothing.
	{no: "deployer/status", imports: "os/exec " + nginx + " deployer/data deployer/patience deployer/site deployer/steps deployer/console", because: "status changes nothing"},
	{no: "check", imports: "os/exec net/http github.com/docker/... deployer/docker " + systemd + " " + writing + " " + slots, because: "check changes nothing"},

	// The leaves.
	{no: "deployer/around deployer/ask deployer/console deployer/hint deployer/outcome deployer/poll deployer/words", imports: everyone, because: "a leaf knows nothing of what it is for", but: []exception{
		{"deployer/console", "deployer/hint", "a person is told both"},
		{"deployer/console", "deployer/outcome", "an answer can be no, or Ctrl-C"},
		{"deployer/console", "deployer/poll", "progress is shown while something is waited for"},
		{"deployer/console", "deployer/words", "it speaks"},
		{"deployer/outcome", "deployer/state", "an app that is locked has an exit code of its own"},
	}},
}

func TestImportRules(t *testing.T) {
	for _, p := range list(t) {
		for _, r := range rules {
			for _, broken := range r.judge(p) {
				t.Error(broken)
			}
		}
	}
}

// judge returns what the package does that the rule forbids.
func (r rule) judge(p pkg) (broken []string) {
	if r.no != "" && !among(p.ImportPath, r.no) || r.only != "" && among(p.ImportPath, r.only) {
		return nil
	}
	what, verb, deps := r.imports, "import", p.Imports
	if r.reaches != "" {
		what, verb, deps = r.reaches, "reach", p.Deps
	}
	for _, dep := range deps {
		if among(dep, what) && !r.excepts(p.ImportPath, dep) {
			broken = append(broken, fmt.Sprintf("%s may not %s %s: %s", p.ImportPath, verb, dep, r.because))
		}
	}
	return broken
}

// excepts: a folder that is split goes on being one thing.
func (r rule) excepts(from, to string) bool {
	for _, one := range strings.Fields(r.no) {
		if one != "..." && strings.HasSuffix(one, "/...") && within(from, one) && within(to, one) {
			return true
		}
	}
	return slices.ContainsFunc(r.but, func(e exception) bool { return e.from == from && e.to == to })
}

func among(path, list string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(one string) bool { return within(path, one) })
}

// within matches a path as the go command does.
func within(path, pattern string) bool {
	top, below := strings.CutSuffix(pattern, "...")
	if !below {
		return path == pattern
	}
	return strings.HasPrefix(path+"/", top)
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		path, pattern string
		want          bool
	}{
		{"os", "os", true},
		{"os/exec", "os", false},
		{"cmd/edgeman", "cmd/...", true},
		{"cmd", "cmd/...", true},
		{"cmdx", "cmd/...", false},
		{"check", "...", true},
		{"deployer/serve/run", "deployer/serve", false},
	} {
		if within(c.path, c.pattern) != c.want {
			t.Errorf("%s within %s: want %v", c.path, c.pattern, c.want)
		}
	}
}

// Every rule has something to forbid: each package that it names is there, and
// whoever does what it forbids is reported, for each pair of its packages.
func TestRulesCanFail(t *testing.T) {
	all := list(t)
	if len(rules) < 30 || len(all) < 40 {
		t.Fatalf("%d rules, %d packages", len(rules), len(all))
	}
	for _, r := range rules {
		if (r.only == "") == (r.no == "") || (r.imports == "") == (r.reaches == "") || r.because == "" {
			t.Errorf("not a sentence: %+v", r)
		}
		r.namesPackages(t, all)
		for _, what := range strings.Fields(r.imports + r.reaches) {
			what = strings.TrimSuffix(what, "/...")
			for _, who := range r.forbidden(all) {
				bad := pkg{ImportPath: who, Imports: []string{what}, Deps: []string{what}}
				if who != what && !r.excepts(who, what) && len(r.judge(bad)) != 1 {
					t.Errorf("%s may use %s, although %s", who, what, r.because)
				}
			}
		}
		for _, who := range strings.Fields(r.only) {
			good := pkg{ImportPath: strings.TrimSuffix(who, "/..."), Imports: strings.Fields(r.imports), Deps: strings.Fields(r.reaches)}
			if broken := r.judge(good); len(broken) > 0 {
				t.Error(broken)
			}
		}
	}
}

// namesPackages: the rule's packages are there, and its exceptions are needed.
func (r rule) namesPackages(t *testing.T, all []pkg) {
	t.Helper()
	for _, pattern := range strings.Fields(strings.Join([]string{r.only, r.no, r.imports, r.reaches}, " ")) {
		match := func(path string) bool { return within(path, pattern) }
		if !slices.ContainsFunc(all, func(p pkg) bool { return match(p.ImportPath) || slices.ContainsFunc(p.Deps, match) }) {
			t.Errorf("a rule says nothing about %s: there is no such package (%s)", pattern, r.because)
		}
	}
	for _, e := range r.but {
		needed := slices.ContainsFunc(all, func(p pkg) bool { return p.ImportPath == e.from && slices.Contains(p.Imports, e.to) })
		if !needed || e.because == "" {
			t.Errorf("%s may import %s because %q, and does not", e.from, e.to, e.because)
		}
	}
}

// forbidden are packages that the rule is to stop: those that it names and one
// below each, or all that it does not name.
func (r rule) forbidden(all []pkg) (who []string) {
	for _, one := range strings.Fields(r.no) {
		if top, below := strings.CutSuffix(one, "/..."); below {
			who = append(who, top, top+"/below")
		} else if one != "..." {
			who = append(who, one)
		}
	}
	for _, p := range all {
		if r.no == "..." || r.only != "" && !among(p.ImportPath, r.only) {
			who = append(who, p.ImportPath)
		}
	}
	return who
}

// pkg is a package of this module; the names of its own are without "edgeman/".
type pkg struct {
	ImportPath    string
	Imports, Deps []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "edgeman/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	out = []byte(strings.ReplaceAll(string(out), `"edgeman/`, `"`))
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

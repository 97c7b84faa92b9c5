package integration

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rule limits who may import what, by prefix of the import path. Either only
// the packages in only may import what, or those in not may not.
type rule struct {
	what string
	only []string
	not  []string
	deps bool // indirect imports count as well
	why  string
}

var rules = []rule{
	{what: "github.com/docker/", only: []string{"edgeman/deployer/docker"}, why: "Docker has one adapter"},
	{what: "github.com/coreos/go-systemd/", only: []string{"edgeman/sockets/systemd", "edgeman/integration/servers"}, why: "systemd has one adapter"},
	{what: "github.com/godbus/", only: []string{"edgeman/sockets/systemd"}, why: "systemd has one adapter"},
	{what: "github.com/urfave/cli/", only: []string{"edgeman/cmd"}, why: "the command line stays replaceable"},
	{what: "github.com/tufanbarisyildirim/gonginx", only: []string{"edgeman/nginxconf/internal/tree"}, why: "nginx's language has one reader"},
	{what: "edgeman/nginxconf/internal/route", not: []string{"edgeman/nginxconf/internal/edit"}, deps: true, why: "bytes are replaced whatever for"},
	{what: "edgeman/nginxconf/internal/edit", not: []string{"edgeman/nginxconf/internal/route", "edgeman/nginxconf/internal/variables"}, deps: true, why: "reading plans nothing"},
	{what: "os/exec", not: []string{"edgeman/nginxconf", "edgeman/check", "edgeman/sockets", "edgeman/templates"}, why: "they start no process"},
	{what: "os", not: []string{"edgeman/nginxconf", "edgeman/templates"}, why: "bytes in, bytes out"},
	{what: "github.com/google/renameio/", not: []string{"edgeman/nginxconf", "edgeman/templates"}, why: "they write no files"},
	{what: "github.com/google/renameio/", not: []string{"edgeman/sockets"}, why: "it writes no file: the live pointer is a link"},
	{what: "edgeman/nginxconf", not: []string{"edgeman/sockets", "edgeman/deployer/docker", "edgeman/deployer/state"}, deps: true, why: "they do not know nginx"},
	{what: "edgeman/deployer/nginx", not: []string{"edgeman/sockets", "edgeman/deployer/docker", "edgeman/deployer/state"}, deps: true, why: "they do not know nginx"},
	{what: "edgeman/deployer", not: []string{"edgeman/sockets"}, deps: true, why: "it decides nothing"},
	{what: "edgeman/sockets/systemd", not: []string{"edgeman/sockets", "edgeman/deployer/state", "edgeman/check"}, deps: true, why: "slots, bytes and records know nothing of units"},
	{what: "edgeman/sockets/relay", not: []string{"edgeman/sockets/systemd", "edgeman/sockets/count"}, why: "counting needs no traffic"},
	{what: "edgeman/sockets/count", not: []string{"edgeman/sockets/systemd", "edgeman/sockets/relay"}, why: "bytes are carried whatever is counted"},
	{what: "github.com/docker/", not: []string{"edgeman/sockets", "edgeman/nginxconf", "edgeman/deployer/nginx", "edgeman/deployer/state"}, deps: true, why: "they do not know Docker"},
	{what: "edgeman/deployer/docker", not: []string{"edgeman/sockets", "edgeman/nginxconf", "edgeman/deployer/nginx", "edgeman/deployer/state"}, deps: true, why: "they do not know Docker"},
	{what: "github.com/docker/docker/client", not: []string{"edgeman/deployer/docker/adoptable", "edgeman/deployer/docker/definition", "edgeman/deployer/docker/inspect", "edgeman/deployer/docker/label", "edgeman/deployer/docker/layer", "edgeman/deployer/docker/locate", "edgeman/deployer/docker/registry", "edgeman/deployer/docker/rawjson", "edgeman/deployer/docker/volume"}, deps: true, why: "they ask no daemon"},
	{what: "os", not: []string{"edgeman/deployer/docker/adoptable", "edgeman/deployer/docker/inspect", "edgeman/deployer/docker/label", "edgeman/deployer/docker/locate", "edgeman/deployer/docker/rawjson", "edgeman/deployer/docker/volume"}, why: "they are given all they need"},
	{what: "edgeman/deployer/serve", only: []string{"edgeman/cmd/edgeman", "edgeman/deployer/serve"}, why: "commands and the service meet in files alone"},
	{what: "edgeman/deployer/nginx", not: []string{"edgeman/deployer/serve"}, deps: true, why: "the service does not know nginx"},
	{what: "edgeman/nginxconf", not: []string{"edgeman/deployer/serve"}, deps: true, why: "the service does not know nginx"},
	{what: "edgeman/deployer/docker", not: []string{"edgeman/deployer/serve/carry"}, deps: true, why: "connections are carried whatever takes them"},
	{what: "edgeman/integration", only: []string{"edgeman/integration"}, why: "tests are not part of the product"},
	{what: "edgeman/cmd", only: nil, why: "commands hold no logic"},
}

func TestImportRules(t *testing.T) {
	for _, p := range list(t) {
		for _, r := range rules {
			imports := p.Imports
			if r.deps {
				imports = p.Deps
			}
			for _, path := range imports {
				if within(path, r.what) && !r.allows(p.ImportPath) {
					t.Errorf("%s may not import %s: %s", p.ImportPath, path, r.why)
				}
			}
		}
	}
}

// The rules above hold only if they can fail.
func TestRulesCanFail(t *testing.T) {
	if within("os/exec", "os") || !within("edgeman/cmd/edgeman", "edgeman/cmd") || within("edgeman/cmdx", "edgeman/cmd") {
		t.Error("within tells paths apart wrongly")
	}
	if rules[0].allows("edgeman/check") || !rules[0].allows("edgeman/deployer/docker") {
		t.Error("an only rule does not hold")
	}
	if i := slices.IndexFunc(rules, func(r rule) bool { return r.what == "os" }); rules[i].allows("edgeman/nginxconf/internal/lex") || !rules[i].allows("edgeman/sockets") {
		t.Error("a not rule does not hold")
	}
	all := list(t)
	for _, r := range rules {
		for _, path := range slices.Concat([]string{r.what}, r.only, r.not) {
			there := func(dep string) bool { return within(dep, path) }
			if !slices.ContainsFunc(all, func(p pkg) bool { return there(p.ImportPath) || slices.ContainsFunc(p.Deps, there) }) {
				t.Errorf("the rule about %s can say nothing: there is no %s", r.what, path)
			}
		}
		if slices.ContainsFunc(r.not, r.allows) || r.not == nil && r.allows("edgeman/templates") {
			t.Errorf("the rule about %s lets everybody import it", r.what)
		}
	}
}

func (r rule) allows(pkg string) bool {
	inside := func(top string) bool { return within(pkg, top) }
	if r.not != nil {
		return !slices.ContainsFunc(r.not, inside)
	}
	return slices.ContainsFunc(r.only, inside)
}

// within: the standard library's "os" does not take in "os/exec".
func within(path, top string) bool {
	return path == strings.TrimSuffix(top, "/") ||
		(strings.Contains(top, ".") || strings.HasPrefix(top, "edgeman/")) && strings.HasPrefix(path, strings.TrimSuffix(top, "/")+"/")
}

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

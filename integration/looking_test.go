package integration

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"edgeman/check"
	"edgeman/deployer/status"
)

// alters matches the functions of others by which a process changes its host: files,
// links, modes, mounts, signals, other processes.
var alters = regexp.MustCompile(`^(os|\(\*os\.Root\)|syscall|golang\.org/x/sys/unix)\.(Create|OpenFile|WriteFile|Rename|Remove|Mkdir|Mknod|Symlink|Link|Unlink|Rmdir|L?Chown|Fchown|F?[Cc]hmod|Chtimes|Utimes|Truncate|Ftruncate|Mount|Unmount|Kill|StartProcess|ForkExec)` +
	`|^\(\*os\.File\)\.(Chmod|Chown|Truncate)|^\(\*os\.Process\)\.(Kill|Signal)|^os/exec\.Command|^github\.com/google/renameio/`)

// lookers are the packages that change nothing, with what they may do all the same.
var lookers = map[string][]exception{
	"deployer/status": {
		{"(deployer/state.Paths).LockHolder", "os.OpenFile", "a lock is opened to be read"},
		{"deployer/state.openTrusted", "os.OpenFile", "a file is opened to be read, links not followed"},
	},
	"sockets/count": {
		{"sockets/count.Activity", "golang.org/x/sys/unix.UtimesNanoAt", "access times tell whether anybody has connected"},
	},
	"templates": nil,
	"check": {
		{"(deployer/state.Paths).LockHolder", "os.OpenFile", "a lock is opened to be read"},
		{"deployer/state.openTrusted", "os.OpenFile", "a file is opened to be read, links not followed"},
		{"check.Local", "os.Remove", "nginx -t leaves an empty pid file where there was none"},
	},
}

// What the lookers call, and what that calls as far as it is in this module,
// changes nothing. What they are given behind an interface is in the next test.
func TestLookingChangesNothing(t *testing.T) {
	graph := calls(t, "edgeman/check", "edgeman/deployer/status", "edgeman/templates")
	for looker, but := range lookers {
		used := map[exception]bool{}
		for _, chain := range graph.reaching(looker, alters) {
			from, to := chain[len(chain)-2], chain[len(chain)-1]
			i := slices.IndexFunc(but, func(e exception) bool { return e.from == from && e.to == to })
			if i < 0 {
				t.Errorf("%s changes something:\n\t%s", looker, strings.Join(chain, "\n\t"))
				continue
			}
			used[but[i]] = true
		}
		if len(used) != len(but) {
			t.Errorf("%s: not all of its exceptions are needed: only %v", looker, used)
		}
	}
}

// A change is found where there is one, behind functions, methods and variables.
func TestLookingCanFail(t *testing.T) {
	graph := calls(t, "edgeman/deployer/install", "edgeman/deployer/pause", "edgeman/deployer/serve")
	for looker, last := range map[string]string{
		"deployer/install": "os.Remove",
		"deployer/pause":   "github.com/google/renameio/v2.NewPendingFile",
		"deployer/serve":   "os.Mkdir",
	} {
		if !slices.ContainsFunc(graph.reaching(looker, alters), func(chain []string) bool { return chain[len(chain)-1] == last }) {
			t.Errorf("%s is not seen to call %s", looker, last)
		}
	}
	for name, want := range map[string]bool{"os.ReadFile": false, "os.Open": false, "os.RemoveAll": true, "os/exec.CommandContext": true, "golang.org/x/sys/unix.Kill": true, "(*os.File).Read": false} {
		if alters.MatchString(name) != want {
			t.Errorf("%s changes something: want %v", name, want)
		}
	}
}

// The ports of those who look have methods that look, and no others.
func TestPortsOfLookersLook(t *testing.T) {
	looks := []string{
		"State", "Active", "Inspect", "Image", // status
		"Unit", "Containers", "HasImage", "Facts", "Test", "EvalSymlinks", "Glob", "Lstat", "ReadDir", "ReadFile", "Readlink", "Stat", // check
	}
	ports := 0
	for _, host := range []any{status.Host{}, check.Env{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(host)) {
			if field.Type.Kind() != reflect.Interface || !strings.HasPrefix(field.Type.PkgPath(), "edgeman/") {
				continue
			}
			ports++
			for i := range field.Type.NumMethod() {
				if name := field.Type.Method(i).Name; !slices.Contains(looks, name) {
					t.Errorf("%v has %s, which is not known to change nothing", field.Type, name)
				}
			}
		}
	}
	if ports < 5 {
		t.Errorf("%d ports were looked at", ports)
	}
}

// callGraph has for each function, and for each package as what its variables
// begin with, the functions that it names.
type callGraph map[string][]string

// reaching are the shortest ways from anything in the package to a function that
// matches, one for each pair at their end.
func (g callGraph) reaching(from string, to *regexp.Regexp) (chains [][]string) {
	var queue [][]string
	seen := map[string]bool{}
	for name := range g {
		if owner(name) == from {
			queue, seen[name] = append(queue, []string{name}), true
		}
	}
	slices.SortFunc(queue, slices.Compare)
	for ; len(queue) > 0; queue = queue[1:] {
		chain := queue[0]
		for _, next := range g[chain[len(chain)-1]] {
			longer := append(slices.Clone(chain), next)
			if to.MatchString(next) {
				chains = append(chains, longer)
			} else if !seen[next] {
				queue, seen[next] = append(queue, longer), true
			}
		}
	}
	return chains
}

// owner is the package of a function's full name.
func owner(name string) string {
	name = strings.TrimLeft(name, "(*")
	dir, base := filepath.Split(name)
	base, _, _ = strings.Cut(base, ".")
	return dir + base
}

// calls reads packages of this module and what they import of it.
func calls(t *testing.T, packages ...string) callGraph {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,GoFiles,Export"}, packages...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	set := token.NewFileSet()
	exports := map[string]string{}
	from := importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	graph := callGraph{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return graph
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if !strings.HasPrefix(p.ImportPath, "edgeman/") {
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
		if _, err := (&types.Config{Importer: from}).Check(p.ImportPath, set, files, info); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			graph.add(p.ImportPath, f, info)
		}
	}
}

func (g callGraph) add(pkg string, f *ast.File, info *types.Info) {
	short := func(name string) string { return strings.ReplaceAll(name, "edgeman/", "") }
	for _, d := range f.Decls {
		name := short(pkg)
		if fn, ok := d.(*ast.FuncDecl); ok {
			name = short(info.Defs[fn.Name].(*types.Func).FullName())
		}
		ast.Inspect(d, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			if fn, ok := info.Uses[id].(*types.Func); ok {
				g[name] = append(g[name], short(fn.Origin().FullName()))
			}
			return true
		})
	}
}

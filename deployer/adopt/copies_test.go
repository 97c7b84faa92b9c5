package adopt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/fake"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/deployer/steps"
	"edgeman/deployer/unadopt"
)

// copies is a world with a site before containers that really listen.
type copies struct {
	*world
	site, before string
	addrs        []string
	apps         []net.Listener
}

// newCopies makes n running containers web-1 to web-n of one image, and a site
// whose upstream holds their addresses with what parameters say.
func newCopies(t *testing.T, n int, upstream string, parameters ...string) *copies {
	t.Helper()
	w := &copies{world: newWorld(t)}
	w.Settings, w.Listeners = map[string]string{}, map[string]net.Listener{}
	w.before = "upstream my_app {\n" + upstream
	port := "0" // the same for all, each at an address of its own
	for i := range n {
		ip := netip.AddrFrom4([4]byte{127, 0, 77, byte(i + 1)})
		l, err := net.Listen("tcp", ip.String()+":"+port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		at := l.Addr().String()
		_, port, _ = net.SplitHostPort(at)
		name := fmt.Sprintf("web-%d", i+1)
		c := docker.Container{
			ID: name, Name: name, Image: "myapp:v1", ImageID: "sha256:v1", Running: true, RestartPolicy: "on-failure:" + fmt.Sprint(i+1),
			Networks: []docker.Network{{IPv4: ip}},
		}
		if c.Raw, err = json.Marshal(c); err != nil {
			t.Fatal(err)
		}
		w.Containers[name] = c
		line := at
		if i < len(parameters) {
			line += parameters[i]
		}
		w.before += "    server " + line + ";\n"
		w.addrs, w.apps = append(w.addrs, at), append(w.apps, l)
	}
	w.before += "}\nserver { location / { proxy_pass http://my_app; } }\n"
	dir := filepath.Dir(w.Paths.Etc)
	w.site = filepath.Join(dir, "site")
	w.write(w.site, w.before)
	w.write(filepath.Join(dir, "nginx.conf"), "events {}\nhttp { include "+w.site+"; }\n")
	return w
}

func (w *copies) write(path, text string) {
	w.T.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.T.Fatal(err)
	}
}

// begin plans the adoption of the site's only app.
func (w *copies) begin() (*takeover, error) {
	w.T.Helper()
	o := Options{Sites: []string{w.site}, Name: "myapp", Timeout: time.Minute, Drain: time.Second}
	take, _, err := w.planAdopt(context.Background(), o)
	if err != nil {
		return nil, err
	}
	t := w.newTakeover(o, take[0])
	t.ways[0].targets[0].Protocol = "tcp" // no request is sent through a slot that nobody serves
	return t, nil
}

func (w *copies) now() string {
	w.T.Helper()
	b, err := os.ReadFile(w.site)
	if err != nil {
		w.T.Fatal(err)
	}
	return string(b)
}

// wantAsBefore checks that nothing of the adoption is left.
func (w *copies) wantAsBefore() {
	w.T.Helper()
	if got := w.now(); got != w.before {
		w.T.Errorf("the site is\n%s\nwas\n%s", got, w.before)
	}
	for i := range w.addrs {
		name := fmt.Sprintf("web-%d", i+1)
		if c := w.Containers[name]; !c.Running || c.RestartPolicy != fmt.Sprintf("on-failure:%d", i+1) {
			w.T.Errorf("%s runs %v with policy %q", name, c.Running, c.RestartPolicy)
		}
	}
	if len(w.Containers) != len(w.addrs) {
		w.T.Errorf("containers %v", w.Containers)
	}
	if _, err := w.Paths.ReadApp("myapp"); !errors.Is(err, state.ErrNoApp) {
		w.T.Errorf("the app is still there: %v", err)
	}
}

// wantAdopted checks that the slot serves and all originals are kept, stopped.
func (w *copies) wantAdopted() {
	w.T.Helper()
	if n := strings.Count(w.now(), w.Paths.Live("myapp")); n != len(w.addrs) {
		w.T.Errorf("%d lines lead to the slot:\n%s", n, w.now())
	}
	for i := range w.addrs {
		if c := w.Containers[fmt.Sprintf("web-%d", i+1)]; c.ID == "" || c.Running || c.RestartPolicy != "no" {
			w.T.Errorf("original %+v, want it stopped without a restart policy", c)
		}
	}
	if r, err := w.Paths.ReadRelease("myapp", 1); err != nil || r.Count() != len(w.addrs) {
		w.T.Errorf("release %+v, %v", r, err)
	}
	if app, err := w.Paths.ReadApp("myapp"); err != nil || app.Replicas != len(w.addrs) {
		w.T.Errorf("app %+v, %v", app, err)
	}
	if _, open, _ := w.Paths.ReadOperation("myapp"); open {
		w.T.Error("the journal was not closed")
	}
}

func (w *copies) release(timeout time.Duration) error {
	_, err := w.Unadopt.Unadopt(context.Background(), unadopt.Options{App: "myapp", Yes: true, Timeout: timeout})
	return err
}

func TestAdoptAndReleaseCopies(t *testing.T) {
	w := newCopies(t, 3, "    least_conn;\n")
	to, err := w.begin()
	if err == nil {
		err = w.adopt(context.Background(), to.o, to.candidate)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.wantAdopted()
	if want := "old containers (web-1 0 → 0, web-2 0 → 0, web-3 0 → 0): "; !strings.Contains(w.Stderr.String(), want) {
		t.Errorf("no %q in\n%s", want, &w.Stderr)
	}
	delete(w.Containers, "web-2") // pruned since
	if err := w.release(time.Minute); err != nil {
		t.Fatal(err)
	}
	w.wantAsBefore()
}

// A release of which one container does not answer stays as it was, with all of
// them stopped again.
func TestReleaseOfCopiesStays(t *testing.T) {
	w := newCopies(t, 3, "")
	to, err := w.begin()
	if err == nil {
		err = w.adopt(context.Background(), to.o, to.candidate)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.apps[1].Close()
	if err := w.release(2 * time.Second); outcome.ExitCode(err) != outcome.ExitFailed || !strings.Contains(err.Error(), "web-2 did not answer") {
		t.Errorf("exit code %d, %v", outcome.ExitCode(err), err)
	}
	w.wantAdopted()
}

// A container's own address may be somebody else's when it is started again:
// nginx is not led there.
func TestReleaseToAnAddressThatIsGone(t *testing.T) {
	w := newCopies(t, 2, "")
	to, err := w.begin()
	if err == nil {
		err = w.adopt(context.Background(), to.o, to.candidate)
	}
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := netip.MustParseAddr("127.0.77.99")
	l, err := net.Listen("tcp", netip.AddrPortFrom(elsewhere, netip.MustParseAddrPort(w.addrs[1]).Port()).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w.set("web-2", func(c *docker.Container) { c.Networks = []docker.Network{{IPv4: elsewhere}} })
	if err := w.release(time.Minute); outcome.ExitCode(err) != outcome.ExitFailed || !strings.Contains(err.Error(), "web-2 did not get its address 127.0.77.2 back") {
		t.Errorf("exit code %d, %v", outcome.ExitCode(err), err)
	}
	w.wantAdopted()
}

func TestAdoptOfCopiesThatFails(t *testing.T) {
	for name, breakIt := range map[string]func(*copies){
		"sick":          func(w *copies) { w.Sick["sha256:v1"] = true },
		"nginx refuses": func(w *copies) { w.NginxFails = errors.New("no") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newCopies(t, 3, "")
			to, err := w.begin()
			if err != nil {
				t.Fatal(err)
			}
			breakIt(w)
			if name == "sick" {
				to.o.Timeout = 300 * time.Millisecond
			}
			if err := w.adopt(context.Background(), to.o, to.candidate); outcome.ExitCode(err) != outcome.ExitFailed {
				t.Errorf("exit code %d, %v", outcome.ExitCode(err), err)
			}
			w.wantAsBefore()
		})
	}
}

// An adoption that is killed after any step is undone or completed by repair,
// and so is the release after it.
func TestRepairOfCopies(t *testing.T) {
	for n := range 4 {
		t.Run(fmt.Sprint(n+1, " steps"), func(t *testing.T) {
			w := newCopies(t, 3, "")
			to, err := w.begin()
			if err == nil {
				err = w.Paths.MakeApp("myapp")
			}
			if err == nil {
				err = steps.Run(context.Background(), to.begin, to.steps()[:n+1])
			}
			if n == 2 && err == nil { // in the next, and one of them was stopped already
				err = errors.Join(to.begin(adoption.StepDrain), w.Docker.Stop(context.Background(), "web-1"))
			}
			if err == nil {
				err = w.Repair(context.Background(), "myapp")
			}
			if err != nil {
				t.Fatal(err)
			}
			if n < 2 {
				w.wantAsBefore()
				return
			}
			w.wantAdopted()
			if events, err := w.Paths.History("myapp"); err != nil || len(events) != 1 || events[0].Operation != "adopt" || events[0].Release != 1 {
				t.Errorf("history %+v, %v", events, err)
			}
			if err := w.Paths.BeginStep("myapp", state.Operation{Name: "unadopt", Step: adoption.StepStart}); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(fake.Docker{World: w.World}.Start(context.Background(), "web-3"), w.Repair(context.Background(), "myapp")); err != nil {
				t.Fatal(err)
			}
			w.wantAsBefore()
		})
	}
}

func TestAdoptRefusesWhatAreNoCopies(t *testing.T) {
	tests := []struct {
		name       string
		breakIt    func(*copies)
		upstream   string
		parameters []string
		o          Options
		want       []string // with %N for the address of container N
	}{
		{
			name: "another image", want: []string{"site:3: %2 is container web-2 of myapp:v2 (v2), and %1 is web-1 of myapp:v1 (v1)"},
			breakIt: func(w *copies) {
				w.set("web-2", func(c *docker.Container) { c.Image, c.ImageID = "myapp:v2", "sha256:v2" })
			},
		},
		{
			name: "another build of the tag", want: []string{"site:4: %3 is container web-3 of myapp:v1 (v2)"},
			breakIt: func(w *copies) { w.set("web-3", func(c *docker.Container) { c.ImageID = "sha256:v2" }) },
		},
		{
			name: "other settings", want: []string{"site:3: %2 is container web-2, which has other settings than web-1: environment variable TOKEN\n"},
			breakIt: func(w *copies) { w.Settings["web-2"] = `{"version":1,"config":{"Env":["TOKEN=s3cret"]}}` },
		},
		{
			name: "another port inside", want: []string{"site:4: %3 is container web-3 that listens on 9000, and web-1 listens on"},
			breakIt: func(w *copies) {
				w.set("web-3", func(c *docker.Container) { c.Published, c.Networks = w.published(2, 9000), nil })
			},
		},
		{
			name: "one is no container", want: []string{"site:4: no running container serves %3"},
			breakIt: func(w *copies) { delete(w.Containers, "web-3") },
		},
		{
			name: "one container twice beside a copy", want: []string{"site:3: %2 has weight 1 and %1 has 2", "--allow-lost-weights"},
			breakIt: func(w *copies) {
				w.set("web-1", func(c *docker.Container) { c.Networks = append(c.Networks, w.Containers["web-3"].Networks...) })
				delete(w.Containers, "web-3")
			},
		},
		{
			name: "two ports of one container", want: []string{"site:4: %3 leads to container web-1, as %1 does"},
			breakIt: func(w *copies) {
				w.set("web-1", func(c *docker.Container) { c.Published = w.published(2, 9000) })
				delete(w.Containers, "web-3")
			},
		},
		{
			name: "there can be only one", want: []string{"site:2: %1 is container web-1, of which there can be only one: it uses the host's network"},
			breakIt: func(w *copies) {
				for _, name := range []string{"web-1", "web-2", "web-3"} {
					w.Settings[name] = `{"version":1,"host_config":{"NetworkMode":"host"}}`
				}
			},
		},
		{name: "weights", parameters: []string{"", " weight=5"}, want: []string{"site:3: ", "has weight 5", "--allow-lost-weights"}},
		{name: "ip_hash", upstream: "    ip_hash;\n", want: []string{"site:2: ", "ip_hash", "--allow-lost-stickiness"}},
		{name: "one of them asked for", o: Options{Only: []string{"%2"}}, want: []string{"become one app together", "--only my_app"}},
		{name: "a container named", o: Options{Container: "web-1"}, want: []string{"upstream my_app has 3 servers", "--container"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newCopies(t, 3, tt.upstream, tt.parameters...)
			if tt.breakIt != nil {
				tt.breakIt(w)
			}
			fill := strings.NewReplacer("%1", w.addrs[0], "%2", w.addrs[1], "%3", w.addrs[2])
			o := tt.o
			for i := range o.Only {
				o.Only[i] = fill.Replace(o.Only[i])
			}
			o.Sites, o.Name, o.Yes = []string{w.site}, "myapp", true
			_, err := w.Host.Adopt(context.Background(), o)
			if outcome.ExitCode(err) != outcome.ExitRefused {
				t.Errorf("exit code %d (%v), want %d", outcome.ExitCode(err), err, outcome.ExitRefused)
			}
			for _, want := range tt.want {
				if want = fill.Replace(want); err == nil || !strings.Contains(hint.Text(err), want) {
					t.Errorf("no %q in\n%v", want, err)
				}
			}
			if err != nil && strings.Contains(hint.Text(err), "s3cret") {
				t.Error("a secret is told")
			}
			if w.now() != w.before || len(w.Calls) > 0 {
				t.Errorf("a refused adoption did %v", w.Calls)
			}
		})
	}
}

func (w *copies) set(name string, f func(*docker.Container)) {
	w.T.Helper()
	if err := w.Change(name, f); err != nil {
		w.T.Fatal(err)
	}
}

// published is container i's address as a port of the host that leads to another.
func (w *copies) published(i int, inside uint16) []docker.Port {
	at := netip.MustParseAddrPort(w.addrs[i])
	return []docker.Port{{HostIP: at.Addr(), HostPort: at.Port(), ContainerPort: inside, Proto: "tcp"}}
}

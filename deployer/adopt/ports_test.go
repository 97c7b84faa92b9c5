package adopt

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/nginxconf"
)

// twoPorts is a world in which web-1 publishes two ports that the site uses.
func twoPorts(t *testing.T) (*copies, netip.AddrPort, netip.AddrPort) {
	w := newCopies(t, 1, "")
	one, two := netip.MustParseAddrPort(w.addrs[0]), answering(t, status(200))
	w.write(w.site, "upstream web { server "+one.String()+"; }\nupstream chat { server "+two.String()+"; }\n"+
		"server { location / { proxy_pass http://web; } location /chat { proxy_pass http://chat; } }\n")
	w.set("web-1", func(c *docker.Container) {
		c.Networks = nil
		c.Published = []docker.Port{
			{HostIP: one.Addr(), HostPort: one.Port(), ContainerPort: 8069, Proto: "tcp"},
			{HostIP: two.Addr(), HostPort: two.Port(), ContainerPort: 8072, Proto: "tcp"},
		}
	})
	return w, one, two
}

// Two ports of one container become one app with two listeners.
func TestAdoptOfTwoPorts(t *testing.T) {
	w, one, two := twoPorts(t)
	r, err := w.Host.Adopt(t.Context(), Options{Sites: []string{w.site}, Name: "odoo", DryRun: true})
	if err != nil || len(r.Apps) != 1 || len(r.Left) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	want := []Listener{{"8069", 8069, "http", []string{one.String()}, "web"}, {"8072", 8072, "http", []string{two.String()}, "chat"}}
	if got := r.Apps[0].Listeners; !reflect.DeepEqual(got, want) || r.Apps[0].Replicas != 1 {
		t.Errorf("%+v, want %+v", got, want)
	}
	if said := "odoo: upstream web (" + one.String() + "), upstream chat (" + two.String() + ") are served by container web-1 ("; !strings.Contains(w.Stdout.String(), said) {
		t.Errorf("%q is not in\n%s", said, w.Stdout.String())
	}
	for _, l := range want {
		if !strings.Contains(r.Apps[0].Diff, "server unix:"+w.Paths.LiveSocket("odoo", l.Name)+";") {
			t.Errorf("%s is not taken over:\n%s", l.Name, r.Apps[0].Diff)
		}
	}
}

// They cannot be two apps, whatever they are called.
func TestAdoptOfTwoPortsWithTwoNames(t *testing.T) {
	w, one, two := twoPorts(t)
	o := Options{Sites: []string{w.site}, Yes: true, Names: map[string]string{one.String(): "web", two.String(): "chat"}}
	_, err := w.Host.Adopt(t.Context(), o)
	if outcome.ExitCode(err) != outcome.ExitUsage || len(w.Calls) > 0 {
		t.Fatalf("%v, %v", err, w.Calls)
	}
	if !strings.Contains(hint.Text(err), "are ports of one container, web-1, and one app") {
		t.Error(hint.Text(err))
	}
}

// A port that is told belongs to one of them.
func TestAdoptOfTwoPortsWithOneNumber(t *testing.T) {
	w, _, _ := twoPorts(t)
	_, err := w.Host.Adopt(t.Context(), Options{Sites: []string{w.site}, Port: 80, DryRun: true})
	if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "--port names one") {
		t.Errorf("%v", err)
	}
}

// One of them alone: the container runs on for the other, unless it must not run
// beside another one.
func TestAdoptOfOneOfTwoPorts(t *testing.T) {
	data := []string{"writes to the volume odoo at /data"}
	tests := []struct {
		name  string
		data  []string
		allow []string
		ok    bool
		want  string
	}{
		{"no data", nil, nil, true, "is not taken over: the container runs on for it, beside the app's own"},
		{"data", data, nil, false, "would run on for its other ports beside the app's own"},
		{"data, accepted", data, []string{AllowOtherPorts}, true, "where nginx sends requests ("},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, one, two := twoPorts(t)
			w.Writes, w.Beside = tt.data, tt.data
			r, err := w.Host.Adopt(t.Context(), Options{Sites: []string{w.site}, Only: []string{one.String()}, Allow: tt.allow, LetWait: true, DryRun: true})
			if (err == nil) != tt.ok {
				t.Fatal(err)
			}
			said := w.Stderr.String()
			if err != nil {
				said = hint.Text(err)
			} else if r.Apps[0].Beside != (tt.allow == nil) {
				t.Errorf("beside: %v", r.Apps[0].Beside)
			}
			port := two.String()[strings.LastIndex(two.String(), ":")+1:]
			for _, want := range []string{tt.want, "port " + port + " of this machine (8072/tcp in container web-1)"}[:1+len(r.Apps)] {
				if !strings.Contains(said, want) {
					t.Errorf("no %q in\n%s", want, said)
				}
			}
			if err != nil && !strings.Contains(said, data[0]) {
				t.Errorf("no word of the data:\n%s", said)
			}
		})
	}
}

// A port at the container's own address is its port, too.
func TestAdoptOfOneOfTwoOwnPorts(t *testing.T) {
	w := newCopies(t, 1, "")
	at := netip.MustParseAddrPort(w.addrs[0])
	w.write(w.site, "server { location / { proxy_pass http://"+at.String()+"; } location /chat { proxy_pass http://"+netip.AddrPortFrom(at.Addr(), 1).String()+"; } }\n")
	o := Options{Sites: []string{w.site}, Only: []string{at.String()}, DryRun: true}
	if r, err := w.Host.Adopt(t.Context(), o); err != nil || !r.Apps[0].Beside {
		t.Errorf("%+v, %v", r, err)
	}
	o.Allow = []string{AllowOtherPorts}
	if r, err := w.Host.Adopt(t.Context(), o); err != nil || r.Apps[0].Beside {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestDefaultName(t *testing.T) {
	labels := func(service, project string) map[string]string {
		return map[string]string{"com.docker.compose.service": service, "com.docker.compose.project": project}
	}
	tests := []struct {
		site string
		c    docker.Container
		want string
	}{
		{"/x/Shop.conf", docker.Container{Name: "web"}, "shop"},
		{"/x/default", docker.Container{Name: "photos"}, "photos"},
		{"/x/default.conf", docker.Container{Name: "photos-web-1", Labels: labels("gallery", "photos")}, "gallery"},
		{"/x/nginx.conf", docker.Container{Name: "photos-web-1", Labels: labels("web", "photos")}, "photos"},
		{"/x/sites", docker.Container{Name: "sleepy_curie", Image: "registry.example:5000/x/gallery:v1"}, "shop-example-com"},
		{"/x/conf", docker.Container{Name: "app"}, "shop-example-com"},
	}
	for _, tt := range tests {
		w := newCopies(t, 1, "")
		w.write(w.site, "server { server_name shop.example.com; location / { proxy_pass http://"+w.addrs[0]+"; proxy_set_header Host $host; } }\n")
		take, _, err := w.planAdopt(t.Context(), Options{Sites: []string{w.site}})
		if err != nil {
			t.Fatal(err)
		}
		c := take[0]
		c.containers = []docker.Container{tt.c}
		if got := c.defaultName([]string{tt.site}, true, nil); got != tt.want {
			t.Errorf("%s, %s: %q, want %q", tt.site, tt.c.Name, got, tt.want)
		}
	}
	c := candidate{containers: []docker.Container{{Name: "sleepy_curie", Image: "x/gallery:v1"}}, ways: []way{{targets: []nginxconf.Target{{Upstream: "my_app"}}}}}
	if got := c.defaultName([]string{"/x/default"}, true, nil); got != "gallery" {
		t.Errorf("without a name: %q", got)
	}
	if got := c.defaultName([]string{"/x/default"}, false, map[string]bool{"gallery": true}); got != "my-app" {
		t.Errorf("a second one: %q", got)
	}
	c = candidate{containers: []docker.Container{{Name: "backend", Image: "x/gallery:v1"}}, ways: []way{{targets: []nginxconf.Target{{}}}}}
	if got := c.defaultName([]string{"/x/shop"}, false, nil); got != "backend" {
		t.Errorf("one of several: %q", got)
	}
	if names := repositoryName("sha256:0123"); names != "" || slices.Contains(nothing, "gallery") {
		t.Errorf("an id is no name: %q", names)
	}
}

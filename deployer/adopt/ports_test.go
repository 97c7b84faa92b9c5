package adopt

import (
	"net/netip"
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

// One container never becomes two apps, whatever they are called.
func TestAdoptOfTwoPorts(t *testing.T) {
	w, one, two := twoPorts(t)
	o := Options{Site: w.site, Yes: true, Names: map[string]string{one.String(): "web", two.String(): "chat"}}
	_, err := w.Host.Adopt(t.Context(), o)
	if outcome.ExitCode(err) != outcome.ExitRefused || len(w.Calls) > 0 {
		t.Fatalf("%v, %v", err, w.Calls)
	}
	for _, want := range []string{"site:1", "site:2", "lead to the same container, web-1", "--only " + one.String() + " or --only " + two.String()} {
		if !strings.Contains(hint.Text(err), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	if strings.Contains(hint.Text(err), "--name") {
		t.Errorf("a hint that makes two copies:\n%v", err)
	}
}

// One of them alone: the other is named, and data has to be accepted.
func TestAdoptOfOneOfTwoPorts(t *testing.T) {
	tests := []struct {
		name   string
		writes []string
		allow  []string
		ok     bool
	}{
		{"no data", nil, nil, true},
		{"data", []string{"writes to the volume odoo at /data"}, nil, false},
		{"data, accepted", []string{"writes to the volume odoo at /data"}, []string{AllowOtherPorts}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, one, two := twoPorts(t)
			w.Writes = tt.writes
			_, err := w.Host.Adopt(t.Context(), Options{Site: w.site, Only: []string{one.String()}, Allow: tt.allow, DryRun: true})
			if (err == nil) != tt.ok {
				t.Fatal(err)
			}
			said := w.Stderr.String()
			if err != nil {
				said = err.Error()
			}
			port := two.String()[strings.LastIndex(two.String(), ":")+1:]
			for _, want := range []string{"port " + port + " of this machine (8072/tcp in container web-1), where nginx sends requests (", "proxy_pass http://chat"} {
				if !strings.Contains(said, want) {
					t.Errorf("no %q in\n%s", want, said)
				}
			}
			if err != nil && !strings.Contains(said, "writes to the volume odoo at /data") {
				t.Errorf("no word of the data:\n%s", said)
			}
		})
	}
}

// A port at the container's own address goes away with it.
func TestAdoptOfOneOfTwoOwnPorts(t *testing.T) {
	w := newCopies(t, 1, "")
	at := netip.MustParseAddrPort(w.addrs[0])
	w.write(w.site, "server { location / { proxy_pass http://"+at.String()+"; } location /chat { proxy_pass http://"+netip.AddrPortFrom(at.Addr(), 1).String()+"; } }\n")
	o := Options{Site: w.site, Only: []string{at.String()}, DryRun: true}
	if _, err := w.Host.Adopt(t.Context(), o); outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), ":1 reaches another port of container web-1") || !strings.Contains(hint.Text(err), "--allow-other-ports") {
		t.Errorf("%v", err)
	}
	o.Allow = []string{AllowOtherPorts}
	if _, err := w.Host.Adopt(t.Context(), o); err != nil {
		t.Error(err)
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
		take, _, err := w.planAdopt(t.Context(), Options{Site: w.site})
		if err != nil {
			t.Fatal(err)
		}
		c := take[0]
		c.containers = []docker.Container{tt.c}
		if got := c.defaultName(tt.site, true, nil); got != tt.want {
			t.Errorf("%s, %s: %q, want %q", tt.site, tt.c.Name, got, tt.want)
		}
	}
	c := candidate{containers: []docker.Container{{Name: "sleepy_curie", Image: "x/gallery:v1"}}, targets: []nginxconf.Target{{Upstream: "my_app"}}}
	if got := c.defaultName("/x/default", true, nil); got != "gallery" {
		t.Errorf("without a name: %q", got)
	}
	if got := c.defaultName("/x/default", false, map[string]bool{"gallery": true}); got != "my-app" {
		t.Errorf("a second one: %q", got)
	}
	c = candidate{containers: []docker.Container{{Name: "backend", Image: "x/gallery:v1"}}, targets: []nginxconf.Target{{}}}
	if got := c.defaultName("/x/shop", false, nil); got != "backend" {
		t.Errorf("one of several: %q", got)
	}
	if names := repositoryName("sha256:0123"); names != "" || slices.Contains(nothing, "gallery") {
		t.Errorf("an id is no name: %q", names)
	}
}

package adopt

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// publish makes a container of the world that has port 80 published at hosts, at all
// of them if there are none.
func (w *copies) publish(name, port string, hosts ...string) {
	c := docker.Container{ID: name, Name: name, Image: "myapp:v1", ImageID: "sha256:v1", Running: true}
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	for _, h := range hosts {
		ip, _ := netip.ParseAddr(h)
		c.Published = append(c.Published, docker.Port{HostIP: ip, HostPort: netip.MustParseAddrPort("0.0.0.0:" + port).Port(), ContainerPort: 80, Proto: "tcp"})
	}
	w.Containers[name] = c
}

func TestAdoptTellsAddressesApart(t *testing.T) {
	taken, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6: %v", err)
	}
	t.Cleanup(func() { taken.Close() })
	_, busy, _ := net.SplitHostPort(taken.Addr().String())
	const site = "server { location / { proxy_pass http://127.0.0.1:8080; } location /6 { proxy_pass http://[::1]:8080; } location /l { proxy_pass http://localhost:8080; } location /h { proxy_pass http://127.0.1.1:8080; } }\n"
	both := func(w *copies) { w.publish("four", "8080", "127.0.0.1"); w.publish("six", "8080", "::1") }
	tests := []struct {
		name, site string
		containers func(*copies)
		want       string // "container: addresses; ..."
		says       string // of what is refused or left
	}{
		{"one container behind all", site, func(w *copies) { w.publish("web", "8080") }, "web: 127.0.0.1:8080 [::1]:8080 localhost:8080 127.0.1.1:8080", ""},
		{"one container at both loopbacks", "server { location / { proxy_pass http://localhost:8080; } }", func(w *copies) { w.publish("web", "8080", "127.0.0.1", "::1") }, "web: localhost:8080", ""},
		{"two ports of the host, one of the container", "server { location / { proxy_pass http://127.0.0.1:8080; } location /o { proxy_pass http://127.0.0.1:9090; } }", func(w *copies) {
			w.publish("web", "8080")
			c := w.Containers["web"]
			c.Published = append(c.Published, docker.Port{HostPort: 9090, ContainerPort: 80, Proto: "tcp"})
			w.Containers["web"] = c
		}, "web: 127.0.0.1:8080 127.0.0.1:9090", ""},
		{"a container behind each", strings.Replace(site, "localhost", "127.0.0.1", 1), both, "four: 127.0.0.1:8080; six: [::1]:8080", "no running container serves 127.0.1.1:8080"},
		{"a name for both", "server {\nlocation / { proxy_pass http://localhost:8080; } }", both, "", "site:2: localhost:8080 leads to several containers, four at 127.0.0.1:8080 and six at [::1]:8080\nhint: "},
		{"a name for both in an upstream", "upstream u {\nserver localhost:8080; } server { location / { proxy_pass http://u; } }", both, "", "site:2: localhost:8080 leads to several containers, four at "},
		{"another process", "server {\nlocation / { proxy_pass http://localhost:BUSY; } }", func(w *copies) { w.publish("web", busy, "127.0.0.1") }, "", "site:2: localhost:" + busy + " leads to container web, and to [::1]:" + busy + ", where something else answers\nhint: write 127.0.0.1:" + busy},
		{"one server twice", "upstream u { server 127.0.0.1:8080; server localhost:8080 backup; server 127.0.0.1:8080; } server { location / { proxy_pass http://u; } }", func(w *copies) { w.publish("web", "8080") }, "web: 127.0.0.1:8080 localhost:8080", ""},
		{"nothing at the other address", "server { location / { proxy_pass http://localhost:8080; } }", func(w *copies) { w.publish("web", "8080", "127.0.0.1") }, "web: localhost:8080", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newCopies(t, 0, "")
			tt.containers(w)
			w.Hosts = map[string][]netip.Addr{"localhost": {netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}}
			w.write(w.site, strings.ReplaceAll(tt.site, "BUSY", busy))
			take, leave, err := w.planAdopt(t.Context(), Options{Sites: []string{w.site}})
			var got []string
			for _, c := range take {
				got = append(got, c.containers[0].Name+": "+strings.Join(c.main().Addresses(false), " "))
			}
			if strings.Join(got, "; ") != tt.want {
				t.Errorf("takes %q, want %q; %v", got, tt.want, err)
			}
			said := ""
			if err != nil {
				said = hint.Text(err)
			}
			for _, l := range leave {
				said += l.Reason
			}
			if !strings.Contains(said, tt.says) || tt.says == "" && said != "" {
				t.Errorf("says %q, want %q", said, tt.says)
			}
		})
	}
}

// A name that leads to an app and to something else would lose a part of its
// requests, so the app is not taken alone.
func TestAdoptLeavesNoHalfOfAName(t *testing.T) {
	w := newCopies(t, 0, "")
	w.publish("four", "8080", "127.0.0.1")
	w.publish("six", "8080", "::1")
	w.Hosts = map[string][]netip.Addr{"localhost": {netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.1")}}
	w.write(w.site, "server { location / { proxy_pass http://127.0.0.1:8080; }\nlocation /l { proxy_pass http://localhost:8080; } }\n")
	o := Options{Sites: []string{w.site}, Name: "myapp"}
	_, err := w.Host.Adopt(t.Context(), o)
	if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "site:2: proxy_pass http://localhost:8080 (server, location /l) goes to localhost:8080, which is this app and another in turn, and fails in part when this one's port is gone\nhint: write the address of the app that is meant; --allow-other-sites ") {
		t.Errorf("%v", err)
	}
}

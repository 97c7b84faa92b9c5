package locate

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"edgeman/deployer/docker/inspect"
	"edgeman/sockets/count"
)

var (
	vpnID   = strings.Repeat("a1", 32)
	appID   = strings.Repeat("b2", 32)
	otherID = strings.Repeat("c3", 32)
)

// runs is a running container; port is published as 127.0.0.1:8080, 0 is none.
func runs(id, name, mode, ip string, port uint16) container.Summary {
	s := container.Summary{ID: id, Names: []string{"/" + name}}
	s.HostConfig.NetworkMode = mode
	if port != 0 {
		s.Ports = []container.Port{{IP: "127.0.0.1", PrivatePort: port, PublicPort: 8080, Type: "tcp"}}
	}
	if ip != "" {
		s.NetworkSettings = &container.NetworkSettingsSummary{Networks: map[string]*network.EndpointSettings{"bridge": {IPAddress: ip}}}
	}
	return s
}

// listens is a listener of a process: of a container by its id, of Docker, or of
// the host.
func listens(at, by string) count.TCPListener {
	h := count.Holder{PID: 7, Name: by, Cgroup: "0::/system.slice/" + by + ".service"}
	if len(by) == 64 {
		h.Name, h.Cgroup = "app", "0::/system.slice/docker-"+by+".scope"
	}
	l := count.TCPListener{Addr: netip.MustParseAddrPort(at)}
	if by != "" {
		l.Holders = []count.Holder{{PID: 1, Name: "systemd", Cgroup: "0::/init.scope"}, h}
		if by == "docker-proxy" {
			l.Holders = l.Holders[1:]
		}
	}
	return l
}

func TestDoubt(t *testing.T) {
	app := inspect.Container{ID: appID, Name: "app", NetworkMode: "bridge", PID: 99}
	inVPN, hosted := app, app
	inVPN.NetworkMode, hosted.NetworkMode = "container:"+vpnID, "host"
	const at = "127.0.0.1:8080"
	type list = []count.TCPListener
	plain := []container.Summary{runs(appID, "app", "bridge", "172.17.0.2", 80), runs(otherID, "other", "bridge", "172.17.0.3", 0)}
	shared := []container.Summary{runs(vpnID, "vpn", "bridge", "172.17.0.2", 80), runs(appID, "app", "container:"+vpnID, "", 0)}
	byName := []container.Summary{shared[0], runs(appID, "app", "container:vpn", "", 0)}
	host := []container.Summary{runs(appID, "app", "host", "", 0)}
	vpn := inspect.Container{ID: vpnID, Name: "vpn", NetworkMode: "bridge"}
	proxy := list{listens(at, "docker-proxy")}
	tests := []struct {
		name string
		v    View
		c    inspect.Container
		port uint16
		want string // in the reason; none: confirmed
		hint string
	}{
		{"published", View{Containers: plain, Host: proxy, Inside: list{listens("0.0.0.0:80", appID)}}, app, 80, "", ""},
		{"published by the daemon itself", View{Containers: plain, Host: list{listens(at, "dockerd")}, Inside: list{listens("[::]:80", appID)}}, app, 80, "", ""},
		{"published by the kernel's rules alone", View{Containers: plain, Inside: list{listens("0.0.0.0:80", appID)}}, app, 80, "", ""},
		{"a proxy of another name", View{Containers: plain, Host: list{{Addr: netip.MustParseAddrPort(at), Holders: []count.Holder{{Name: "px", Command: "px\x00-container-port\x0080"}}}}}, app, 80, "", ""},
		{"processes that nobody sees", View{Containers: plain, Host: proxy, Inside: list{listens("0.0.0.0:80", "")}}, app, 80, "", ""},
		{"listeners that nobody sees", View{Containers: plain, Host: proxy}, app, 80, "", ""},
		{"the main process, whatever its group", View{Containers: plain, Host: proxy, Inside: list{{Addr: netip.MustParseAddrPort("0.0.0.0:80"), Holders: []count.Holder{{PID: 99}}}}}, app, 80, "", ""},
		{"another port", View{Containers: plain, Host: proxy}, app, 9999, "leads to port 80 of container app, not to 9999", ""},
		{"a process before the port", View{Containers: plain, Host: list{listens(at, "haproxy")}}, app, 80, "the process haproxy (pid 7), which is no container's, listens at 127.0.0.1:8080", ""},
		{"another container's port", View{Containers: []container.Summary{plain[1], runs(vpnID, "vpn", "bridge", "", 80)}, Host: proxy}, app, 80, "leads to container vpn, not to app", ""},
		{"a process of the host", View{Containers: []container.Summary{runs(appID, "app", "bridge", "172.17.0.2", 0)}, Host: list{listens("0.0.0.0:8080", "node")}}, app, 8080, "the process node (pid 7), which is no container's, listens there", ""},
		{"nothing", View{Containers: []container.Summary{runs(appID, "app", "bridge", "172.17.0.2", 0)}}, app, 8080, "nothing listens there", ""},
		{"an app in another's namespace", View{Containers: shared, Host: proxy, Inside: list{listens("127.0.0.1:80", vpnID), listens("0.0.0.0:80", appID)}}, inVPN, 80, "", ""},
		{"an app in another's namespace, by name", View{Containers: byName, Host: proxy, Inside: list{listens("0.0.0.0:80", appID)}}, inVPN, 80, "", ""},
		{"the namespace's owner", View{Containers: shared, Host: proxy, Inside: list{listens("0.0.0.0:8000", vpnID), listens("0.0.0.0:80", appID)}}, vpn, 80, "on its port 80 listens container app", "--container app --port 80"},
		{"the wrong one of two", View{Containers: shared, Host: proxy, Inside: list{listens("0.0.0.0:80", vpnID)}}, inVPN, 80, "listens container vpn", "--container vpn --port 80"},
		{"one of several that do not listen", View{Containers: shared, Host: proxy}, vpn, 80, "shares its network namespace with app", ""},
		{"a process that was put in", View{Containers: plain, Host: proxy, Inside: list{listens("0.0.0.0:80", "socat")}}, app, 80, "listens a process that is no container's", ""},
		{"the host's network", View{Containers: host, Host: list{listens("[::]:8080", appID)}}, hosted, 8080, "", ""},
		{"the host's network, another port", View{Containers: host, Host: list{listens("[::]:8080", appID)}}, hosted, 80, "is its port 8080, not 80", ""},
		{"the host's network, another process", View{Containers: host, Host: list{listens("[::]:8080", appID), listens(at, "node")}}, hosted, 8080, "process node", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.v.At, tt.v.Local = netip.MustParseAddrPort(at), true
			d := tt.v.Doubt(tt.c, tt.port)
			if d != nil && d.Nobody != (tt.name == "nothing") {
				t.Errorf("nobody: %v", d.Nobody)
			}
			switch {
			case d == nil && tt.want != "":
				t.Errorf("confirmed, want %q", tt.want)
			case d != nil && (tt.want == "" || !strings.Contains(d.Reason, tt.want) || d.Hint() != tt.hint):
				t.Errorf("%q, hint %q; want %q, hint %q", d.Reason, d.Hint(), tt.want, tt.hint)
			}
		})
	}
}

func TestDoubtElsewhere(t *testing.T) {
	v := View{At: netip.MustParseAddrPort("10.1.2.3:8080"), Containers: []container.Summary{runs(appID, "app", "bridge", "172.17.0.2", 80)}}
	if d := v.Doubt(inspect.Container{ID: appID, Name: "app"}, 80); d == nil || !strings.Contains(d.Reason, "another machine answers there") {
		t.Errorf("%v", d)
	}
	v.At = netip.MustParseAddrPort("172.17.0.2:80")
	if d := v.Doubt(inspect.Container{ID: appID, Name: "app"}, 80); d != nil {
		t.Errorf("its own address: %v", d)
	}
}

package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Peer is one way from nginx to the app.
type Peer struct {
	Name   string // stable, for JSON and site files
	Title  string
	server string // nginx's upstream server, before edgeman adopts it
	// processes are what stands between nginx and the app: a systemd unit whose
	// processes are meant, or docker-proxy; empty: nothing does.
	processes string
}

// Names of the peers that ratios are taken between.
const (
	Published   = "published"
	Address     = "address"
	SocketProxy = "socket-proxyd"
	HAProxy     = "haproxy"
	Caddy       = "caddy"
	Proxy       = "edgeman-proxy"
	Native      = "edgeman-native"
	Floor       = "floor"
)

// peers lists them all; address is that of the container they forward to.
func peers(address string) []Peer {
	return []Peer{
		{Published, "published port", "127.0.0.1:8101", "docker-proxy"},
		{Address, "container address", address + ":8080", ""},
		{SocketProxy, "systemd-socket-proxyd", "unix:/run/bench/socket-proxyd.sock", "bench-proxyd.service"},
		{HAProxy, "haproxy", "127.0.0.1:8201", "haproxy.service"},
		{Caddy, "caddy reverse_proxy", "127.0.0.1:8202", "caddy.service"},
		{Proxy, "edgeman proxy", "127.0.0.1:8102", "edgeman@" + Proxy + ":*.service"},
		{Native, "edgeman native", "127.0.0.1:8103", "edgeman@" + Native + ":*.service"},
		{Floor, "no container, Unix socket", "unix:/run/bench/floor.sock", ""},
	}
}

// firstPort is nginx's for the first peer; each has a port without and one
// with upstream keepalive.
const firstPort = 9000

func url(peer int, keepalive bool, path string) string {
	port := firstPort + 10*peer
	if keepalive {
		port++
	}
	return fmt.Sprintf("http://127.0.0.1:%d%s", port, path)
}

// site is nginx's configuration for a peer, as a user would write it.
func site(i int, p Peer) string {
	return strings.NewReplacer("NAME", p.Name, "SERVER", p.server,
		"PORT0", fmt.Sprint(firstPort+10*i), "PORT1", fmt.Sprint(firstPort+10*i+1)).Replace(`upstream NAME {
    server SERVER;
}
upstream NAME-kept {
    server SERVER;
    keepalive 64;
}
server {
    listen 127.0.0.1:PORT0;
    access_log off;
    location / {
        proxy_pass http://NAME;
    }
    location /ws {
        proxy_pass http://NAME;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
    }
}
server {
    listen 127.0.0.1:PORT1;
    access_log off;
    location / {
        proxy_pass http://NAME-kept;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }
}
`)
}

// peer is the index of the peer with a name.
func (b *Bench) peer(name string) int {
	return slices.IndexFunc(b.Peers, func(p Peer) bool { return p.Name == name })
}

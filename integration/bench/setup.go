package bench

import (
	"context"
	"fmt"
	"strings"
)

// Bench is a prepared host with every peer running.
type Bench struct {
	*World
	Peers []Peer
	done  map[string]int // replacements so far, by peer: releases alternate
}

// containerFlags are the same for every container, besides its port.
const containerFlags = "docker run --detach --restart always --stop-timeout " + grace + " "

// Setup brings a fresh host to where everything can be measured. The images
// bench:v1 and bench:v2, edgeman, edgeman-init and /opt/load are there already.
func Setup(ctx context.Context, w *World) (*Bench, error) {
	if _, err := w.shell(ctx, strings.Join([]string{
		`sed -i 's/worker_connections .*/worker_connections 8192;/; 1i worker_rlimit_nofile 20000;' /etc/nginx/nginx.conf`,
		`rm -f /etc/nginx/sites-enabled/default`,
		containerFlags + `--name bench-app bench:v1`,
		containerFlags + `--name published --publish 127.0.0.1:8101:8080 bench:v1`,
		containerFlags + `--name edgeman-proxy --publish 127.0.0.1:8102:8080 bench:v1`,
		containerFlags + `--name edgeman-native --publish 127.0.0.1:8103:8080 bench:v1`,
	}, "\n")); err != nil {
		return nil, err
	}
	address, err := w.shell(ctx, `docker inspect --format '{{.NetworkSettings.IPAddress}}' bench-app`)
	if err != nil {
		return nil, err
	}
	address = strings.TrimSpace(address)
	b := &Bench{World: w, Peers: peers(address), done: map[string]int{}}
	if err := b.startPeers(ctx, address); err != nil {
		return nil, err
	}
	for i, p := range b.Peers {
		if err := w.Write(ctx, "/etc/nginx/sites-enabled/"+p.Name, []byte(site(i, p)), 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := w.shell(ctx, "nginx -t -q; systemctl restart nginx"); err != nil {
		return nil, err
	}
	if err := b.allAnswer(ctx); err != nil {
		return nil, err
	}
	if err := b.adopt(ctx); err != nil {
		return nil, err
	}
	return b, b.allAnswer(ctx)
}

// startPeers starts what stands between nginx and the app. haproxy and caddy
// run by Debian's own units and defaults; access logs are off everywhere.
func (b *Bench) startPeers(ctx context.Context, address string) error {
	for path, text := range map[string]string{
		"/etc/systemd/system/bench-proxyd.socket":  socketUnit("socket-proxyd.sock"),
		"/etc/systemd/system/bench-proxyd.service": "[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd --connections-max=8192 " + address + ":8080\nLimitNOFILE=20000\n",
		"/etc/systemd/system/bench-floor.socket":   socketUnit("floor.sock"),
		"/etc/systemd/system/bench-floor.service":  "[Service]\nExecStart=/opt/echo/echo\nEnvironment=ECHO_LISTEN=fd ECHO_VERSION=v1\nLimitNOFILE=20000\n",
		"/etc/caddy/Caddyfile":                     "http://:8202 {\n\tbind 127.0.0.1\n\treverse_proxy " + address + ":8080\n}\n",
		"/run/bench/haproxy.cfg":                   "\nfrontend bench\n\tbind 127.0.0.1:8201\n\tno log\n\tdefault_backend app\n\nbackend app\n\tserver app " + address + ":8080\n",
	} {
		if err := b.Write(ctx, path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	_, err := b.shell(ctx, `cat /run/bench/haproxy.cfg >>/etc/haproxy/haproxy.cfg
		systemctl unmask --quiet haproxy caddy
		systemctl daemon-reload
		systemctl start bench-proxyd.socket bench-floor.socket haproxy caddy`)
	return err
}

func socketUnit(name string) string {
	return "[Socket]\nListenStream=/run/bench/" + name + "\nSocketUser=www-data\nBacklog=4096\n"
}

// adopt hands two of the containers to edgeman, the way its manual says.
func (b *Bench) adopt(ctx context.Context) error {
	for _, name := range []string{Proxy, Native} {
		if _, err := b.Run(ctx, "edgeman", "adopt", "--yes", "--name", name, "--health", "/health", "/etc/nginx/sites-enabled/"+name); err != nil {
			return err
		}
	}
	native := "mode = 'native'\nports = [8080]\nimage = 'bench'\nhealth = '/health'\nenv = ['ECHO_LISTEN=fd']\n"
	if err := b.Write(ctx, "/etc/edgeman/apps/"+Native+".toml", []byte(native), 0o600); err != nil {
		return err
	}
	_, err := b.Run(ctx, "edgeman", "swap", Native, "v1")
	return err
}

func (b *Bench) allAnswer(ctx context.Context) error {
	for i := range b.Peers {
		for _, keepalive := range []bool{false, true} {
			if err := b.answers(ctx, url(i, keepalive, "/health")); err != nil {
				return fmt.Errorf("%s: %w", b.Peers[i].Title, err)
			}
		}
	}
	return nil
}

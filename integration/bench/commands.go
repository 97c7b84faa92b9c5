package bench

import (
	"context"
	"fmt"
	"strings"
)

// CommandOptions say how much there is to look at.
type CommandOptions struct {
	Sites  []int // ascending
	Rounds int
}

// Command is how long one command of edgeman's takes on a host with many sites.
type Command struct {
	Command string `json:"command"`
	Sites   int    `json:"sites"`
	Wall    Series `json:"seconds"`
	CPU     Series `json:"cpu_seconds"`
	Exit    int    `json:"exit"`
}

// commands are timed. status looks at as many apps as there are sites, check at
// all sites with their certificates, and adopt reads them all to plan for one.
var commands = []struct {
	title string
	args  []string
	apps  bool // wants an app for every site
}{
	{"edgeman status", []string{"edgeman", "status"}, true},
	{"edgeman check", []string{"edgeman", "check"}, false},
	{"edgeman adopt --dry-run", []string{"edgeman", "adopt", "--dry-run", "/etc/nginx/sites-enabled/candidate"}, false},
}

// Commands times the commands that people wait for, with more and more sites.
func (b *Bench) Commands(ctx context.Context, o CommandOptions) ([]Command, error) {
	if err := b.candidate(ctx); err != nil {
		return nil, err
	}
	var all []Command
	for _, n := range o.Sites {
		b.Say("commands: %d sites", n)
		if _, err := b.shell(ctx, manySites, fmt.Sprint(n)); err != nil {
			return nil, err
		}
		for _, c := range commands {
			apps := 0
			if c.apps {
				apps = n
			}
			if _, err := b.shell(ctx, manyApps, fmt.Sprint(apps)); err != nil {
				return nil, err
			}
			timed, err := b.timeCommand(ctx, c.args, o.Rounds)
			if err != nil {
				return nil, err
			}
			timed.Command, timed.Sites = c.title, n
			all = append(all, timed)
		}
	}
	return all, nil
}

// candidate is a site with a container that could be adopted.
func (b *Bench) candidate(ctx context.Context) error {
	const conf = "upstream candidate {\n    server 127.0.0.1:8130;\n}\nserver {\n    listen 127.0.0.1:9900;\n    location / {\n        proxy_pass http://candidate;\n    }\n}\n"
	if err := b.Write(ctx, "/etc/nginx/sites-enabled/candidate", []byte(conf), 0o644); err != nil {
		return err
	}
	_, err := b.shell(ctx, containerFlags+`--name candidate --publish 127.0.0.1:8130:8080 bench:v1`)
	return err
}

// manySites adds sites until there are $1, each with a certificate of its own,
// and lets nginx have them.
const manySites = `
mkdir -p /etc/ssl/many
n=$(ls /etc/ssl/many | grep -c 'pem$' || true)
while [ "$n" -lt "$1" ]; do
	n=$((n+1)); name=site-$n
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=$name.example" \
		-addext "subjectAltName=DNS:$name.example" -keyout /etc/ssl/many/$name.key -out /etc/ssl/many/$name.pem 2>/dev/null
	cat >/etc/nginx/sites-enabled/$name <<END
upstream $name {
    server 127.0.0.1:$((20000+n));
}
server {
    listen 127.0.0.1:443 ssl;
    server_name $name.example;
    ssl_certificate /etc/ssl/many/$name.pem;
    ssl_certificate_key /etc/ssl/many/$name.key;
    location / {
        proxy_pass http://$name;
        proxy_set_header Host \$host;
    }
}
END
done
nginx -t -q
systemctl reload nginx`

// manyApps leaves as many more apps as $1 says: records copied from the one that
// runs, with sockets that listen and containers that would start at the first
// connection.
const manyApps = `
systemctl stop 'edgeman@copy-*.socket'
rm -rf /var/lib/edgeman/apps/copy-* /var/lib/edgeman/slots/copy-* /etc/edgeman/apps/copy-*
from=edgeman-proxy
slot=$(basename "$(readlink /var/lib/edgeman/apps/$from/live)"); color=${slot#*:}
release=$(basename "$(readlink "/var/lib/edgeman/slots/$slot")")
n=0
while [ "$n" -lt "$1" ]; do
	n=$((n+1)); app=copy-$n
	cp -a /var/lib/edgeman/apps/$from /var/lib/edgeman/apps/$app
	ln -sfn "/run/edgeman/$app:$color" /var/lib/edgeman/apps/$app/live
	ln -s "../apps/$app/releases/$release" "/var/lib/edgeman/slots/$app:$color"
	cp -p /etc/edgeman/apps/$from.toml /etc/edgeman/apps/$app.toml
	echo "edgeman@$app:$color.socket"
done | xargs --no-run-if-empty systemctl start`

// timeCommand runs a command and reads the shell's own clock: wall, user and
// system time, then the exit code.
func (b *Bench) timeCommand(ctx context.Context, args []string, rounds int) (Command, error) {
	const script = `TIMEFORMAT='%R %U %S'; { time "$@" >/tmp/command.out 2>&1; } 2>&1; echo $?`
	var c Command
	for range rounds {
		out, err := b.Run(ctx, append([]string{"bash", "-c", script, "bash"}, args...)...)
		if err != nil {
			return c, err
		}
		var wall, user, system float64
		if _, err := fmt.Sscan(out, &wall, &user, &system, &c.Exit); err != nil {
			return c, fmt.Errorf("time %s: %w in %q", strings.Join(args, " "), err, out)
		}
		c.Wall = append(c.Wall, wall)
		c.CPU = append(c.CPU, user+system)
	}
	return c, nil
}

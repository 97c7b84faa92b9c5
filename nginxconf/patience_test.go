package nginxconf

import (
	"testing"
	"time"
)

// The timeout that counts is that of the location which leads to the app, by
// nginx's rules of inheritance, and by what its protocol still waits for.
func TestPatience(t *testing.T) {
	const socket = "unix:/var/lib/edgeman/apps/myapp/live.sock"
	const up = "upstream my_app { server " + socket + "; }\n"
	for name, row := range map[string]struct {
		Config string // of http, or all of it when it begins with a dot
		want   []Patience
	}{
		"default":   {up + "server { location / { proxy_pass http://my_app; } }", []Patience{{Directive: "proxy_read_timeout", Time: time.Minute, Sending: time.Minute}}},
		"inherited": {"proxy_read_timeout 5m;\n" + up + "server { location / { proxy_pass http://my_app; } }", []Patience{{Directive: "proxy_read_timeout", Time: 5 * time.Minute, Sending: time.Minute}}},
		"its own": {
			"proxy_read_timeout 5m;\n" + up + "server { proxy_read_timeout 1h; location / { proxy_read_timeout 30; proxy_pass http://my_app; } }",
			[]Patience{{Directive: "proxy_read_timeout", Time: 30 * time.Second, Sending: time.Minute}},
		},
		"in a condition": {
			up + "server { location / { proxy_send_timeout 7s; if ($a) { proxy_pass http://my_app; } } }",
			[]Patience{{Directive: "proxy_read_timeout", Time: time.Minute, Sending: 7 * time.Second}},
		},
		"of others": {
			up + "server { location / { proxy_pass http://my_app; } location /x { proxy_read_timeout 1s; proxy_pass http://127.0.0.1:9; } }",
			[]Patience{{Directive: "proxy_read_timeout", Time: time.Minute, Sending: time.Minute}},
		},
		"two": {
			up + "server { location / { proxy_pass http://my_app; } location /slow { proxy_read_timeout 600s; proxy_pass http://my_app/x; } }",
			[]Patience{{Directive: "proxy_read_timeout", Time: time.Minute, Sending: time.Minute}, {Directive: "proxy_read_timeout", Time: 10 * time.Minute, Sending: time.Minute}},
		},
		"a literal": {
			"server { location / { proxy_read_timeout 2m; proxy_pass http://" + socket + ":/; } }",
			[]Patience{{Directive: "proxy_read_timeout", Time: 2 * time.Minute, Sending: time.Minute}},
		},
		"https": {
			up + "server { location / { proxy_connect_timeout 5s; proxy_pass https://my_app; } }",
			[]Patience{{Directive: "proxy_connect_timeout", Time: 5 * time.Second, Sending: time.Minute}},
		},
		"http is connected already": {
			up + "server { location / { proxy_connect_timeout 5s; proxy_pass http://my_app; } }",
			[]Patience{{Directive: "proxy_read_timeout", Time: time.Minute, Sending: time.Minute}},
		},
		"another module": {
			up + "server { location / { proxy_read_timeout 5s; grpc_read_timeout 8s; grpc_pass grpc://my_app; } }",
			[]Patience{{Directive: "grpc_read_timeout", Time: 8 * time.Second, Sending: time.Minute}},
		},
		"stream": {
			".events {}\nstream { upstream s { server " + socket + "; } server { listen 1; proxy_timeout 20s; proxy_pass s; } server { listen 2; proxy_pass s; } }",
			[]Patience{{Directive: "proxy_timeout", Time: 20 * time.Second, Sending: 20 * time.Second}, {Directive: "proxy_timeout", Time: 10 * time.Minute, Sending: 10 * time.Minute}},
		},
		"none": {"server { location / { proxy_pass http://127.0.0.1:9; } }", nil},
	} {
		t.Run(name, func(t *testing.T) {
			conf := "events {}\nhttp {\n" + row.Config + "\n}\n"
			if row.Config[0] == '.' {
				conf = row.Config[1:]
			}
			c, err := Load(memFS{"/etc/nginx/nginx.conf": conf}, "/etc/nginx/nginx.conf")
			if err != nil {
				t.Fatal(err)
			}
			got := c.PatienceWith(socket)
			if len(got) != len(row.want) {
				t.Fatalf("got %+v, want %+v", got, row.want)
			}
			for i, g := range got {
				w := row.want[i]
				if g.Directive != w.Directive || g.Time != w.Time || g.Sending != w.Sending || g.Pos.Line == 0 || g.In == "" {
					t.Errorf("got %+v, want %+v", g, w)
				}
			}
		})
	}
}

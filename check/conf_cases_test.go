package check

import (
	"strings"

	"edgeman/deployer/nginx"
)

// lint is a rule that sees the configuration only.
type lint struct {
	code, name string
	want       Severity
	http       string
}

func (l lint) scenario() scenario {
	return scenario{l.code, l.name, l.want, func(w *world, _ *ca) { w.http(l.http) }}
}

func confCases() []scenario {
	server := func(inner string) string {
		return "server { listen 80; server_name a.example.com;\n" + inner + "\n}\n"
	}
	proxyHeaders := "proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
	var out []scenario
	for _, l := range []lint{
		{"name-duplicate", "two blocks", Warning, server("") + server("")},
		{"name-duplicate", "case does not matter", Warning, server("") + "server { listen *:80; server_name A.EXAMPLE.com; }"},
		{"name-duplicate", "names that mean nothing", Notice, "server { listen 80; server_name _; } server { listen 80; server_name _; }"},
		{"name-duplicate", "another address", 0, server("") + "server { listen 81; server_name a.example.com; }"},
		{"name-duplicate", "another family", 0, server("") + "server { listen [::]:80; server_name a.example.com; }"},
		{"name-duplicate", "another name", 0, server("") + "server { listen 80; server_name www.a.example.com; }"},
		{"name-default-missing", "two TLS servers", Notice, "server { listen 443 ssl; server_name a.example.com; } server { listen 443 ssl; server_name b.example.com; }"},
		{"name-default-missing", "one of them is", 0, "server { listen 443 ssl default_server; server_name a.example.com; } server { listen 443 ssl; server_name b.example.com; }"},
		{"name-default-missing", "only one", 0, "server { listen 443 ssl; server_name a.example.com; }"},

		{"proxy-headers-lost", "own header in a location", Warning, server(proxyHeaders + `location / { proxy_set_header Upgrade $http_upgrade; proxy_pass http://192.0.2.1; }`)},
		{"proxy-headers-lost", "from http to server", Warning, proxyHeaders + server(`proxy_set_header X-A b; location / { proxy_pass http://192.0.2.1; }`)},
		{"proxy-headers-lost", "in an if", Warning, server(proxyHeaders + `location / { proxy_pass http://192.0.2.1; if ($a) { proxy_set_header X-A b; proxy_pass http://192.0.2.1; } }`)},
		{"proxy-headers-lost", "all repeated, other case", 0, server(proxyHeaders + `location / { proxy_set_header host $host; proxy_set_header x-forwarded-for $proxy_add_x_forwarded_for; proxy_set_header X-A b; proxy_pass http://192.0.2.1; }`)},
		{"proxy-headers-lost", "the location does not proxy", 0, server(proxyHeaders + `location / { proxy_set_header X-A b; root /srv/a; }`)},
		{"proxy-headers-lost", "nothing to lose", 0, server(`proxy_set_header X-B c; location / { proxy_set_header X-A b; proxy_pass http://192.0.2.1; }`)},
		{"add-header-lost", "security header", Warning, server(`add_header X-Frame-Options DENY; location /x { add_header X-A b; }`)},
		{"add-header-lost", "another header", Notice, server(`add_header X-B c; location /x { add_header X-A b; }`)},
		{"add-header-lost", "merged", 0, server(`add_header X-Frame-Options DENY; location /x { add_header_inherit merge; add_header X-A b; }`)},
		{"add-header-lost", "repeated", 0, server(`add_header X-Frame-Options DENY; location /x { add_header X-Frame-Options DENY; add_header X-A b; }`)},
		{"add-header-lost", "sibling", 0, server(`location /y { add_header X-Frame-Options DENY; } location /x { add_header X-A b; }`)},
		{"host-spoof", "from the request", Notice, server(`location / { proxy_set_header Host $http_host; proxy_pass http://192.0.2.1; }`)},
		{"host-spoof", "$host", 0, server(`location / { proxy_set_header Host $host; proxy_pass http://192.0.2.1; }`)},
		{"host-spoof", "$http_hostile is another header", 0, server(`location / { proxy_set_header Host $http_hostile; proxy_pass http://192.0.2.1; }`)},
		{"xff-trust", "everybody is a balancer", Warning, server("set_real_ip_from 0.0.0.0/0;")},
		{"xff-trust", "passed on unchanged", Warning, server("proxy_set_header X-Forwarded-For $http_x_forwarded_for;")},
		{"xff-trust", "a private network", 0, server("set_real_ip_from 10.0.0.0/8; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")},
		{"ws-broken", "no Connection", Notice, server(`location / { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_pass http://192.0.2.1; }`)},
		{"ws-broken", "HTTP/1.0", Notice, server(`location / { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_pass http://192.0.2.1; }`)},
		{"ws-broken", "whole", 0, server(`location / { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_pass http://192.0.2.1; }`)},
		{"ssrf-proxy-pass", "argument", Critical, server(`location / { proxy_pass http://$arg_target; }`)},
		{"ssrf-proxy-pass", "through set", Critical, server(`location / { set $to $http_x_target; proxy_pass http://$to; }`)},
		{"ssrf-proxy-pass", "internal", 0, server(`location / { internal; proxy_pass http://$arg_target; }`)},
		{"ssrf-proxy-pass", "constant", 0, server(`location / { set $to app.internal; proxy_pass http://$to:8080; }`)},
		{"ssrf-proxy-pass", "in the path", 0, server(`location / { proxy_pass http://192.0.2.1/$arg_page; }`)},
		{"crlf-split", "redirect", Warning, server(`return 301 https://$host$uri;`)},
		{"crlf-split", "header", Warning, server(`add_header X-Page $document_uri;`)},
		{"crlf-split", "request_uri", 0, server(`return 301 https://$host$request_uri;`)},
		{"crlf-split", "a body", 0, server(`return 200 $uri;`)},

		{"alias-traversal", "no slash", Critical, server(`location /x { alias /srv/x/; }`)},
		{"alias-traversal", "no slash, no regex", Critical, server(`location ^~ /x { alias /srv/x/; }`)},
		{"alias-traversal", "slash", 0, server(`location /x/ { alias /srv/x/; }`)},
		{"alias-traversal", "exact", 0, server(`location = /x { alias /srv/x/; }`)},
		{"alias-traversal", "neither", 0, server(`location /x { alias /srv/x; }`)},
		{"alias-traversal", "regex", 0, server(`location ~ ^/x { alias /srv/x/; }`)},
		{"allow-no-deny", "alone", Warning, server(`location / { allow 10.0.0.0/8; }`)},
		{"allow-no-deny", "with deny", 0, server(`location / { allow 10.0.0.0/8; deny all; }`)},
		{"allow-no-deny", "or a password", 0, server(`location / { satisfy any; allow 10.0.0.0/8; auth_basic x; }`)},
		{"allow-no-deny", "all", 0, server(`location / { allow all; }`)},
		{"status-exposed", "open", Warning, server(`location /status { stub_status; }`)},
		{"status-exposed", "denied outside", 0, server(`location /status { stub_status; allow 127.0.0.1; deny all; }`)},
		{"status-exposed", "password", 0, server(`location /status { stub_status; auth_basic x; }`)},
		{"status-exposed", "on loopback", 0, `server { listen 127.0.0.1:81; location /status { stub_status; } }`},
		{"root-exposed", "root", Warning, server(`root /;`)},
		{"root-exposed", "/etc/", Warning, server(`location / { root /etc/; }`)},
		{"root-exposed", "a site", 0, server(`root /var/www/a;`)},
		{"headers-missing", "files over TLS", Notice, "server { listen 443 ssl; server_name a.example.com; root /srv/a; }"},
		{"headers-missing", "HSTS", 0, "server { listen 443 ssl; server_name a.example.com; root /srv/a; add_header strict-transport-security max-age=1; }"},
		{"headers-missing", "the app may", 0, "server { listen 443 ssl; server_name a.example.com; location / { proxy_pass http://192.0.2.1; } }"},
		{"version-shown", "default", Notice, server("")},
		{"version-shown", "off", 0, "server_tokens off;\n" + server("")},
		{"error-log-off", "null", Notice, server("error_log /dev/null;")},
		{"error-log-off", "off", Notice, server("error_log off;")},
		{"error-log-off", "a file", 0, server("error_log /var/log/nginx/error.log crit;")},
		{"tls-weak-ciphers", "RC4", Notice, "server { listen 443 ssl; server_name a.example.com; ssl_ciphers HIGH:RC4-SHA; }"},
		{"tls-weak-ciphers", "excluded", 0, "server { listen 443 ssl; server_name a.example.com; ssl_ciphers HIGH:RC4-SHA:!RC4:!aNULL:!MD5; }"},
		{"tls-weak-ciphers", "intermediate", 0, "server { listen 443 ssl; server_name a.example.com; ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256; }"},

		{"keepalive-race", "default of a minute", Notice, `upstream app { server 192.0.2.1; server 127.0.0.1:8080; keepalive 16; }` + server(`location / { proxy_pass http://app; }`)},
		{"keepalive-race", "before the app", 0, `upstream app { server 127.0.0.1:8080; keepalive 16; keepalive_timeout 4s; }` + server(`location / { proxy_pass http://app; }`)},
		{"keepalive-race", "no keepalive", 0, `upstream app { server 127.0.0.1:8080; }` + server(`location / { proxy_pass http://app; }`)},
	} {
		out = append(out, l.scenario())
	}
	return append(out, []scenario{
		{"keepalive-race", "on by default since 1.29.7", Notice, func(w *world, _ *ca) {
			w.facts.Version = "1.29.7"
			w.http(`upstream app { server 127.0.0.1:8080; }` + server(`location / { proxy_pass http://app; }`))
		}},
		{"ws-broken", "HTTP/1.1 by default since 1.29.7", 0, func(w *world, _ *ca) {
			w.facts.Version = "1.29.7"
			w.http(server(`location / { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_pass http://192.0.2.1; }`))
		}},
		{"conf-orphan", "editor's backup", Warning, func(w *world, _ *ca) {
			w.http("include /etc/nginx/sites-enabled/*;")
			w.write("/etc/nginx/sites-enabled/a~", server(""))
		}},
		{"conf-orphan", "package's old file", Warning, func(w *world, _ *ca) {
			w.http("include sites-enabled/*;")
			w.write("/etc/nginx/sites-enabled/a.dpkg-old", server(""))
		}},
		{"conf-orphan", "pattern without a match", Notice, func(w *world, _ *ca) { w.http("include /srv/nginx/*.conf;") }},
		{"conf-orphan", "usual and empty", 0, func(w *world, _ *ca) {
			w.http("include /etc/nginx/conf.d/*.conf;\ninclude /etc/nginx/sites-enabled/*;")
			w.write("/etc/nginx/sites-available/a.bak", server(""))
		}},
	}...)
}

func upstreamCases() []scenario {
	to := func(target string) string {
		return "server { listen 80; server_name a.example.com; location / { proxy_pass " + target + "; } }"
	}
	procUnix := "Num RefCount Protocol Flags Type St Inode Path\n0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/app.sock\n"
	procTCP := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 777 1 0 100 0 0 10 0\n"
	return []scenario{
		{"upstream-dead", "socket missing", Critical, func(w *world, _ *ca) { w.http(to("http://unix:/run/app.sock")) }},
		{"upstream-dead", "not a socket", Critical, func(w *world, _ *ca) {
			w.http(to("http://unix:/run/app.sock:/x"))
			w.write("/run/app.sock", "")
		}},
		{"upstream-dead", "loopback port without listener", Critical, func(w *world, _ *ca) { w.http(to("http://127.0.0.1:8080/x")) }},
		{"upstream-dead", "one of two", Warning, func(w *world, _ *ca) {
			w.http("upstream app { server 127.0.0.1:8080; server localhost:8081; }" + to("http://APP"))
			w.write("/proc/4711/net/tcp", procTCP)
		}},
		{"upstream-dead", "fastcgi", Critical, func(w *world, _ *ca) {
			w.http("server { listen 80; location ~ php { fastcgi_pass unix:/run/php.sock; } }")
		}},
		{"upstream-dead", "listener known to the kernel", 0, func(w *world, _ *ca) {
			w.http(to("http://unix:/run/app.sock"))
			w.write("/run/app.sock", "")
			w.write("/proc/4711/net/unix", procUnix)
		}},
		{"upstream-dead", "behind a link", 0, func(w *world, _ *ca) {
			w.http(to("http://unix:/var/lib/live.sock"))
			w.write("/run/app.sock", "")
			w.link("/run/app.sock", "/var/lib/live.sock")
			w.write("/proc/4711/net/unix", procUnix)
		}},
		{"upstream-dead", "port listens", 0, func(w *world, _ *ca) {
			w.http(to("http://127.0.0.1:8080"))
			w.write("/proc/4711/net/tcp", procTCP)
		}},
		{"upstream-dead", "localhost on IPv6 only", 0, func(w *world, _ *ca) {
			w.http(to("http://localhost:8080"))
			w.write("/proc/4711/net/tcp6", "  sl\n   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 778 1 0 100 0 0 10 0\n")
		}},
		{"upstream-dead", "an IPv6 socket with an IPv4 address", 0, func(w *world, _ *ca) {
			w.http(to("http://127.0.0.1:8080"))
			w.write("/proc/4711/net/tcp6", "  sl\n   0: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 778 1 0 100 0 0 10 0\n")
		}},
		{"upstream-dead", "another loopback address", Critical, func(w *world, _ *ca) {
			w.http(to("http://127.0.0.2:8080"))
			w.write("/proc/4711/net/tcp", procTCP)
		}},
		{"upstream-dead", "published without a listener of its own", 0, func(w *world, _ *ca) {
			w.http(to("http://127.0.0.1:8080"))
			w.serves("127.0.0.1:8080", selfSignedPair(w.t, fresh, "x"))
		}},
		{"upstream-dead", "back at the second look", 0, func(w *world, _ *ca) {
			w.http(to("http://127.0.0.1:8080"))
			w.slept = func() { w.write("/proc/4711/net/tcp", procTCP) }
		}},
		{"upstream-dead", "through a variable", Critical, func(w *world, _ *ca) {
			w.http("server { listen 80; server_name a.example.com; set $backend http://127.0.0.1:9005; location / { proxy_pass $backend; } }")
		}},
		{"upstream-dead", "a variable with a value from elsewhere", 0, func(w *world, _ *ca) {
			w.http("server { listen 80; location / { proxy_pass http://$host:9005; } }")
		}},
		{"upstream-dead", "another host, a variable, marked down", 0, func(w *world, _ *ca) {
			w.http("upstream app { server 192.0.2.1:80; server 127.0.0.1:9 down; }" + to("http://app") + to("http://$backend") + to("http://192.0.2.7"))
		}},
		{"socket-perm", "missing is another matter", 0, func(w *world, _ *ca) {
			w.http(to("http://unix:/run/app.sock"))
			w.env.CanConnect = denies
		}},
		{"upstream-dead", "socket-inactive says so", 0, func(w *world, _ *ca) {
			adopted(w, "")
			w.units["edgeman@myapp:blue.socket"] = Unit{Active: "inactive"}
			w.must(w.env.Remove("/run/edgeman/myapp:blue/8080.sock"))
		}},
		{"upstream-dead", "socket gone although its unit is active", Critical, func(w *world, _ *ca) {
			adopted(w, "")
			w.must(w.env.Remove("/run/edgeman/myapp:blue/8080.sock"))
			w.write("/proc/4711/net/unix", "")
		}},
		{"socket-perm", "refused", Critical, func(w *world, _ *ca) {
			w.http(to("http://unix:/run/app.sock"))
			w.write("/run/app.sock", "")
			w.env.CanConnect = denies
		}},
		{"socket-perm", "allowed at the second look", 0, func(w *world, _ *ca) {
			w.http(to("http://unix:/run/app.sock"))
			w.write("/run/app.sock", "")
			can := denies
			w.env.CanConnect = func(f nginx.Facts, path string) error { return can(f, path) }
			w.slept = func() { can = allows }
		}},
		{"socket-perm", "allowed", 0, func(w *world, _ *ca) {
			w.http(to("http://unix:/run/app.sock"))
			w.env.CanConnect = allows
		}},
		{"drain-long", "an hour", Warning, func(w *world, _ *ca) { adopted(w, "keepalive 16; keepalive_timeout 4s;") }},
		{"drain-long", "bounded", 0, func(w *world, _ *ca) { adopted(w, "keepalive 16; keepalive_timeout 4s; keepalive_time 5s;") }},
		{"drain-long", "nothing kept", 0, func(w *world, _ *ca) { adopted(w, "") }},
		{"keepalive-race", "an adopted app", Warning, func(w *world, _ *ca) { adopted(w, "keepalive 16; keepalive_time 5s;") }},
		{"worker-connections-small", "swapped by stopping first", Warning, func(w *world, _ *ca) {
			adopted(w, "")
			w.apps[0].Strategy = "stop-first"
		}},
		{"worker-connections-small", "overlap", Notice, func(w *world, _ *ca) { adopted(w, "") }},
		{"worker-connections-small", "many", 0, func(w *world, _ *ca) {
			adopted(w, "")
			text, err := w.env.FS.ReadFile("/etc/nginx/nginx.conf")
			w.must(err)
			w.write("/etc/nginx/nginx.conf", strings.Replace(string(text), "events {}", "events { worker_connections 8192; }", 1))
		}},
		{"backlog-small", "old default", Warning, func(w *world, _ *ca) {
			adopted(w, "")
			w.facts.Somaxconn = 128
		}},
		{"backlog-small", "listen asks for more", Notice, func(w *world, _ *ca) {
			adopted(w, "")
			w.http("server { listen 80 backlog=65535; }")
		}},
		{"backlog-small", "current default", 0, func(w *world, _ *ca) { adopted(w, "") }},
	}
}

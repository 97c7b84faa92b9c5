package nginxconf

import (
	"net"
	"slices"
	"strings"
	"testing"
)

// behaviour is one site of which an edit must change nothing that the app or a
// client can see. FRONT, APP (host:port), PORT, SOCKET and DIR are filled in.
type behaviour struct {
	name     string
	site     string
	files    map[string]string // more files, relative to the directory
	requests []string          // default: a GET, a POST and a redirect
	options  Options
	want     string // part of the edited configuration
	warm     bool   // ask once before looking, so that the cache is filled
	app      func(net.Listener)
	since    Version // of nginx that knows all of it
	addr     string  // where the app listens, default a free port of 127.0.0.1
}

const (
	get      = "GET /x/y?q=1 HTTP/1.1\r\nHost: example.com\r\nX-Test: a\r\nConnection: close\r\n\r\n"
	post     = "POST /x/form HTTP/1.1\r\nHost: example.com:81\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
	redirect = "GET /x/r?loc=http://APP/app/z HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"
	redir2   = "GET /x/r?loc=http://localhost:PORT/z HTTP/1.0\r\n\r\n"
	cached   = "GET /x/c?cache=1 HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"
	accel    = "GET /x/c HTTP/1.0\r\nX-To: "
	lang     = "GET /x/y HTTP/1.0\r\nX-Lang: "
	socketWS = "GET /x/ws HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)

func server(inner string) string {
	return "server {\n    listen FRONT;\n    server_name example.com;\n" + inner + "\n}\n"
}

var behaviours = []behaviour{
	// class A
	{name: "upstream", site: "upstream up {\n    server APP;\n}\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream, host set", site: "upstream up { server APP; }\n" + server("location / { proxy_pass http://up; proxy_set_header Host $host; }")},
	{name: "upstream with URI part", site: "upstream up { server APP; }\n" + server("location /x/ { proxy_pass http://up/app/; }")},
	{name: "upstream with URI part without slash", site: "upstream up { server APP; }\n" + server("location /x/ { proxy_pass http://up/app; }")},
	{name: "upstream by other case", site: "upstream Up { server APP; }\n" + server("location / { proxy_pass http://UP; }")},
	{name: "upstream in another file", site: server("location / { proxy_pass http://up; }"), files: map[string]string{"site.d/up.conf": "upstream up { server APP; }\n"}},
	{name: "upstream with weight and zone", site: "upstream up { zone z 64k; server APP weight=5 max_fails=2 fail_timeout=3s max_conns=50; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream least_conn", site: "upstream up { least_conn; server APP; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream ip_hash", site: "upstream up { ip_hash; server APP; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream hash", site: "upstream up { hash $request_uri consistent; server APP; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream random", site: "upstream up { random two; server APP; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream with backup", site: "upstream up { server APP; server 127.0.0.1:1 backup; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream with a server that is down", site: "upstream up { server 127.0.0.1:1 down; server APP; }\n" + server("location / { proxy_pass http://up; }")},
	{
		name: "upstream with keepalive", want: "keepalive_timeout 4s; # edgeman",
		site:     "upstream up {\n    server APP;\n    keepalive 4;\n}\n" + server("location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection \"\"; }"),
		requests: []string{get, post, get, get},
	},
	{
		name: "upstream with keepalive from a file that others include", want: "keepalive_timeout 4s; # edgeman", files: map[string]string{"idle.conf": "keepalive 4;"},
		site: "upstream up {\n    server APP;\n    include idle.conf;\n}\nupstream other { server OTHER; include idle.conf; }\n" + server("location / { proxy_pass http://up; }\nlocation /o { proxy_pass http://other; }"),
	},
	{name: "upstream with localhost", site: "upstream up { server localhost:PORT; }\n" + server("location / { proxy_pass http://up; }")},
	{name: "upstream with bind", want: "proxy_bind off; # edgeman", site: "proxy_bind 127.0.0.1;\nupstream up { server APP; }\n" + server("location / {\n    proxy_pass http://up;\n}")},
	{name: "upstream with bind in the location", want: "proxy_bind off;", site: "upstream up { server APP; }\n" + server("location / { proxy_bind 127.0.0.1; proxy_pass http://up; }")},
	{name: "upstream cached", site: "upstream up { server APP; }\n" + server("location / { proxy_pass http://up; proxy_cache c; add_header X-Cache $upstream_cache_status; }"), requests: []string{cached, cached}, warm: true},
	{name: "upstream through set", site: "upstream up { server APP; }\n" + server("set $b up; location / { proxy_pass http://$b; }")},
	{name: "upstream through set with scheme", site: "upstream up { server APP; }\n" + server("location / { set $b http://up; proxy_pass $b; }")},
	{name: "upstream through map", site: "upstream up { server APP; }\nupstream other { server APP; }\nmap $arg_q $b { default up; 1 other; }\n" + server("location / { proxy_pass http://$b; }"), requests: []string{get, post}},
	{name: "upstream through split_clients", site: "upstream up { server APP; }\nupstream other { server APP; }\nsplit_clients $request_uri $b { 50% up; * other; }\n" + server("location / { proxy_pass http://$b; }")},
	{name: "auth_request", site: "upstream up { server APP; }\n" + server("location / { auth_request /auth; proxy_pass http://up; }\nlocation = /auth { internal; proxy_pass http://up/check; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; }")},
	{name: "mirror", site: "upstream up { server APP; }\n" + server("location / { mirror /m; proxy_pass http://up; }\nlocation = /m { internal; proxy_pass http://up/mirrored; }"), requests: []string{get}},
	{name: "error_page with proxied fallback", site: "upstream up { server APP; }\n" + server("location / { proxy_pass http://127.0.0.1:1; error_page 502 = @app; }\nlocation @app { proxy_pass http://up; }")},
	{name: "websocket with map", site: "map $http_upgrade $conn { default upgrade; '' close; }\nupstream up { server APP; }\n" +
		server("location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $conn; }"), requests: []string{socketWS, get}},
	{
		name: "proxied error intercepted", site: "upstream up { server APP; }\n" + server("location / { proxy_pass http://up; proxy_intercept_errors on; error_page 404 =200 /gone; }\nlocation = /gone { proxy_pass http://up; }"),
		requests: []string{"GET /x?status=404 HTTP/1.0\r\n\r\n"},
	},
	{name: "response rewriting", site: "upstream up { server APP; }\n" + server("location / { proxy_pass http://up; sub_filter up DOWN; sub_filter_once off; proxy_redirect http://APP/ /y/; proxy_cookie_domain 127.0.0.1 $host; proxy_cookie_path /app/ /; }"), requests: []string{get, redirect}},

	// class B
	{name: "literal without port", addr: "127.81.7.3:80", site: server("location / { proxy_pass http://127.81.7.3; }"), want: "upstream 127.81.7.3 {"},
	{name: "literal without port, URI part", addr: "127.81.7.4:80", site: server("location /x/ { proxy_pass http://127.81.7.4/app/; proxy_cache c; }"), want: "upstream 127.81.7.4 {"},
	{name: "literal without port, also with one", addr: "127.81.7.5:80", site: server("location / { proxy_pass http://127.81.7.5; }\nlocation /o { proxy_pass http://127.81.7.5:81; }"), want: "proxy_set_header Host 127.81.7.5;"},
	{name: "literal with port 80", addr: "127.81.7.6:80", site: server("location / { proxy_pass http://127.81.7.6:80; proxy_set_header X $proxy_host; }")},

	// other protocols
	{name: "fastcgi literal", app: serveFastCGI, site: server("location / { fastcgi_pass APP; include fcgi.conf; }"), files: fcgiParams},
	{name: "fastcgi upstream with keepalive", app: serveFastCGI, site: "upstream php { server APP; keepalive 2; }\n" + server("location / { fastcgi_pass php; fastcgi_keep_conn on; include fcgi.conf; }"), files: fcgiParams},
	{name: "fastcgi cached", app: serveFastCGI, warm: true, site: "fastcgi_cache_path DIR/fc keys_zone=f:1m;\n" + server("location / { fastcgi_pass APP; fastcgi_cache f; fastcgi_cache_key $request_uri; fastcgi_cache_valid 1m; add_header X-Cache $upstream_cache_status; include fcgi.conf; }"), files: fcgiParams},
	{name: "fastcgi through set", app: serveFastCGI, site: server("set $php APP; location / { fastcgi_pass $php; include fcgi.conf; }"), files: fcgiParams},
	{name: "fastcgi with bind", app: serveFastCGI, site: server("fastcgi_bind 127.0.0.1; location / { fastcgi_pass APP; include fcgi.conf; }"), files: fcgiParams},
	{name: "scgi", app: serveSCGI, site: server("location / { scgi_pass APP; scgi_param URI $request_uri; scgi_param METHOD $request_method; }")},
	{name: "uwsgi", app: serveUWSGI, site: server("location / { uwsgi_pass APP; uwsgi_param URI $request_uri; uwsgi_param HOST $host; }")},
	{name: "uwsgi with scheme", app: serveUWSGI, site: server("location / { uwsgi_pass uwsgi://APP; uwsgi_param URI $request_uri; }")},
	{name: "memcached", app: serveMemcached, site: server("location / { set $memcached_key $uri; memcached_pass APP; default_type text/plain; }"), requests: []string{get}},
	{name: "https literal", app: serveTLS, site: server("location / { proxy_pass https://APP; proxy_ssl_server_name on; }")},
	{name: "https literal by name", app: serveTLS, site: server("location / { proxy_pass https://localhost:PORT; proxy_ssl_server_name on; }"), want: "proxy_ssl_name localhost;"},
	{name: "https upstream", app: serveTLS, site: "upstream tls.example { server APP; }\n" + server("location / { proxy_pass https://tls.example; proxy_ssl_server_name on; }")},
	{name: "stream literal", app: serveRaw, site: "# nothing\n", files: map[string]string{"stream.conf": "stream { server { listen FRONT; proxy_pass APP; } }\n"}, requests: []string{"hello\n"}},
	{name: "stream upstream", app: serveRaw, site: "# nothing\n", files: map[string]string{"stream.conf": "stream { upstream s { hash $remote_addr; server APP; }\n server { listen FRONT; proxy_pass s; proxy_protocol off; } }\n"}, requests: []string{"hello\n"}},
	{name: "stream with map and bind", app: serveRaw, site: "# nothing\n", files: map[string]string{"stream.conf": "stream { map $protocol $to { default APP; }\n proxy_bind 127.0.0.1;\n server { listen FRONT; proxy_pass $to; } }\n"}, requests: []string{"hello\n"}},

	// class C: Host
	{name: "literal, host set", site: server("location / {\n    proxy_pass http://APP;\n    proxy_set_header Host $host;\n}")},
	{name: "literal, host unset", want: "proxy_set_header Host APP; # edgeman", site: server("location / { proxy_pass http://APP; }")},
	{name: "literal, localhost", site: server("location / { proxy_pass http://localhost:PORT; }"), requests: []string{get, post, redir2}},
	{name: "literal, other headers set", site: server("location / { proxy_pass http://APP; proxy_set_header X-A a; proxy_set_header X-Real-IP $remote_addr; }")},
	{name: "literal, inherited headers", site: "proxy_set_header X-H \"h h\";\n" + server("proxy_set_header X-A a;\nproxy_set_header X-B 'b;b';\nlocation / { proxy_pass http://APP; }")},
	{name: "literal, inherited headers with host", site: server("proxy_set_header X-A a;\nproxy_set_header Host $host;\nlocation / { proxy_pass http://APP; }")},
	{name: "literal, host is $proxy_host", site: server("proxy_set_header Host $proxy_host;\nproxy_set_header X-P \"${proxy_host} $proxy_port\";\nlocation / { proxy_pass http://APP; }")},
	{name: "literal, host is $Proxy_Host", site: server("location / { proxy_pass http://APP; proxy_set_header Host $Proxy_Host; proxy_set_header X ${Proxy_Port}; }")},
	{name: "literal, own host is $proxy_host", site: server("location / { proxy_pass http://APP; proxy_set_header Host \"$proxy_host\"; proxy_set_header X $proxy_hostx; set $proxy_hostx 1; }")},
	{name: "literal, headers from a snippet", site: server("location / { include headers.conf; proxy_pass http://APP; }\nlocation /other { include headers.conf; return 200; }"), files: map[string]string{"headers.conf": "proxy_set_header X-S s;\n"}},
	{name: "literal, pass in a snippet", site: server("location /x { include pass.conf; }\nlocation /z { include pass.conf; }"), files: map[string]string{"pass.conf": "proxy_pass http://APP;\nproxy_set_header X-S s;\n"}, requests: []string{get, post, "GET /z/1 HTTP/1.0\r\n\r\n"}},

	// class C: structure
	{name: "literal, nested location", site: server("location / { proxy_pass http://APP; proxy_set_header X-O o;\n location /x/ { proxy_pass http://APP; } }")},
	{name: "literal, nested location elsewhere", site: "upstream other { server 127.0.0.1:PORT; }\n" + server("location / { proxy_pass http://127.0.0.1:1;\n location /x/ { proxy_pass http://APP; } }")},
	{
		name: "literal, nested location of another app", site: server("proxy_set_header X-O o;\nlocation / { proxy_pass http://APP;\n location /two/ { proxy_pass http://OTHER; } }"),
		requests: []string{get, "GET /two/1 HTTP/1.0\r\n\r\n"},
	},
	{
		name: "location inside another app's inside its own", site: server("location / { proxy_pass http://APP;\n location /two/ { proxy_pass http://OTHER;\n location /two/x/ { proxy_pass http://APP;\n location /two/x/y/ { proxy_pass http://OTHER; } } } }"),
		requests: []string{get, "GET /two/1 HTTP/1.0\r\n\r\n", "GET /two/x/1 HTTP/1.0\r\n\r\n", "GET /two/x/y/1 HTTP/1.0\r\n\r\n"},
	},
	{
		name: "nested location of another app, cached and redirecting", site: server("proxy_cache c;\nlocation / { proxy_pass http://APP;\n location /two/ { proxy_pass http://OTHER; add_header X-Cache $upstream_cache_status; } }"),
		requests: []string{get, "GET /two/c?cache=1 HTTP/1.0\r\n\r\n", "GET /two/r?loc=http://OTHER/z HTTP/1.0\r\n\r\n", "GET /two/r?loc=http://APP/z HTTP/1.0\r\n\r\n"}, warm: true,
	},
	{
		name: "nested location of another app through an upstream", site: "upstream up { server OTHER; }\n" + server("location / { proxy_pass http://APP; proxy_set_header X-O $proxy_host;\n location /two/ { proxy_pass http://up; } }"),
		requests: []string{get, "GET /two/1 HTTP/1.0\r\n\r\n"},
	},
	{name: "literal in if", site: server("location / { if ($request_method = GET) { proxy_pass http://APP; } return 405; }")},
	{name: "literal in location and if", site: server("location / { proxy_pass http://APP; if ($request_method = POST) { proxy_pass http://APP; } }")},
	{name: "literal, if inherits the pass", site: server("location / { proxy_pass http://APP; set $a 1; if ($request_method = GET) { set $a 2; } proxy_set_header X-A $a; }")},
	{name: "literal in limit_except", site: server("location / { proxy_pass http://APP; limit_except GET { allow all; } }")},
	{name: "literal in regex location", site: server("location ~ ^/x/(.*)$ { proxy_pass http://APP; }")},
	{name: "literal in named location", site: server("location / { try_files /nothing @app; }\nlocation @app { proxy_pass http://APP; }")},
	{name: "literal, several locations", site: server("location = /x/form { proxy_pass http://APP; }\nlocation ^~ /x/ { proxy_pass http://localhost:PORT; }"), requests: []string{get, post, redirect, redir2}},

	// class C: URI
	{name: "literal with URI part", site: server("location /x/ { proxy_pass http://APP/app/; }")},
	{name: "literal with URI part without slash", site: server("location /x/ { proxy_pass http://APP/app; }")},
	{name: "literal with slash only", site: server("location /x/ { proxy_pass http://APP/; }")},
	{name: "literal, exact location with URI part", site: server("location = /x/y { proxy_pass http://APP/one; }\nlocation / { return 404; }"), requests: []string{get}},
	{name: "literal, rewritten", site: server("rewrite ^/x/(.*)$ /new/$1?added=1;\nlocation / { proxy_pass http://APP; }")},
	{name: "literal, rewritten in the location", site: server("location /x/ { rewrite ^/x/(.*)$ /new/$1 break; proxy_pass http://APP; }")},
	{name: "literal with $request_uri", site: server("location / { proxy_pass http://APP$request_uri; }")},
	{name: "literal with variables in the URI", site: server("location ~ ^/x/(.*)$ { proxy_pass http://APP/app/$1$is_args$args; }")},
	{name: "literal through set", site: server("set $backend APP;\nlocation / { proxy_pass http://$backend; }")},
	{name: "literal through set in another case", site: server("set $BackEnd APP;\nlocation / { proxy_pass http://$backend; }")},
	{name: "literal URL through set", site: server("location / { set $backend \"http://APP\"; proxy_pass $backend; }")},

	{name: "literal from three variables", want: "proxy_pass $proto://edgeman-myapp;", site: server("location / { set $app 127.0.0.1; set $port PORT; set $proto http; proxy_pass $proto://$app:$port; }")},
	{name: "literal from three variables with a URI", want: "proxy_pass $proto://edgeman-myapp$request_uri;", site: server("set $proto http; location /x { set $app 127.0.0.1; set $port PORT; proxy_pass $proto://$app:$port$request_uri; }")},

	{name: "variables set in each location", site: server("set $port 1; location / { set $app 127.0.0.1; set $port PORT; set $proto http; proxy_pass $proto://$app:$port; }\n" +
		"location /z { set $app 127.0.0.1; set $port PORT; set $proto http; proxy_pass $proto://$app:$port; }"), requests: []string{get, post, "GET /z HTTP/1.0\r\n\r\n"}},

	{name: "literal over IPv6", addr: "[::1]:0", site: server("location / { proxy_pass http://APP; }"), want: "proxy_set_header Host APP;"},
	{name: "literal beside an upstream", site: "upstream up { server APP; }\n" + server("location /x/form { proxy_pass http://up; } location / { proxy_pass http://APP; }"), want: "upstream edgeman-myapp"},

	{name: "literal of one app through a map of two", site: "map $http_x_lang $b { de APP; default OTHER; }\n" + server("location / { proxy_pass http://$b; proxy_set_header Host $host; }"), requests: []string{lang + "de\r\n\r\n", lang + "fr\r\n\r\n"}},

	// class C: redirects
	{name: "redirect off", site: server("location / { proxy_pass http://APP; proxy_redirect off; }")},
	{name: "redirect default", site: server("location /x/ { proxy_pass http://APP/app/; proxy_redirect default; proxy_redirect http://other/ /o/; }")},
	{name: "redirect set outside", site: server("proxy_redirect http://APP/app/ /set/;\nlocation / { proxy_pass http://APP; }")},
	{name: "redirect with $proxy_host", site: server("proxy_redirect http://$proxy_host/app/ /set/;\nlocation / { proxy_pass http://APP; }")},
	{name: "redirect with $proxy_host in an expression", want: "proxy_redirect ~^http://$proxy_host(.*)$ http://APP$1;", site: server("proxy_redirect ~^http://$proxy_host(.*)$ http://$proxy_host$1;\nlocation / { proxy_pass http://APP; }")},
	{name: "redirect with $proxy_host that an inner location inherits", site: server("location / { proxy_redirect http://$proxy_host/ /r/; proxy_pass http://APP;\n location /x/ { proxy_pass http://APP; } }")},
	{name: "redirect off outside", site: server("proxy_redirect off;\nlocation / { proxy_pass http://APP; }")},

	// class C: cache
	{name: "cache stays warm", want: "proxy_cache_key http://APP$request_uri;", site: server("proxy_ignore_headers X-Accel-Redirect;\nlocation / { proxy_pass http://APP; proxy_cache c; add_header X-Cache $upstream_cache_status; }"), requests: []string{cached, cached}, warm: true},
	{name: "cache with a key", site: server("proxy_cache_key $proxy_host$uri$is_args$args;\nlocation / { proxy_pass http://APP; proxy_cache c; add_header X-Cache $upstream_cache_status; }"), requests: []string{cached, cached}, warm: true},
	{name: "cache with its own key", site: server("location / { proxy_pass http://APP; proxy_cache c; proxy_cache_key \"$scheme$proxy_host$request_uri\"; add_header X-Cache $upstream_cache_status; }"), requests: []string{cached, cached}, warm: true},
	{name: "cache with redirects by the app", site: server("proxy_cache_valid 1m;\nlocation / { proxy_pass http://APP; proxy_cache c; }"), requests: []string{accel + "/a\r\n\r\n", accel + "/b\r\n\r\n"}},
	{name: "cache with other arguments", site: server("proxy_ignore_headers X-Accel-Redirect;\nproxy_cache c;\nproxy_cache_valid 1m;\nlocation / { set $args $http_x_lang; proxy_pass http://APP; }"), requests: []string{lang + "de\r\n\r\n", lang + "fr\r\n\r\n"}},
	{
		name: "cache, inner location with another URI", site: server("proxy_ignore_headers X-Accel-Redirect;\nproxy_cache c;\nproxy_cache_valid 1m;\nlocation / { proxy_pass http://APP;\n location /x/ { proxy_pass http://APP/$http_x_lang$request_uri; } }"),
		warm: true, requests: []string{lang + "de\r\n\r\n", lang + "fr\r\n\r\n"},
	},
	{
		name: "cache, if with another URI", site: server("proxy_ignore_headers X-Accel-Redirect;\nproxy_cache c;\nproxy_cache_valid 1m;\nlocation / { proxy_pass http://APP; if ($http_x_lang) { proxy_pass http://APP/$http_x_lang$request_uri; } }"),
		requests: []string{lang + "de\r\n\r\n", lang + "fr\r\n\r\n"},
	},

	// class C: other
	{name: "$proxy_host in a body", site: server("location / { proxy_pass http://APP; proxy_set_body \"$proxy_host $proxy_port\"; }")},
	{name: "$upstream_addr in a log", site: "log_format l '$upstream_addr $by';\nmap $upstream_addr $by { default other; APP this; }\nupstream up { server APP; }\n" + server("access_log DIR/access.log l;\nlocation / { proxy_pass http://up; add_header X $upstream_status; }")},
	{name: "$proxy_host used by another location", site: server("location / { proxy_pass http://APP; }\nlocation /two/ { proxy_pass http://OTHER; add_header X-Up $proxy_host; }"), requests: []string{get, "GET /two/1 HTTP/1.0\r\n\r\n"}},
	{name: "literal with bind", site: server("proxy_bind 127.0.0.1;\nlocation / { proxy_pass http://APP; }")},
	{name: "literal on one line", site: "server{listen FRONT;location /{proxy_pass http://APP;}}"},
	{name: "literal, quoted", site: server("location / { proxy_pass \"http://APP\" ; }")},
	{name: "literal, websocket", site: server("location / { proxy_pass http://APP; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }"), requests: []string{socketWS}},
	{name: "literal, CRLF", site: strings.ReplaceAll(server("location / {\n proxy_pass http://APP;\n}"), "\n", "\r\n")},
}

var fcgiParams = map[string]string{"fcgi.conf": "fastcgi_param REQUEST_METHOD $request_method;\nfastcgi_param REQUEST_URI $request_uri;\n" +
	"fastcgi_param CONTENT_LENGTH $content_length;\nfastcgi_param SERVER_PROTOCOL $server_protocol;\nfastcgi_param HTTP_HOST $http_host;\n"}

func TestBehaviourStays(t *testing.T) {
	if testing.Short() {
		t.Skip("runs nginx twice for every case")
	}
	nginxBinary(t)
	for _, b := range slices.Concat(behaviours, http2Behaviours, spellings) {
		t.Run(b.name, func(t *testing.T) { b.run(t) })
	}
}

func (b behaviour) run(t *testing.T) {
	l := newLab(t, b)
	if !l.version.AtLeast(b.since) {
		t.Skipf("nginx %s is older than %s", l.version, b.since)
	}
	l.write(l.site, b.site)
	for name, text := range b.files {
		l.write(l.dir+"/"+name, text)
	}
	if err := l.check(); err != nil {
		if strings.Contains(err.Error(), `unknown directive "stream"`) {
			t.Skip("this nginx has no stream module (install libnginx-mod-stream)")
		}
		t.Fatal(err)
	}
	if b.requests == nil {
		b.requests = []string{get, post, redirect}
	}
	before, headsBefore, opened, _ := b.ask(l)
	p, err := l.plan(b.options)
	if err != nil {
		t.Fatal(err)
	}
	checkRevert(t, p)
	l.apply(p)
	if err := l.check(); err != nil {
		t.Fatalf("%v\n%s", err, p.Diff())
	}
	after, headsAfter, tcp, unix := b.ask(l)
	for i := range before {
		if before[i] != after[i] {
			t.Errorf("response %d was\n%s\nis\n%s", i, before[i], after[i])
		}
	}
	if !slices.Equal(headsBefore, headsAfter) {
		t.Errorf("the app got\n%s\nthen\n%s", strings.Join(headsBefore, "--\n"), strings.Join(headsAfter, "--\n"))
	}
	if tcp > 0 {
		t.Errorf("%d connections still went to the port", tcp)
	}
	probed := b.files["stream.conf"] != "" // waiting for nginx opens connections too
	if !probed && unix != opened {
		t.Errorf("%d connections to the app, then %d", opened, unix)
	}
	if want := l.fill(b.want); !strings.Contains(p.Diff(), want) {
		t.Errorf("no %q in the edit", want)
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("edit:\n%s%v", p.Diff(), p.Notes)
	}
}

// ask runs nginx and returns the responses, what the app received, and the
// number of connections to the app's port and to its socket.
func (b behaviour) ask(l *lab) (responses, heads []string, tcp, unix int) {
	l.t.Helper()
	l.start()
	defer l.stop()
	if b.warm {
		for _, r := range b.requests {
			l.ask(r)
		}
	}
	l.app.take()
	l.other.take()
	for _, r := range b.requests {
		responses = append(responses, l.ask(r))
	}
	heads, tcp, unix = l.app.take()
	more, _, _ := l.other.take()
	heads = append(heads, more...)
	slices.Sort(heads) // subrequests run side by side
	return responses, heads, tcp, unix
}

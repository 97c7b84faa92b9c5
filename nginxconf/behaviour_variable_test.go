package nginxconf

import "testing"

// ask returns a GET request of a path, with more header lines.
func ask(path, headers string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n" + headers + "\r\n"
}

var (
	// paths that a location may give on in different ways
	paths     = []string{ask("/x/y?q=1&r=%2F", ""), ask("/x/", ""), ask("/x/a%20b%2Fc//d", ""), ask("/x?z", ""), ask("/x/r?loc=http://APP/app/z", ""), post}
	languages = []string{ask("/x/y?q=1", "X-Lang: de\r\n"), ask("/x/y?q=1", "X-Lang: fr\r\n"), ask("/x/y", ""), ask("/de/y", ""), ask("/fr/y", ""), post}
)

const (
	two  = "upstream up-de { server APP; }\nupstream up-fr { server OTHER; }\n"
	host = "proxy_set_header Host $host;"
)

var variableBehaviours = []behaviour{
	// a literal with variables in its URI part only
	{name: "URI from a capture with a slash", requests: paths, site: server("location ~ ^/x(/.*)$ { proxy_pass http://APP$1$is_args$args; }")},
	{name: "URI from a capture that may be missing", requests: paths, site: server("location ~ ^/x(/.*)?$ { proxy_pass http://APP$1$is_args$args; }")},
	{name: "URI from a named capture", requests: paths, site: server("location ~ ^/x(?<rest>/.*)$ { proxy_pass http://APP$rest$is_args$args; }")},
	{name: "URI behind a slash", requests: paths, site: server("location ~ ^/x/?(?<rest>.*)$ { proxy_pass http://APP/$rest?$args; }")},
	{name: "URI with a prefix", requests: paths, site: server("location /x { proxy_pass http://APP/prefix$uri$is_args$args; }")},
	{name: "URI rewritten", requests: paths, site: server("location /x/ { rewrite ^/x/(.*)$ /$1 break; proxy_pass http://APP$uri$is_args$args; }")},
	{name: "URI rewritten to a capture", requests: paths, site: server("location /x/ { rewrite ^/x(/.*)$ $1 break; proxy_pass http://APP$uri$is_args$args; }")},
	{name: "URI rewritten, none in the pass", requests: paths, site: server("location /x/ { set $app 127.0.0.1; rewrite ^/x(/.*)$ $1 break; proxy_pass http://$app:PORT; }")},
	{name: "URI in a suffix", requests: paths, site: server("location /x { set $suffix $uri; if ($uri ~ ^/x(/.*)$) { set $suffix $1; } proxy_pass http://APP$suffix; }")},
	{name: "URI in a suffix that may be empty", requests: paths, site: server("location /x { set $suffix \"\"; if ($args) { set $suffix ?only=$args; } proxy_pass http://APP$suffix; }")},
	{name: "URI from a map", requests: paths, site: "map $uri $to { ~^/x/(?<r>.*)$ /mapped/$r; default /; }\n" + server("location / { proxy_pass http://APP$to; }")},
	{name: "only a query", requests: paths, site: server("location /x { proxy_pass http://APP?$args; }")},
	{name: "arguments set", requests: paths, site: server("location /x { set $args a=b; proxy_pass http://APP$is_args$args; }")},
	{name: "URI in variables, cached", warm: true, requests: []string{cached, cached}, site: server("location ~ ^/x(/.*)$ { proxy_cache c; proxy_cache_key $uri; add_header X-Cache $upstream_cache_status; proxy_pass http://APP$1$is_args$args; }")},
	{name: "URI in variables, cached under the default key", want: "proxy_cache_key http://APP$1$is_args$args;", warm: true, requests: []string{cached, cached}, site: server("location ~ ^/x(/.*)$ { proxy_cache c; add_header X-Cache $upstream_cache_status; proxy_pass http://APP$1$is_args$args; }")},
	{name: "a prefix and a variable, cached under the default key", want: "proxy_cache_key http://APP/p$uri;", warm: true, requests: []string{cached, cached}, site: server("location /x { proxy_cache c; add_header X-Cache $upstream_cache_status; set $h 127.0.0.1; proxy_pass http://$h:PORT/p$uri; }")},
	{name: "host in a variable, cached under the default key", want: "proxy_cache_key http://APP$request_uri;", warm: true, requests: []string{cached, cached}, site: server("location /x { proxy_ignore_headers X-Accel-Redirect; proxy_cache c; add_header X-Cache $upstream_cache_status; set $h 127.0.0.1; proxy_pass http://$h:PORT; }")},
	{name: "only a query, cached under the default key", requests: paths, site: server("location /x { proxy_cache c; proxy_pass http://APP?$args; }")},
	{name: "URI in variables, inherited headers", requests: paths, site: server("proxy_set_header X-A a; location ~ ^/x(/.*)$ { proxy_pass http://APP$1; }")},
	{name: "URI in variables, a redirect of its own", requests: paths, site: server("location ~ ^/x(/.*)$ { proxy_redirect http://$proxy_host/app/ /x/; proxy_pass http://APP$1; }")},
	{name: "URI in variables inside another location", requests: paths, site: server("location / { proxy_pass http://APP; location ~ ^/x(/.*)$ { proxy_pass http://APP$1; } }")},

	// the same behind an upstream's name
	{name: "upstream with a capture", requests: paths, site: two + server("location ~ ^/x(/.*)$ { proxy_pass http://up-de$1$is_args$args; }")},
	{name: "upstream with a capture of anything", requests: paths, site: two + server("location ~ ^/x(.*)$ { proxy_pass http://up-de$1; }")},
	{name: "upstream with $request_uri", requests: paths, site: two + server("location / { proxy_pass http://up-de$request_uri; }")},
	{name: "upstream with a prefix", requests: paths, site: two + server("location / { proxy_pass http://up-de/prefix$uri; }")},
	{name: "upstream with an unknown suffix", requests: languages, site: two + server("location / { proxy_pass http://up-$http_x_lang; }")},

	// constants
	{name: "host in a variable", want: "proxy_pass http://$edgeman_myapp;", requests: paths, site: server("set $app 127.0.0.1;\nlocation / { proxy_pass http://$app:PORT; }")},
	{name: "host in a variable, Host set", requests: paths, site: server("set $app 127.0.0.1;\nlocation / { proxy_pass http://$app:PORT; " + host + " }\nlocation = /x/ { proxy_pass http://$app:PORT/y/; " + host + " }")},
	{name: "host in a variable, with a URI", want: "proxy_pass http://$edgeman_myapp/app/;", requests: paths, site: server("location /x/ { set $app 127.0.0.1; proxy_pass http://$app:PORT/app/; }")},
	{name: "port in a variable", requests: paths, site: server("location /x/ { set $port PORT; proxy_pass http://127.0.0.1:$port/app/; }")},
	{name: "port in a variable, with $request_uri", want: "proxy_pass http://edgeman-myapp$request_uri;", requests: paths, site: server("location /x/ { set $port PORT; proxy_pass http://127.0.0.1:$port$request_uri; }")},
	{name: "URL in a variable that is used elsewhere", want: "proxy_pass http://$edgeman_myapp;", requests: paths, site: server("set $to http://APP; location / { proxy_set_header X-To $to; proxy_pass $to; }")},
	{name: "address in a variable that another pass has in its URI", requests: paths, site: server("set $to APP; location / { proxy_pass http://$to; " + host + " } location /x/ { proxy_pass http://APP/x/?up=$to; " + host + " }")},
	{name: "the same in a map", requests: paths, site: "map $uri $to { default APP; }\n" + server("location / { proxy_pass http://$to; "+host+" } location /x/ { set $up $to; proxy_pass http://APP/x/?up=$up; "+host+" }")},
	{name: "URL with a URI in a variable that is used elsewhere", want: "proxy_pass http://$edgeman_myapp/app/;", requests: paths, site: server("set $to http://APP/app/; location / { proxy_set_header X-To $to; proxy_pass $to; }")},
	{name: "URL from variables in a variable", want: "proxy_pass http://$edgeman_myapp;", requests: paths, site: server("set $h 127.0.0.1; set $p PORT; set $to http://$h:$p; location / { proxy_pass $to; }")},
	{name: "URL from a map with one value", requests: paths, site: "map $host $to { default http://APP; }\n" + server("location / { proxy_pass $to; }")},
	{name: "URL with $request_uri in a variable", want: "set $to \"http://edgeman-myapp$request_uri\";", requests: paths, site: server("location / { set $to \"http://APP$request_uri\"; proxy_pass $to; }")},
	{name: "address with a capture in a variable", requests: paths, site: server("location ~ ^/x(/.*)$ { set $to APP$1; proxy_pass http://$to$is_args$args; }")},
	{name: "URL with a URI that may be empty in a variable", requests: paths, site: server("location /x { set $to http://APP/$is_args$args; proxy_pass $to; }")},
	{name: "URLs with $request_uri in a map", requests: languages, site: "map $http_x_lang $to { de http://APP$request_uri; default http://OTHER/x$request_uri; }\n" + server("location / { proxy_pass $to; "+host+" }")},
	{name: "constant in a named location", requests: paths, site: server("location / { set $to APP; try_files /nothing @app; }\nlocation @app { proxy_pass http://$to; }")},
	{name: "constant set in other locations too", requests: paths, site: server("set $to APP; location / { proxy_pass http://$to; }\nlocation /x/ { set $to OTHER; proxy_pass http://$to; }")},
	{name: "constant also in the URI", want: "proxy_pass http://edgeman-myapp/at/$to;", requests: paths, site: server("set $to APP; location / { proxy_pass http://$to/at/$to; }")},
	{name: "scheme in a variable", requests: paths, site: server("location / { proxy_pass $scheme://APP; }")},
	{name: "scheme in a variable, with a URI", requests: paths, site: server("location / { proxy_pass $scheme://APP$request_uri; }")},
	{name: "fastcgi, host in a variable", app: serveFastCGI, site: server("set $php 127.0.0.1; location / { fastcgi_pass $php:PORT; include fcgi.conf; }"), files: fcgiParams},
	{name: "grpc, host in a variable", app: serveGRPC, site: server("set $app 127.0.0.1; location / { grpc_pass grpc://$app:PORT; }")},
	{name: "constant, cached", warm: true, requests: []string{cached, cached}, site: server("set $app 127.0.0.1; proxy_cache_key $proxy_host$uri; location / { proxy_cache c; add_header X-Cache $upstream_cache_status; proxy_pass http://$app:PORT; }")},
	{name: "constant, inherited redirects", requests: paths, site: server("set $app 127.0.0.1; location / { proxy_pass http://APP; location /x/ { proxy_pass http://$app:PORT; } }")},
	{name: "constant, websocket", requests: []string{socketWS}, site: server("set $app 127.0.0.1; location / { proxy_pass http://$app:PORT; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }")},

	// chosen among several
	{name: "upstreams set in if", requests: languages, site: two + server("location / { set $to http://up-fr; if ($http_x_lang = de) { set $to http://up-de; } if ($request_method = POST) { set $to http://up-de; } proxy_pass $to; }")},
	{name: "upstreams set in if of the server", requests: languages, site: two + server("set $to up-fr; if ($http_x_lang = de) { set $to up-de; }\nlocation / { proxy_pass http://$to; }\nlocation /de { proxy_pass http://$to/other/; }")},
	{name: "upstreams set in if, none otherwise", requests: languages, site: two + server("if ($http_x_lang) { set $to up-$http_x_lang; }\nlocation / { proxy_pass http://$to; }")},
	{name: "literals set in if", requests: languages, site: server("location / { set $to http://OTHER; if ($http_x_lang = de) { set $to http://APP; } proxy_pass $to; " + host + " }")},
	{name: "literals set in if with a break", requests: languages, site: server("location / { set $to OTHER; if ($http_x_lang = fr) { break; } set $to APP; proxy_pass http://$to$request_uri; " + host + " }")},
	{name: "literal and upstream set in if", requests: languages, site: two + server("location / { set $to up-fr; if ($http_x_lang = de) { set $to APP; } proxy_pass http://$to; "+host+" }")},
	{name: "literals in a map without a default", requests: languages, site: "map $http_x_lang $to { de APP; fr OTHER; }\n" + server("location / { proxy_pass http://$to; "+host+" }")},
	{name: "upstreams in a geo", requests: languages, site: two + "geo $to { default up-fr; 127.0.0.1 up-de; }\n" + server("location / { proxy_pass http://$to; }")},
	{name: "upstream put together from the URL", requests: languages, site: two + server("location ~ ^/(de|fr)/ { proxy_pass http://up-$1; }\nlocation / { return 204; }")},
	{name: "upstream put together from any URL", requests: languages, site: two + server("location ~ ^/(?<lang>\\w+)/ { proxy_pass http://up-$lang; }")},
	{name: "upstream put together in a variable", requests: languages, site: two + server("location / { set $to up-fr; if ($uri ~ ^/(de|fr)/) { set $to up-$1; } proxy_pass http://$to; }")},
	{name: "upstream named by a capture", requests: languages, site: two + server("location ~ ^/(?<lang>de|fr)(?<rest>/.*) { proxy_pass http://up-$lang$rest; }")},
	{name: "upstream named by a part of the host", requests: []string{"GET /x HTTP/1.0\r\nHost: de.up\r\n\r\n", "GET /x HTTP/1.0\r\nHost: fr.up\r\n\r\n", "GET /x HTTP/1.0\r\nHost: it.up\r\n\r\n"}, site: two + server("server_name ~^(?<lang>.+)\\.up$; location / { proxy_pass http://up-$lang; }")},
	{name: "upstream named by a part of the host alone", requests: []string{"GET /x HTTP/1.0\r\nHost: up-de.org\r\n\r\n", "GET /x HTTP/1.0\r\nHost: up-fr.org:81\r\n\r\n", "GET /x HTTP/1.0\r\nHost: it.org\r\n\r\n"}, site: two + server("server_name ~^(.+)\\.org$; location / { proxy_pass http://$1; }")},
	{name: "upstream named like the server", requests: paths, site: "upstream example.com { server APP; }\n" + server("location / { proxy_pass http://$server_name$request_uri; }")},
	{name: "upstream named by the host", requests: []string{ask("/x", ""), "GET /x HTTP/1.0\r\nHost: www.example.com\r\n\r\n", "GET /x HTTP/1.0\r\nHost: other\r\n\r\n"}, site: "upstream example.com { server APP; }\nupstream www.example.com { server OTHER; }\n" + server("server_name www.example.com; location / { proxy_pass http://$host; }")},
	{name: "upstreams that a subrequest sets", requests: languages[:3], site: two + server("location = /auth { internal; set $to up-fr; proxy_pass http://$to/auth; }\nlocation / { auth_request /auth; set $to up-de; proxy_pass http://$to; }")},
	{name: "literals that a subrequest sets", requests: languages[:3], site: server("location = /auth { internal; set $to OTHER; proxy_pass http://$to/auth; " + host + " }\nlocation / { auth_request /auth; set $to APP; proxy_pass http://$to; " + host + " }")},
	{name: "literals set before an error", requests: languages, site: server("location / { set $to APP; if ($http_x_lang = de) { set $to OTHER; } error_page 418 = /on; return 418; }\nlocation /on { proxy_pass http://$to; " + host + " }")},
	{name: "variable pass and literal in if", requests: append(paths[:len(paths):len(paths)], ask("/x/r?loc=http://APP/app/z", "X-Lang: de\r\n")), site: server("location / { set $to APP; proxy_redirect off; proxy_pass http://$to; if ($http_x_lang) { proxy_pass http://APP; } }")},
	{name: "literal pass and variable in if", requests: append(paths[:len(paths):len(paths)], ask("/x/r?loc=http://APP/app/z", "X-Lang: de\r\n")), site: server("location / { set $to APP; proxy_pass http://APP; if ($http_x_lang) { proxy_pass http://$to; } }")},
	{name: "pass in if", requests: languages, site: server("location / { set $to OTHER; if ($http_x_lang = de) { set $to APP; proxy_pass http://$to; } proxy_pass http://OTHER; " + host + " }")},
}

func TestVariableBehaviourStays(t *testing.T) {
	if testing.Short() {
		t.Skip("runs nginx twice for every case")
	}
	nginxBinary(t)
	for _, b := range variableBehaviours {
		t.Run(b.name, func(t *testing.T) { b.run(t) })
	}
}

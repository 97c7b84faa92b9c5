package nginxconf

// http2Behaviours are sites whose app gets HTTP/2, in which :authority stands
// for the Host header.
var http2Behaviours = []behaviour{
	{name: "grpc literal", app: serveGRPC, site: server("location / { grpc_pass grpc://APP; }")},
	{name: "grpc literal without scheme", app: serveGRPC, site: server("grpc_set_header X-A a; location / { grpc_pass APP; }")},
	{name: "grpc literal with port 80", addr: "127.81.7.7:80", app: serveGRPC, site: server("location / { grpc_pass grpc://127.81.7.7:80; }")},
	{name: "grpc localhost", app: serveGRPC, site: server("location / { grpc_pass grpc://localhost:PORT; grpc_set_header X-Real-IP $remote_addr; }")},
	{name: "grpc literal with headers before and after", app: serveGRPC, site: server("location / { grpc_set_header X-A a; grpc_pass grpc://APP; grpc_set_header X-B b; }")},
	{name: "grpc literal with headers from a snippet", app: serveGRPC, site: server("location / { include headers.conf; grpc_pass grpc://APP; }"), files: map[string]string{"headers.conf": "grpc_set_header X-S s;\n"}},
	{name: "grpc literal, host set", app: serveGRPC, site: server("location / { grpc_pass grpc://APP; grpc_set_header Host $host; }")},
	{name: "grpc literal, host set outside", app: serveGRPC, site: server("grpc_set_header host $http_host; location / { grpc_pass grpc://APP; }")},
	{name: "grpc literal beside $proxy_host", app: serveGRPC, site: server("grpc_set_header X-P \"$proxy_host\"; location / { grpc_pass grpc://APP; }")},
	{name: "grpc literal through set", app: serveGRPC, site: server("set $g APP; location / { grpc_pass grpc://$g; }")},
	{name: "grpc literal in an if", app: serveGRPC, site: server("location / { if ($request_method = GET) { grpc_pass grpc://APP; } return 405; }")},
	{
		name: "grpc literal in two spellings", app: serveGRPC, requests: []string{get, post, "GET /l/1 HTTP/1.0\r\n\r\n"},
		site: server("location / { grpc_pass grpc://APP; }\nlocation /l/ { grpc_pass localhost:PORT; }\nlocation /m/ { grpc_pass localhost:PORT; }"),
	},
	{name: "grpc upstream", app: serveGRPC, site: "upstream g { server APP; }\n" + server("location / { grpc_pass g; }")},
	{name: "grpc nested elsewhere", app: serveGRPC, site: server("location / { grpc_pass APP; location /two { grpc_pass OTHER; } }"), requests: []string{get, post, "GET /two/1 HTTP/1.0\r\n\r\n"}},
	{
		name: "grpc nested elsewhere by a name", app: serveGRPC, requests: []string{get, "GET /two/1 HTTP/1.0\r\n\r\n", "GET /two/3/1 HTTP/1.0\r\n\r\n"},
		site: "upstream other { server OTHER; }\nupstream three { server OTHER; }\n" + server("set $to three; location / { grpc_set_header X-A a; grpc_pass APP; location /two/ { grpc_pass other; location /two/3/ { grpc_pass grpc://$to; } } }"),
	},
	{
		name: "grpc literal, edited for an old nginx", app: serveGRPC, options: Options{NginxVersion: Version{1, 18, 0}}, requests: []string{get},
		want: "grpc_set_header :authority $edgeman_myapp_2_authority;", site: "map $uri $edgeman_myapp_host { default a; }\n" + server("location / { grpc_pass grpc://APP; }"),
	},
	{name: "proxy by HTTP/2", since: proxyHTTP2Since, app: serveGRPC, site: server("proxy_http_version 2; location / { proxy_pass http://APP; }")},
	{name: "proxy by HTTP/2 with headers", since: proxyHTTP2Since, app: serveGRPC, site: server("location / { proxy_http_version 2; proxy_set_header X-A $proxy_host; proxy_pass http://localhost:PORT; }")},
	{name: "proxy by HTTP/2, host set", since: proxyHTTP2Since, app: serveGRPC, site: server("location / { proxy_http_version 2; proxy_set_header Host $host; proxy_pass http://APP/x/; }")},
	{
		name: "proxy by HTTP/2, nested elsewhere", since: proxyHTTP2Since, app: serveGRPC, requests: []string{get, "GET /two/1 HTTP/1.0\r\n\r\n"},
		site: server("location / { proxy_http_version 2; proxy_pass http://APP; location /two { proxy_pass http://OTHER; } }"),
	},
}

// proxyHTTP2Since is the first version with "proxy_http_version 2".
var proxyHTTP2Since = Version{1, 29, 4}

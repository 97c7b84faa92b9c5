package nginxconf

import (
	"net/netip"
	"slices"
	"testing"
)

func TestRequestHeaders(t *testing.T) {
	const names = "server_name _ ~^x *.Example.com;"
	tests := []struct {
		name, Config, site string
		want               []string
	}{
		{"nginx's default, an upstream", "upstream app { server 127.0.0.1:1; } server { " + names + " location / { proxy_pass http://app; } }", "example.com", []string{"Host: app"}},
		{"nginx's default, a literal", "server { location / { proxy_pass http://127.0.0.1:1/x; } }", "", []string{"Host: 127.0.0.1:1"}},
		{"nginx's default, the port of the scheme", "server { location / { proxy_pass http://127.0.0.1:80; } }", "", []string{"Host: 127.0.0.1"}},
		{"the site's name", "server { " + names + " location / { proxy_pass http://127.0.0.1:1; proxy_set_header Host $host; } }", "example.com", []string{"Host: example.com"}},
		{"no name", "server { server_name _; location / { proxy_pass http://127.0.0.1:1; proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto $scheme; } }", "", []string{"X-Forwarded-Proto: http"}},
		{"another port", "server { listen 8081; server_name a; location / { proxy_pass http://127.0.0.1:1; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Port ${server_port}; } }", "a", []string{"Host: a:8081", "X-Forwarded-Port: 8081"}},
		{
			"inherited, of one client, secret", "proxy_set_header Host $host; proxy_set_header x-forwarded-proto https; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-User $remote_user; proxy_set_header X-Token s3cret; proxy_set_header Connection ''; " +
				"server { server_name b.example; location / { proxy_pass http://127.0.0.1:1; } }", "b.example", []string{"Host: b.example", "X-Forwarded-Proto: https"},
		},
		{
			"TLS speaks for all", "server { listen 80; server_name plain.example; location / { proxy_pass http://127.0.0.1:1; proxy_set_header Host $host; } }\n" +
				"server { listen [::]:443 ssl; server_name tls.example; location / { proxy_pass http://127.0.0.1:1; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme; } }", "plain.example",
			[]string{"Host: tls.example", "X-Forwarded-Proto: https"},
		},
		{"ssl on, inherited", "ssl on; server { listen 443; server_name a; location / { proxy_pass http://127.0.0.1:1; proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto $scheme; } }", "a", []string{"Host: a", "X-Forwarded-Proto: https"}},
		{"nginx's default, through a variable", "server { set $to 127.0.0.1:1; location / { proxy_pass http://$to; } }", "", []string{"Host: 127.0.0.1:1"}},
		{"nginx's default, an upstream through a variable", "upstream App { server 127.0.0.1:1; } server { set $to app; location / { proxy_pass http://$to; } }", "", []string{"Host: App"}},
		{"no HTTP", "server { location / { fastcgi_pass 127.0.0.1:1; } }", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			targets, err := mustLoad(t, siteFS(tt.Config+"\n")).Targets(sitePath)
			if err != nil || len(targets) != 1 {
				t.Fatalf("%v, %v", targets, err)
			}
			if got := targets[0].RequestHeaders(); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := targets[0].SiteName(); got != tt.site {
				t.Errorf("site %q, want %q", got, tt.site)
			}
		})
	}
}

func TestReaching(t *testing.T) {
	c := mustLoad(t, siteFS("upstream a { server 127.0.0.1:8072; }\nserver { location / { proxy_pass http://a; } location /x { proxy_pass http://[::1]:8072/; } location /y { proxy_pass http://127.0.0.1:1; } location /z { proxy_pass http://name:8072; } }\n"))
	var got []string
	for _, u := range c.Reaching(func(a netip.AddrPort) bool { return a.Port() == 8072 }) {
		got = append(got, u.Text)
	}
	if want := []string{"proxy_pass http://a", "proxy_pass http://[::1]:8072/"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

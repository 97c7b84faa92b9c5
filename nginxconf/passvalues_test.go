package nginxconf

import (
	"slices"
	"testing"
)

func TestPassValues(t *testing.T) {
	for pass, want := range map[string][]string{
		"proxy_pass http://127.0.0.1:9005;":                              {"http://127.0.0.1:9005"},
		"set $backend http://127.0.0.1:9005; proxy_pass $backend;":       {"http://127.0.0.1:9005"},
		"set $port 9005; proxy_pass http://127.0.0.1:$port$request_uri;": {"http://127.0.0.1:9005$request_uri"},
		"proxy_pass http://$pool;":                                       {"http://a", "http://b"},
		"proxy_pass http://$host:9005;":                                  nil,
	} {
		site := "map $uri $pool { /x a; default b; }\nserver { listen 80; location / { " + pass + " } }\n"
		c := mustLoad(t, siteFS(site))
		got := c.Passes()
		if len(got) != 1 {
			t.Fatalf("%s: %d passes", pass, len(got))
		}
		if values := c.PassValues(got[0]); !slices.Equal(values, want) {
			t.Errorf("%s: %q, want %q", pass, values, want)
		}
	}
}

package nginxconf

import "testing"

func TestUnlike(t *testing.T) {
	server := func(inner string) string {
		return "upstream edgeman-in { server unix:/run/in.sock; }\nupstream edgeman-out { server unix:/run/out.sock; }\nserver {\n    listen 80;\n" + inner + "\n}\n"
	}
	outer, inner := "proxy_pass http://127.0.0.1:1;", "proxy_pass http://127.0.0.1:2;"
	outerLed, innerLed := "proxy_pass http://edgeman-out; proxy_set_header Host 127.0.0.1:1;", "proxy_pass http://edgeman-in; proxy_set_header Host 127.0.0.1:2;"
	nested := func(outer, inner string) string {
		return server("    location / { " + outer + "\n        location /in/ { " + inner + " } }")
	}
	tests := map[string]struct {
		now, then string
		unlike    bool
	}{
		"the inner one goes back":                      {nested(outer, innerLed), nested(outer, inner), false},
		"the outer one goes back":                      {nested(outerLed, innerLed), nested(outer, innerLed), false},
		"the inner one would inherit":                  {nested(outerLed, innerLed), nested(outerLed, inner), true},
		"it is shielded":                               {nested(outerLed, innerLed), nested(outerLed, inner+` proxy_set_header Keep-Alive "";`), false},
		"by a copy of $proxy_host":                     {nested(outerLed, innerLed), nested(outerLed, inner+" proxy_set_header host $proxy_host;"), false},
		"a header of the server is lost":               {server("proxy_set_header X-S s; location / { " + inner + " proxy_set_header X-S s; proxy_set_header Host 127.0.0.1:2; }"), server("proxy_set_header X-S s; location / { " + inner + " proxy_set_header Host 127.0.0.1:2; }"), true},
		"through a variable":                           {server("set $to edgeman-in; location / { proxy_pass http://$to; proxy_set_header Host 127.0.0.1:2; }"), server("set $to 127.0.0.1:2; location / { proxy_pass http://$to; }"), false},
		"a Host that the request decides is not known": {server("location / { proxy_pass http://$host; }"), server("location / { proxy_pass http://$host; proxy_set_header X a; }"), false},
		"an upstream by its name":                      {server("location / { proxy_pass http://edgeman-in/; }"), server("location / { proxy_pass http://edgeman-in/; proxy_set_header Host $proxy_host; }"), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now, then := mustLoad(t, siteFS(tt.now)), mustLoad(t, siteFS(tt.then))
			if got := now.Unlike(then); (got != nil) != tt.unlike {
				t.Errorf("unlike: %v, want %v", got, tt.unlike)
			}
		})
	}
}

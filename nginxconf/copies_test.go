package nginxconf

import (
	"slices"
	"strings"
	"testing"

	"edgeman/nginxconf/internal/plan"
)

// planTogether plans the site's first app, with all that belongs to it.
func planTogether(t *testing.T, site string) ([][]Target, *Plan, error) {
	t.Helper()
	c := mustLoad(t, siteFS(site))
	targets, err := c.Targets(sitePath)
	if err != nil {
		t.Fatal(err)
	}
	apps := c.Together(targets)
	o := testOptions
	p, err := c.Plan(o, apps[0]...)
	if (err == nil) != (apps[0][0].Refusal == nil) {
		t.Errorf("the plan says %v, the target %v", err, apps[0][0].Refusal)
	}
	return apps, p, err
}

func TestServersOfOneAppKeepTheirLines(t *testing.T) {
	site := "upstream a {\n    least_conn;\n    server 127.0.0.1:8081 max_fails=3 max_conns=9 max_fails=2;\n    server \"127.0.0.1:8082\";\n    server 127.0.0.1:8083; # third\n    server 127.0.0.1:9000 backup;\n    server 127.0.0.1:9001 down;\n    keepalive 4;\n}\nserver { location / { proxy_pass http://a; } location /b { proxy_pass http://127.0.0.1:7000; } }\n"
	apps, p, err := planTogether(t, site)
	if err != nil {
		t.Fatal(err)
	}
	if len(apps) != 3 || len(apps[0]) != 3 || len(apps[1]) != 1 || len(apps[2]) != 1 {
		t.Errorf("apps %v, want the three servers together and two more", apps)
	}
	if r := apps[1][0].Refusal; r == nil || !strings.Contains(r.Error(), "site:6: the backup of upstream a is not taken over") {
		t.Errorf("the backup: %v", r)
	}
	const sock = "server unix:/var/lib/edgeman/apps/myapp/live.sock"
	want := "    " + sock + " max_fails=0 max_conns=9 max_fails=0;\n    server \"unix:/var/lib/edgeman/apps/myapp/live.sock\" max_fails=0;\n    " + sock + " max_fails=0; # third\n    server 127.0.0.1:9000 backup;\n    server 127.0.0.1:9001 down;\n"
	if got := string(p.Files[0].After); !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(p.Losses) != 0 {
		t.Errorf("losses %v", p.Losses)
	}
	for _, note := range []string{"keeps its 3 server lines", "9000 stays the backup", "9001 is marked down"} {
		if !slices.ContainsFunc(p.Notes, func(n plan.Note) bool { return strings.Contains(n.Text, note) }) {
			t.Errorf("no note says %q in %v", note, p.Notes)
		}
	}
	back, err := p.Files[0].Revert(p.Files[0].After)
	if err != nil || string(back) != site {
		t.Errorf("given back as\n%s%v", back, err)
	}
	changed := append([]byte("# mine\n"), p.Files[0].After...)
	if back, err := p.Files[0].Revert(changed); err != nil || string(back) != "# mine\n"+site {
		t.Errorf("a changed file was given back as\n%s%v", back, err)
	}
}

func TestWhatServersOfOneAppLose(t *testing.T) {
	const rest = "server { location / { proxy_pass http://a; } }\n"
	tests := []struct {
		name, site string
		losses     []string // code, place and part of the text
		refusal    string
	}{
		{"equal weights", "upstream a { server 127.0.0.1:1 weight=2; server 127.0.0.1:2 weight=2; }\n" + rest, nil, ""},
		{"unequal weights", "upstream a {\nserver 127.0.0.1:1;\nserver 127.0.0.1:2 weight=3; }\n" + rest, []string{"lost-weights site:3 127.0.0.1:2 has weight 3"}, ""},
		{"ip_hash", "upstream a {\nip_hash;\nserver 127.0.0.1:1; server 127.0.0.1:2; }\n" + rest, []string{`lost-stickiness site:2 "ip_hash" ties clients`}, ""},
		{"hash", "upstream a {\nserver 127.0.0.1:1; server 127.0.0.1:2;\nhash $cookie_id consistent; }\n" + rest, []string{"lost-stickiness site:3"}, ""},
		{"one is a Unix socket", "upstream a {\nserver 127.0.0.1:1;\nserver unix:/run/x.sock; }\n" + rest, nil, "is a Unix socket already"},
		{"one is used alone", "upstream a { server 127.0.0.1:1; server 127.0.0.1:2; }\nserver { location / { proxy_pass http://a; }\nlocation /b/ { proxy_pass http://127.0.0.1:2; } }\n", nil, "site:3: proxy_pass http://127.0.0.1:2"},
		{"another upstream has one of them", "upstream a { server 127.0.0.1:1; server 127.0.0.1:2; }\nupstream b { server 127.0.0.1:2; }\nserver { location / { proxy_pass http://a; }\nlocation /b/ { proxy_pass http://b; } }\n", nil, "site:4: proxy_pass http://b"},
		{"a line says more", "upstream a {\nserver 127.0.0.1:1; server 127.0.0.1:2 route=x; }\n" + rest, nil, `site:2: "route=x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			apps, p, err := planTogether(t, tt.site)
			if len(apps) != 1 {
				t.Errorf("%d apps, want one", len(apps))
			}
			if tt.refusal != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refusal) {
					t.Errorf("%v, want a refusal with %q", err, tt.refusal)
				}
				return
			}
			if err != nil || len(p.Losses) != len(tt.losses) {
				t.Fatalf("%v, losses %v; want %v", err, p, tt.losses)
			}
			for i, want := range tt.losses {
				l := p.Losses[i]
				got := l.Code + " " + l.Pos.String()[strings.LastIndex(l.Pos.String(), "/")+1:] + " " + l.Text
				if !strings.HasPrefix(got, want) {
					t.Errorf("loss %q, want %q", got, want)
				}
			}
		})
	}
}

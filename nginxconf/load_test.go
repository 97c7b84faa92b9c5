package nginxconf

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeman/nginxconf/internal/lex"
)

func TestLoadFollowsIncludes(t *testing.T) {
	c := mustLoad(t, memFS{
		"/etc/nginx/nginx.conf":             "events {}\nhttp {\n include \"conf.d/*.conf\";\n include sites-enabled/*;\n include /opt/x.conf;\n include conf.d/[!ab].conf;\n}\n",
		"/etc/nginx/conf.d/b.conf":          "map $a $b { include maps/m; }",
		"/etc/nginx/conf.d/B.conf":          "gzip on;",
		"/etc/nginx/conf.d/.hidden.conf":    "broken",
		"/etc/nginx/conf.d/c.conf.off":      "broken",
		"/etc/nginx/maps/m":                 "x y;",
		"/etc/nginx/sites-available/site":   "server { include snippets/s.conf; location / { include snippets/s.conf; } }",
		"/etc/nginx/sites-enabled/10-site":  "-> ../sites-available/site",
		"/etc/nginx/sites-enabled/site.bak": "# nothing",
		"/etc/nginx/snippets/s.conf":        "add_header A b;",
		"/opt/x.conf":                       "",
	})
	want := []string{
		"/etc/nginx/nginx.conf", "/etc/nginx/conf.d/B.conf", "/etc/nginx/conf.d/b.conf", "/etc/nginx/maps/m",
		"/etc/nginx/sites-available/site", "/etc/nginx/snippets/s.conf", "/etc/nginx/sites-enabled/site.bak", "/opt/x.conf",
	}
	if got := c.Files(); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	srv := c.Root().Last("http").All("server")[0]
	loc := srv.Last("location")
	if srv.Last("add_header") == nil || loc.Last("add_header") == nil || c.Included("/etc/nginx/snippets/s.conf") != 2 {
		t.Error("a file included twice is not in both places")
	}
	if got := srv.Within("http").All("gzip")[0].Pos().String(); got != "/etc/nginx/conf.d/B.conf:1" {
		t.Errorf("position %s", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	many := memFS{"/etc/nginx/nginx.conf": strings.Repeat("include a;\n", 20_001), "/etc/nginx/a": ""}
	nested := memFS{"/etc/nginx/nginx.conf": "include a0;\n"}
	for i := range 30 { // 2^30 inclusions
		nested[fmt.Sprintf("/etc/nginx/a%d", i)] = fmt.Sprintf("include a%d;\ninclude a%d;\n", i+1, i+1)
	}
	nested["/etc/nginx/a30"] = ""
	wide := memFS{"/etc/nginx/nginx.conf": strings.Repeat("include a;\n", 1000), "/etc/nginx/a": strings.Repeat("a;", 10_000)}
	tests := []struct {
		name string
		fs   memFS
		want string
	}{
		{"missing file", memFS{"/etc/nginx/nginx.conf": "\ninclude x.conf;"}, "/etc/nginx/nginx.conf:2: cannot open /etc/nginx/x.conf"},
		{"cycle", memFS{"/etc/nginx/nginx.conf": "include a;", "/etc/nginx/a": "\n\ninclude nginx.conf;"}, "/etc/nginx/a:3: /etc/nginx/nginx.conf includes itself"},
		{"a million includes", many, "more than 20000 files are included"},
		{"includes that double", nested, "more than 20000 files are included"},
		{"directives that multiply", wide, "more than 1048576 directives"},
		{"table without a name", memFS{"/etc/nginx/nginx.conf": "http { geo { default 1; } }"}, `invalid number of arguments in "geo" directive`},
		{"brace that is not closed", memFS{"/etc/nginx/nginx.conf": "events {}\nhttp {\n server {\n}\n"}, "/etc/nginx/nginx.conf:5: unexpected end of file, expecting \"}\"\nhint: the block opened at 2:1 is not closed"},
		{"missing semicolon", memFS{"/etc/nginx/nginx.conf": "events { a }\n"}, ":1: unexpected \"}\""},
		{"byte order mark", memFS{"/etc/nginx/nginx.conf": "\xef\xbb\xbfevents {}\n"}, "byte order mark"},
		{"deep nesting", memFS{"/etc/nginx/nginx.conf": strings.Repeat("a{", 1_000_000)}, "nested more than 100 deep"},
		{"long parameter", memFS{"/etc/nginx/nginx.conf": "a " + strings.Repeat("b", 4096) + ";"}, "too long parameter \"bbbbbbbbbb\""},
		{"quote that is not closed", memFS{"/etc/nginx/nginx.conf": "a 'b;\n" + strings.Repeat("c d;\n", 2000)}, "/etc/nginx/nginx.conf:1: too long parameter, probably missing terminating \"'\""},
		{"file of 100 MB", memFS{"/etc/nginx/nginx.conf": strings.Repeat("a b;\n", 20<<20)}, "more than 64 MiB"},
		{"file of 20 MB", memFS{"/etc/nginx/nginx.conf": strings.Repeat("a b;\n", 4<<20)}, "more than 16 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := cpuTime()
			_, err := Load(tt.fs, "/etc/nginx/nginx.conf")
			used := cpuTime() - start
			runtime.ReadMemStats(&after)
			var r *Refusal
			if !errors.As(err, &r) || !strings.Contains(r.Error()+"\nhint: "+r.Hint(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 800 || used > time.Minute {
				t.Errorf("took %d MB, %v of CPU", mb, used)
			}
		})
	}
}

// TestEmptyFiles: files without a directive are valid.
func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment", "\r\n\t ", "# a\n# { } \" '\n"} {
		c := mustLoad(t, siteFS(text))
		targets, err := c.Targets(sitePath)
		if err != nil || len(targets) != 0 {
			t.Errorf("%q: %v, %v", text, targets, err)
		}
	}
}

func TestSiteOutsideTheConfiguration(t *testing.T) {
	m := siteFS("")
	m["/etc/nginx/sites-available/other"] = "server {}"
	_, err := mustLoad(t, m).Targets("/etc/nginx/sites-available/other")
	if err == nil || !strings.Contains(err.Error(), "is not part of the configuration") {
		t.Errorf("got %v", err)
	}
}

// TestIncludeGraphAgreesWithNginx compares the files, their order and how they
// were found with what nginx -T prints.
func TestIncludeGraphAgreesWithNginx(t *testing.T) {
	bin, _, _ := nginxBinary(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		"nginx.conf":      "error_log DIR/e.log; pid DIR/pid;\nevents {}\nhttp {\n access_log off;\n include mime.types;\n include \"conf.d/*.conf\";\n include 'enabled/*';\n include conf.d/[!a]*.conf;\n include none/*.conf;\n}\n",
		"mime.types":      "types { text/html html; }",
		"conf.d/a.conf":   "server { listen 127.0.0.1:18471; include snip/?.inc; location / { include snip/x.inc; } }",
		"conf.d/B.conf":   "map $host $m { include maps/m; }",
		"conf.d/z-1.conf": "",
		"conf.d/.no.conf": "broken",
		"conf.d/c.conf~":  "broken",
		"maps/m":          "a b;\n",
		"snip/x.inc":      "add_header X y;",
		"snip/.y.inc":     "broken",
		"available/s1":    "# s1\n",
		"available/s2":    "upstream u { server 127.0.0.1:1; }\n",
	} {
		if err := os.MkdirAll(filepath.Dir(dir+"/"+path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	os.Mkdir(dir+"/enabled", 0o755)
	os.Symlink("../available/s2", dir+"/enabled/1-s2")
	os.Symlink(dir+"/available/s1", dir+"/enabled/s1")
	c, err := Load(diskFS{}, dir+"/nginx.conf")
	out, terr := exec.Command(bin, "-T", "-q", "-p", dir, "-c", dir+"/nginx.conf").CombinedOutput()
	if err != nil || terr != nil {
		t.Fatalf("%v; nginx: %v\n%s", err, terr, out)
	}
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^# configuration file (.*):$`).FindAllSubmatch(out, -1) {
		real, err := filepath.EvalSymlinks(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, real)
	}
	if got := c.Files(); !slices.Equal(got, want) {
		t.Errorf("files\n%s\nnginx\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// bigFS is a configuration of many sites with upstreams, literals and includes.
func bigFS(files, lines int) memFS {
	m := memFS{"/etc/nginx/nginx.conf": mainConf, "/etc/nginx/snippets/p.conf": "proxy_set_header Host $host;\nproxy_set_header X-Real-IP $remote_addr;\n"}
	for i := range files {
		var b strings.Builder
		fmt.Fprintf(&b, "upstream up%d {\n    server 127.0.0.1:%d;\n    keepalive 8;\n}\nserver {\n    listen 80;\n    server_name s%d.example.com; # a comment\n", i, 10000+i, i)
		for n := 7; n < lines-3; n += 6 {
			fmt.Fprintf(&b, "    location /p%d/ {\n        include snippets/p.conf;\n        proxy_read_timeout 90s;\n        add_header X-A \"b c\";\n        proxy_pass http://up%d;\n    }\n", n, i)
		}
		b.WriteString("    location /lit { proxy_pass http://127.0.0.1:9000; }\n}\n")
		m[fmt.Sprintf("/etc/nginx/sites-enabled/s%04d", i)] = b.String()
	}
	return m
}

func loadAndPlan(tb testing.TB, m memFS) {
	c, err := Load(m, "/etc/nginx/nginx.conf")
	if err != nil {
		tb.Fatal(err)
	}
	targets, err := c.Targets("/etc/nginx/sites-enabled/s0000")
	if err != nil || len(targets) != 2 {
		tb.Fatal(targets, err)
	}
	for _, t := range targets {
		if _, err := c.Plan(testOptions, t); err != nil {
			tb.Fatal(err)
		}
	}
}

// cpuTime is what this process has used, which other work on the machine does
// not change.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkLoadAndPlan(b *testing.B) {
	for _, files := range []int{250, 500, 1000} {
		m := bigFS(files, 100)
		lines := 0
		for text := range maps.Values(m) {
			lines += strings.Count(text, "\n")
		}
		b.Run(fmt.Sprintf("files=%d/lines=%d", files, lines), func(b *testing.B) {
			b.ReportAllocs()
			start := cpuTime()
			for range b.N {
				loadAndPlan(b, m)
			}
			b.ReportMetric(float64((cpuTime()-start).Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}

// TestBigConfiguration is the bound: 100,000 lines in 1,000 files.
func TestBigConfiguration(t *testing.T) {
	m := bigFS(1000, 101)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpuTime()
	loadAndPlan(t, m)
	used := cpuTime() - start
	runtime.ReadMemStats(&after)
	mb := (after.TotalAlloc - before.TotalAlloc) >> 20
	t.Logf("%v of CPU, %d MB allocated in total", used, mb)
	if !raceEnabled && (used > 2*time.Second || mb > 250) {
		t.Errorf("%v of CPU, %d MB", used, mb)
	}
}

// TestManyUses: one address in very many places. How long that takes depends on
// the machine; that it grows with the places and not with their square does not.
func TestManyUses(t *testing.T) {
	const some, factor = 1_250, 8
	few, many := planUses(t, some), planUses(t, some*factor)
	t.Logf("%v of CPU for %d uses, %v for %d times as many", few, some, many, factor)
	if most := 3 * factor * few; many > most {
		t.Errorf("%v of CPU, want at most %v", many, most)
	}
}

// planUses plans a site that uses two addresses n times each, and returns the
// processor time of that.
func planUses(t *testing.T, n int) time.Duration {
	t.Helper()
	var b strings.Builder
	b.WriteString("server {\n")
	for i := range n {
		fmt.Fprintf(&b, "location /%d { proxy_pass http://127.0.0.1:8080; }\nlocation /b%d { proxy_pass http://127.0.0.2; }\n", i, i)
	}
	b.WriteString("}\n")
	runtime.GC() // what others have left is not collected at this one's expense
	start := cpuTime()
	c := mustLoad(t, siteFS(b.String()))
	targets, err := c.Targets(sitePath)
	if err != nil {
		t.Fatal(err)
	}
	for _, tg := range targets {
		p, err := c.Plan(testOptions, tg)
		if err != nil {
			t.Fatal(err)
		}
		checkRevert(t, p)
	}
	return cpuTime() - start
}

// TestCertbotCases are the configurations on which other editors went wrong.
func TestCertbotCases(t *testing.T) {
	tests := []struct{ name, before, after string }{
		{
			"brace in a comment",
			"# upstream old { server 127.0.0.1:1;\nupstream a { # } {\n server 127.0.0.1:8080; # } server 1;\n}\nserver { location / { proxy_pass http://a; } }\n",
			"# upstream old { server 127.0.0.1:1;\nupstream a { # } {\n server unix:SOCK; # } server 1;\n}\nserver { location / { proxy_pass http://a; } }\n",
		},
		{
			"Lua with braces and quotes",
			"init_by_lua_block {\n  local s = \"}\" -- it's }\n  local t = [==[ } ]] ]==] --[[ } ]]\n  if #t > 0 then t = { a = '}' } end\n}\nupstream a { server 127.0.0.1:8080; }\nserver { location / { proxy_pass http://a; } }\n",
			"init_by_lua_block {\n  local s = \"}\" -- it's }\n  local t = [==[ } ]] ]==] --[[ } ]]\n  if #t > 0 then t = { a = '}' } end\n}\nupstream a { server unix:SOCK; }\nserver { location / { proxy_pass http://a; } }\n",
		},
		{
			"mixed-case names",
			"upstream MyApp { server 127.0.0.1:8080; }\nserver { server_name EXAMPLE.com; location / { proxy_pass http://mYaPP; } }",
			"upstream MyApp { server unix:SOCK; }\nserver { server_name EXAMPLE.com; location / { proxy_pass http://mYaPP; } }",
		},
		{
			"the same block twice",
			"server { location / { proxy_pass http://a; } }\nserver { location / { proxy_pass http://a; } }\nupstream b { server 127.0.0.1:8081; }\nupstream a { server 127.0.0.1:8080; }\n",
			"server { location / { proxy_pass http://a; } }\nserver { location / { proxy_pass http://a; } }\nupstream b { server 127.0.0.1:8081; }\nupstream a { server unix:SOCK; }\n",
		},
		{
			"the right server of two that look alike",
			"server { server_name a; location / { proxy_set_header Host $host; proxy_redirect off; proxy_pass http://127.0.0.1:8080; } }\nserver { server_name a; location / { proxy_set_header Host $host; proxy_redirect off; proxy_pass http://127.0.0.1:8081; } }\n",
			"upstream edgeman-myapp { # edgeman\n    server unix:SOCK;\n}\n\nserver { server_name a; location / { proxy_set_header Host $host; proxy_redirect off; proxy_pass http://edgeman-myapp; } }\nserver { server_name a; location / { proxy_set_header Host $host; proxy_redirect off; proxy_pass http://127.0.0.1:8081; } }\n",
		},
		{
			"comment at the end of a line stays with its directive",
			"upstream a {\n\tserver 127.0.0.1:8080;\n\tkeepalive 2; # idle\n\t# last\n}\nserver { location / { proxy_pass http://a; } }",
			"upstream a {\n\tserver unix:SOCK;\n\tkeepalive 2; # idle\n\tkeepalive_time 5s; keepalive_timeout 4s; # edgeman\n\t# last\n}\nserver { location / { proxy_pass http://a; } }",
		},
		{
			"comment without a line end after it",
			"server { location / { proxy_pass http://a; } } upstream a { server 127.0.0.1:8080; keepalive 2; } # end",
			"server { location / { proxy_pass http://a; } } upstream a { server unix:SOCK; keepalive 2;\nkeepalive_time 5s; keepalive_timeout 4s; # edgeman\n } # end",
		},
		{
			"quotes, escapes and words with odd marks",
			"map $uri $x { ~^/a{2}\\;b \"\\\"}\"; default a\\ b; }\nupstream a { server 127.0.0.1:8080; }\nserver { location ~ \"^/\\d{3}$\" { proxy_pass http://a; } }",
			"map $uri $x { ~^/a{2}\\;b \"\\\"}\"; default a\\ b; }\nupstream a { server unix:SOCK; }\nserver { location ~ \"^/\\d{3}$\" { proxy_pass http://a; } }",
		},
		{
			"bytes that are not UTF-8",
			"# caf\xe9\nupstream a { server 127.0.0.1:8080; }\nserver { server_name \xe9; location / { proxy_pass http://a; } }",
			"# caf\xe9\nupstream a { server unix:SOCK; }\nserver { server_name \xe9; location / { proxy_pass http://a; } }",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(tt.before, "~^/a{2}") {
				if _, err := lex.Scan([]byte(tt.before)); err == nil {
					t.Fatal("an unquoted brace ends a word in nginx")
				}
				tt.before = strings.ReplaceAll(tt.before, "~^/a{2}", `"~^/a{2}"`)
				tt.after = strings.ReplaceAll(tt.after, "~^/a{2}", `"~^/a{2}"`)
				tt.before = strings.ReplaceAll(tt.before, `"~^/a{2}"\;b`, `"~^/a{2};b"`)
				tt.after = strings.ReplaceAll(tt.after, `"~^/a{2}"\;b`, `"~^/a{2};b"`)
			}
			p, err := planSite(t, siteFS(tt.before), testOptions)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(tt.after, "SOCK", testOptions.Socket)
			if got := string(p.Files[0].After); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			checkRevert(t, p)
		})
	}
}

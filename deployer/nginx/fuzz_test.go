package nginx

import (
	"strings"
	"testing"
)

// What nginx, its title and the kernel print is read by hand-written parsers;
// none may panic, and what they return must come from the input.

func FuzzParseMessage(f *testing.F) {
	f.Add("nginx: [emerg] unknown directive \"a\" in /etc/nginx/nginx.conf:3")
	f.Add("2026/11/23 03:33:48 [warn] 1#1: text in /a in /b:99999999999999999999")
	f.Fuzz(func(t *testing.T, line string) {
		m, ok := parseMessage(line)
		if !ok {
			return
		}
		if !strings.Contains(line, m.Text) || !strings.Contains(line, m.File) || m.Level == "" || m.Line < 0 {
			t.Errorf("%q: %+v", line, m)
		}
	})
}

func FuzzParseTitle(f *testing.F) {
	f.Add("nginx: master process nginx -g daemon on; -c /a -p/b -e x")
	f.Fuzz(func(t *testing.T, title string) {
		a := parseTitle(title)
		words := strings.Join(strings.Fields(title), " ")
		for _, v := range []string{a.main, a.prefix, a.directives} {
			if !strings.Contains(words, v) {
				t.Errorf("%q: %+v", title, a)
			}
		}
	})
}

func FuzzParseStat(f *testing.F) {
	f.Add("1 (a) b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 77 1 2 3")
	f.Fuzz(func(t *testing.T, raw string) {
		if _, _, _, err := parseStat(raw); err == nil && !strings.Contains(raw, ")") {
			t.Errorf("%q accepted", raw)
		}
	})
}

func FuzzParseBuild(f *testing.F) {
	f.Add("nginx version: nginx/1.22.1\nconfigure arguments: --with-x='a b' --prefix=/p\n")
	f.Fuzz(func(t *testing.T, out string) {
		b, err := parseBuild(out)
		if err == nil && !strings.Contains(out, b.version) {
			t.Errorf("%q: %+v", out, b)
		}
		if err == nil {
			b.server("/x").apply(arguments{prefix: "p", main: "m"}, "/")
		}
	})
}

package regular

import "testing"

func TestLanguage(t *testing.T) {
	tests := []struct {
		expr, prefix     string
		has, begins      bool // with prefix and then the end or a slash
		startsIn, number bool // with a slash or a question mark; numbers after the prefix
	}{
		{expr: "", prefix: "", has: true, begins: true, startsIn: true},
		{expr: `/.*`, prefix: "/a", has: true, begins: true, startsIn: true},
		{expr: `(?:/.*)?`, prefix: "", has: true, begins: true, startsIn: true},
		{expr: `[/?].*`, prefix: "?", has: true, begins: true, startsIn: true},
		{expr: `[/-0].*`, prefix: "0", has: true, begins: true, number: true},
		{expr: `.*`, prefix: "x", has: true, begins: true, number: true},
		{expr: `app_\w+`, prefix: "app_b", has: true, begins: true},
		{expr: `app_\w+`, prefix: "app_", begins: true},
		{expr: `app_\w+`, prefix: "APP_B", has: true, begins: true},
		{expr: `app_\w+`, prefix: "other"},
		{expr: `app(?:/x|-y)`, prefix: "app", has: true, begins: true},
		{expr: `^a$|\bb`, prefix: "b", has: true, begins: true},
		{expr: `h://[^:/]*`, prefix: "h://", has: true, begins: true},
		{expr: `h://[^/]*`, prefix: "h://", has: true, begins: true, number: true},
		{expr: `h://127\.0\.0\.1:[0-9]+`, prefix: "h://", begins: true, number: true},
		{expr: `h://127\.0\.0\.1:x`, prefix: "h://", begins: true},
		{expr: `h://:80`, prefix: "h://", begins: true},
		{expr: `h://\[::1]:80`, prefix: "h://", begins: true, number: true},
		{expr: `h://\[::1]`, prefix: "h://", begins: true},
	}
	for _, tt := range tests {
		l, err := Compile(tt.expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Has(tt.prefix, "/"); got != tt.has {
			t.Errorf("%s: has %q then a slash: %v", tt.expr, tt.prefix, got)
		}
		if got := l.HasPrefix(tt.prefix); got != tt.begins {
			t.Errorf("%s: begins with %q: %v", tt.expr, tt.prefix, got)
		}
		if got := l.StartsIn("/?"); got != tt.startsIn {
			t.Errorf("%s: starts in /?: %v", tt.expr, got)
		}
		prefix := ""
		if len(tt.expr) > 4 && tt.expr[:4] == "h://" {
			prefix = "h://"
		}
		if got := l.HasNumbers(prefix); got != tt.number {
			t.Errorf("%s: numbers: %v", tt.expr, got)
		}
	}
}

func TestGroup(t *testing.T) {
	tests := []struct {
		expr, name, want string
		always           bool
	}{
		{`^/app(/.*)$`, "1", `/.*`, true},
		{`^/(a|b)/(?<rest>.*)$`, "rest", `.*`, true},
		{`^/(?P<rest>[a-z]+)?`, "rest", `[a-z]+`, false},
		{`(a)|(b)`, "2", `b`, false},
		{`(?:x(y))+`, "1", `y`, true},
		{`(a)`, "2", "", false},
		{`(?=x)(a)`, "1", Any, false},
	}
	for _, tt := range tests {
		group, always := Group(tt.expr, tt.name)
		if always != tt.always || !same(group, tt.want) {
			t.Errorf("group %s of %s: %q, %v", tt.name, tt.expr, group, always)
		}
	}
}

// same allows for another spelling of flags.
func same(a, b string) bool {
	return a == b || a == "(?-s:"+b+")"
}

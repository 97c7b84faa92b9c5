package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

func TestReorder(t *testing.T) {
	tests := map[string]string{
		"":                                 "",
		"status":                           "status",
		"swap myapp v2":                    "swap -- myapp v2",
		"swap --drain 5s myapp v2":         "swap --drain=5s -- myapp v2",
		"swap myapp --drain 5s v2":         "swap --drain=5s -- myapp v2",
		"swap myapp v2 --drain=5s":         "swap --drain=5s -- myapp v2",
		"swap myapp v2 --detach --json":    "swap --detach --json -- myapp v2",
		"swap myapp v2 --detach=false":     "swap --detach=false -- myapp v2",
		"logs myapp -f":                    "logs -f -- myapp",
		"logs -f -n 20 myapp":              "logs -f -n=20 -- myapp",
		"logs -n=20 myapp":                 "logs -n=20 -- myapp",
		"swap -- myapp v2":                 "swap -- myapp v2",
		"swap myapp -- v2":                 "swap -- myapp v2",
		"swap --json -- myapp --drain":     "swap --json -- myapp --drain",
		"swap myapp -":                     "swap -- myapp -",
		"--wait 3s swap myapp v2":          "--wait=3s swap -- myapp v2",
		"swap myapp v2 --wait 3s":          "--wait=3s swap -- myapp v2",
		"swap myapp v2 --wait=3s --json":   "--wait=3s swap --json -- myapp v2",
		"status --color never":             "--color=never status",
		"swap --help":                      "help swap",
		"swap myapp -h":                    "help swap",
		"--help":                           "",
		"--version":                        "--version",
		"adopt s --only a --only b":        "adopt --only=a --only=b -- s",
		"adopt s --name 127.0.0.1:80=x -y": "adopt --name=127.0.0.1:80=x -y -- s",
		"-- status":                        "status",
		"swap drain v2 --drain 1s":         "swap --drain=1s -- drain v2",
		"swap help v2":                     "swap -- help v2",
	}
	for in, want := range tests {
		t.Run(in, func(t *testing.T) {
			got, err := reorder(newApp(&environment{}), append([]string{"edgeman"}, strings.Fields(in)...))
			if err != nil {
				t.Fatal(err)
			}
			if want := append([]string{"edgeman"}, strings.Fields(want)...); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestReorderRefuses(t *testing.T) {
	tests := map[string]string{
		"swop":                      "did you mean edgeman swap?",
		"--verison":                 "did you mean --version?",
		"version":                   "did you mean edgeman --version?",
		"frobnicate":                "edgeman --help",
		"swap myapp v2 --dran 5s":   "did you mean --drain?",
		"swap myapp v2 -json":       "unknown flag -json",
		"swap myapp v2 --j":         "unknown flag --j",
		"swap myapp v2 --drain":     "--drain needs a value",
		"swap myapp --drain --json": "--drain needs a value",
		"swap --version":            "unknown flag --version",
		"--drain 5s swap myapp v2":  "unknown flag --drain for edgeman",
		"logs myapp -fn 20":         "unknown flag -fn",
		"status --":                 "", // nothing follows: fine
		"status --=x":               "unknown flag --",
		"swap myapp v2 ---json":     "unknown flag ---json",
	}
	for in, want := range tests {
		t.Run(in, func(t *testing.T) {
			_, err := reorder(newApp(&environment{}), append([]string{"edgeman"}, strings.Fields(in)...))
			var usage *outcome.UsageError
			switch {
			case want == "":
				if err != nil {
					t.Errorf("refused: %v", err)
				}
			case !errors.As(err, &usage) || !strings.Contains(hint.Text(err), want):
				t.Errorf("error %v does not say %q", err, want)
			case !strings.Contains(hint.Text(err), "\nhint: "):
				t.Errorf("error %q has no hint", err)
			}
		})
	}
}

// Whatever is typed, no word is lost or invented, and nothing that looks like
// a flag gets past as an argument.
func FuzzReorder(f *testing.F) {
	for _, s := range []string{"swap myapp v2 --drain 5s", "logs -f x", "-- a", "--wait", "swap -- -- --", "status --json=", "adopt --name a=b"} {
		f.Add(s)
	}
	app := newApp(&environment{})
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Split(line, " ")
		got, err := reorder(app, append([]string{"edgeman"}, words...))
		if err != nil || slices.Contains(got, "help") || slices.Contains(words, "--help") || slices.Contains(words, "-h") {
			return
		}
		in, out := strings.Join(words, ""), strings.Join(got[1:], "")
		strip := strings.NewReplacer("-", "", "=", "").Replace
		if a, b := sorted(strip(in)), sorted(strip(out)); a != b {
			t.Errorf("%q became %q", words, got)
		}
	})
}

func sorted(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(b)
}

func TestNames(t *testing.T) {
	tests := []struct {
		words []string
		one   string
		many  int
		fails bool
	}{
		{nil, "", 0, false},
		{[]string{"shop"}, "shop", 0, false},
		{[]string{"127.0.0.1:8080=shop", "api=shop-api"}, "", 2, false},
		{[]string{"a", "b"}, "", 0, true},
		{[]string{"x=Shop"}, "", 0, true},
		{[]string{"../x"}, "", 0, true},
		{[]string{""}, "", 0, true},
	}
	for _, tt := range tests {
		one, many, err := adoptNames(tt.words)
		if (err != nil) != tt.fails || err == nil && (one != tt.one || len(many) != tt.many) {
			t.Errorf("names(%q) = %q, %v, %v", tt.words, one, many, err)
		}
	}
}

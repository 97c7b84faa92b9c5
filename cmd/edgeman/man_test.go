package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// The manual page is the reference, so it may leave out no command and no
// flag, and may name none that does not exist.
func TestManualPageIsComplete(t *testing.T) {
	page, err := os.ReadFile("../../docs/edgeman.8.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := manSections(string(page))
	app := newApp(&environment{})
	for _, c := range app.Commands {
		text, ok := sections[c.Name]
		if !ok {
			t.Errorf("command %s has no section", c.Name)
			continue
		}
		compareFlags(t, c.Name, c.Flags, text)
		delete(sections, c.Name)
	}
	_, global, _ := strings.Cut(string(page), "# FLAGS FOR EVERY COMMAND")
	global, _, _ = strings.Cut(global, "\n# ")
	compareFlags(t, "edgeman", append(app.Flags, cli.VersionFlag), global)
	delete(sections, "")
	for name := range sections {
		t.Errorf("the page has a section for %s, which is no command", name)
	}
}

// manSections are the parts of the page that begin with "## edgeman COMMAND".
func manSections(page string) map[string]string {
	sections := map[string]string{}
	name := ""
	for _, line := range strings.SplitAfter(page, "\n") {
		switch {
		case strings.HasPrefix(line, "## edgeman "):
			name = strings.Fields(line)[2]
		case strings.HasPrefix(line, "# "):
			name = ""
		}
		sections[name] += line
	}
	return sections
}

var manFlag = regexp.MustCompile(`\*\*(--?[a-z-]+)\*\*`)

func compareFlags(t *testing.T, where string, flags []cli.Flag, text string) {
	t.Helper()
	documented := map[string]bool{}
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "**-") {
			continue
		}
		for _, m := range manFlag.FindAllStringSubmatch(line, -1) {
			documented[m[1]] = true
		}
	}
	for _, f := range flags {
		if f == cli.HelpFlag && where != "edgeman" {
			continue // told once, for every command
		}
		for _, n := range f.Names() {
			n = map[bool]string{true: "-", false: "--"}[len(n) == 1] + n
			if !documented[n] {
				t.Errorf("%s: %s is not in the manual page", where, n)
			}
			delete(documented, n)
		}
	}
	for n := range documented {
		t.Errorf("%s: the manual page has %s, which does not exist", where, n)
	}
}

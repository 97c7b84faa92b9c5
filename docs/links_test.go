package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fence = regexp.MustCompile("(?s)\n```.*?\n```")
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	punct = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// A link from one page to another, or to a heading, leads somewhere.
func TestLinksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range append(pages, "../README.md", "../CHANGELOG.md") {
		for _, to := range link.FindAllStringSubmatch(prose(t, page), -1) {
			if strings.Contains(to[1], "://") {
				continue
			}
			checked++
			name, anchor, _ := strings.Cut(to[1], "#")
			target := page
			if name != "" {
				target = filepath.Join(filepath.Dir(page), name)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s: %v", page, to[1], err)
			} else if anchor != "" && !anchors(prose(t, target))[anchor] {
				t.Errorf("%s: %s has no heading #%s", page, target, anchor)
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d links were found", checked)
	}
}

// prose is a page without its blocks of code.
func prose(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return fence.ReplaceAllString(string(text), "\n")
}

// anchors are the headings as links name them.
func anchors(page string) map[string]bool {
	all := make(map[string]bool)
	for line := range strings.Lines(page) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			words := punct.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			all[strings.ReplaceAll(words, " ", "-")] = true
		}
	}
	return all
}

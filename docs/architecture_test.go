package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var code = regexp.MustCompile("`([^`]+)`")

// architecture.md has a row for each package there is, and for no other.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	page, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(page), "\n## Packages\n")
	tables, _, _ = strings.Cut(tables, "\n## ")
	var named []string
	for line := range strings.Lines(tables) {
		cells := strings.Split(line, " | ")
		if name, ok := strings.CutPrefix(cells[0], "| `"); ok && len(cells) == 3 {
			named = append(named, strings.TrimSuffix(name, "`"))
		}
	}
	out, err := exec.Command("go", "list", "edgeman/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var there []string
	for _, p := range strings.Fields(strings.ReplaceAll(string(out), "edgeman/", "")) {
		if p != "docs" {
			there = append(there, p)
		}
	}
	slices.Sort(named)
	slices.Sort(there)
	for _, p := range there {
		if !slices.Contains(named, p) {
			t.Errorf("architecture.md has no row for %s", p)
		}
	}
	for i, p := range named {
		if !slices.Contains(there, p) || i > 0 && named[i-1] == p {
			t.Errorf("architecture.md has a row too many for %s", p)
		}
	}
}

// What the page and the picture call a folder or file of the source is one.
func TestArchitectureNamesWhatIsThere(t *testing.T) {
	tops := []string{"check/", "cmd/", "deployer/", "docs/", "integration/", "nginxconf/", "sockets/"}
	var words []string
	for _, file := range []string{"architecture.md", "architecture.txt"} {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, span := range code.FindAllStringSubmatch(string(page), -1) {
			words = append(words, span[1])
		}
		for line := range strings.Lines(string(page)) {
			if text, ok := strings.CutPrefix(line, "  ` "); ok {
				words = append(words, strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,\n", r) })...)
			}
		}
	}
	seen := 0
	for _, w := range words {
		if !slices.ContainsFunc(tops, func(top string) bool { return strings.HasPrefix(w, top) }) {
			continue
		}
		seen++
		if found, err := filepath.Glob(filepath.Join("..", w)); err != nil || len(found) == 0 {
			t.Errorf("there is no %s", w)
		}
	}
	if seen < 50 {
		t.Errorf("only %d names of folders were found", seen)
	}
}

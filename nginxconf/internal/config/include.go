package config

import (
	"path/filepath"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/tree"
)

func (l *loader) include(d *tree.Directive, into *Node) error {
	pos := (&Node{dir: d}).Pos()
	path := d.Args[0]
	if !strings.HasPrefix(path, "/") {
		path = l.prefix + "/" + path
	}
	if !strings.ContainsAny(path, "*?[") {
		l.c.watch(path)
		return l.file(path, into, pos)
	}
	matches, err := glob(l.c.fs, path)
	if err != nil {
		return Refuse(pos, "", "include %q: %v", path, err)
	}
	if dir := filepath.Dir(path); len(matches) > 0 && !strings.ContainsAny(dir, "*?[") {
		l.c.watch(dir)
	}
	l.c.watch(matches...)
	for _, m := range matches {
		if err := l.file(m, into, pos); err != nil {
			return err
		}
	}
	return nil
}

// glob does what glob(3) does in the C locale: a leading dot must be matched
// by a dot, "[!" negates, and the order is that of the bytes.
func glob(fs FS, pattern string) ([]string, error) {
	pattern = filepath.Clean(pattern)
	found, err := fs.Glob(strings.ReplaceAll(pattern, "[!", "[^"))
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(slices.Clone(found), func(m string) bool { return hidden(pattern, m) })
	slices.Sort(found)
	return found, nil
}

// hidden reports whether a part of the match begins with a dot where the
// pattern does not say so.
func hidden(pattern, match string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(match, "/")
	for i := range min(len(want), len(got)) {
		if strings.HasPrefix(got[i], ".") && !strings.HasPrefix(want[i], ".") {
			return true
		}
	}
	return false
}

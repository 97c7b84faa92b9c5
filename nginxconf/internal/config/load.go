// Package config reads a whole configuration as nginx sees it: every directive of
// the included files in the context in which it takes effect. It knows what nginx
// inherits, and nothing of what the values mean.
package config

import (
	"path/filepath"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/tree"
)

// FS is what this package needs of a file system. Paths are absolute. Glob
// follows filepath.Glob.
type FS interface {
	ReadFile(path string) ([]byte, error)
	Glob(pattern string) ([]string, error)
	EvalSymlinks(path string) (string, error)
}

// Limits that keep hostile input bounded; the largest real configuration seen
// has about a thousand files and a hundred thousand directives.
const (
	maxFiles = 20_000   // inclusions, one file included twice counts twice
	maxBytes = 64 << 20 // of all files together
	maxNodes = 1 << 20  // directives after inclusion
)

// Config is a whole nginx configuration: the main file and everything it
// includes. It is read-only and safe for concurrent use.
type Config struct {
	root     *Node
	main     string
	files    map[string]*tree.File
	order    []string       // resolved paths in load order
	included map[string]int // resolved path: how often it is part of the configuration
	watched  []string       // paths as the includes name them, globs' directories too
	fs       FS

	passes       []*Node           // in order
	upstreams    map[string]*Node  // "http/name", "stream/name"; names in lower case
	upstreamList []*Node           // in order
	passesOf     map[*Node][]*Node // defining block: the passes it holds for
}

// Load reads the configuration that starts at mainFile, following includes by
// nginx's rules: relative paths start at the main file's directory, globs match
// no dot files and are read in byte order, a plain path must exist. The error
// is a *Refusal where nginx would refuse the file too, where two independent
// readers disagree about it, or where a limit is passed.
func Load(fs FS, mainFile string) (*Config, error) {
	return (&loader{c: &Config{main: mainFile, fs: fs}}).load()
}

// With reads the configuration again with other bytes in some of its files.
func (c *Config) With(files map[string][]byte) (*Config, error) {
	return (&loader{c: &Config{main: c.main, fs: c.fs}, known: c.files, replaced: files}).load()
}

type loader struct {
	c      *Config
	prefix string   // where relative paths start: the main file's directory as it was named, symlinks not followed
	stack  []string // resolved paths being read, to find cycles
	count  int      // files read, repeats included
	bytes  int
	nodes  int

	known    map[string]*tree.File // files that were read before
	replaced map[string][]byte     // bytes to use instead of theirs
}

func (l *loader) load() (*Config, error) {
	c := l.c
	c.root, c.files, c.included, c.watched = &Node{}, map[string]*tree.File{}, map[string]int{}, []string{c.main}
	l.prefix = filepath.Dir(c.main)
	if err := l.file(c.main, c.root, Pos{}); err != nil {
		return nil, err
	}
	return c, c.index()
}

func (c *Config) watch(paths ...string) {
	for _, p := range paths {
		if !slices.Contains(c.watched, p) {
			c.watched = append(c.watched, p)
		}
	}
}

// Files returns the files of the configuration in the order in which nginx
// reads them, each once, with symlinks resolved.
func (c *Config) Files() []string { return slices.Clone(c.order) }

// Watched returns the main file and every included path as nginx reaches it,
// with symlinks not followed, and the directory of every include pattern: all
// places where a change could become live with the next reload.
func (c *Config) Watched() []string { return slices.Clone(c.watched) }

// Root returns the main context.
func (c *Config) Root() *Node { return c.root }

// Included is how often a file, with symlinks resolved, is part of the
// configuration.
func (c *Config) Included(path string) int { return c.included[path] }

// Resolve follows the symlinks of a site's path to the file, which must be part of
// the configuration.
func (c *Config) Resolve(site string) (string, error) {
	real, err := c.fs.EvalSymlinks(site)
	if err != nil {
		return "", Refuse(Pos{File: site}, "", "cannot open: %v", err)
	}
	if c.included[real] == 0 {
		return "", Refuse(Pos{File: real}, "enable the site first, for example with a link in sites-enabled",
			"the file is not part of the configuration that starts at %s", c.main)
	}
	return real, nil
}

// file adds the directives of a file to the block into; from is the include.
func (l *loader) file(path string, into *Node, from Pos) error {
	real, err := l.c.fs.EvalSymlinks(path)
	if err != nil {
		return Refuse(from, "", "cannot open %s: %v", path, err)
	}
	if slices.Contains(l.stack, real) {
		return Refuse(from, "", "%s includes itself", real)
	}
	if l.count++; l.count > maxFiles {
		return Refuse(from, "", "more than %d files are included", maxFiles)
	}
	f, err := l.parse(real, from)
	if err != nil {
		return err
	}
	l.c.included[real]++
	l.stack = append(l.stack, real)
	defer func() { l.stack = l.stack[:len(l.stack)-1] }()
	return l.directives(f.Directives, into)
}

// parse reads a file once, however often it is included.
func (l *loader) parse(real string, from Pos) (*tree.File, error) {
	if f := l.c.files[real]; f != nil {
		return f, nil
	}
	f, err := l.read(real, from)
	l.c.files[real] = f
	l.c.order = append(l.c.order, real)
	return f, err
}

func (l *loader) read(real string, from Pos) (*tree.File, error) {
	src, replaced := l.replaced[real]
	if f := l.known[real]; f != nil && !replaced {
		return f, nil
	}
	if !replaced {
		var err error
		if src, err = l.c.fs.ReadFile(real); err != nil {
			return nil, Refuse(from, "", "cannot read %s: %v", real, err)
		}
	}
	if l.bytes += len(src); l.bytes > maxBytes {
		return nil, Refuse(from, "", "the configuration has more than %d MiB", maxBytes>>20)
	}
	f, err := tree.Parse(real, src)
	if err != nil {
		return nil, fromTree(err)
	}
	return f, nil
}

func (l *loader) directives(ds []*tree.Directive, into *Node) error {
	into.children = slices.Grow(into.children, len(ds))
	for _, d := range ds {
		if l.nodes++; l.nodes > maxNodes {
			return Refuse((&Node{dir: d}).Pos(), "", "the configuration has more than %d directives", maxNodes)
		}
		if d.Name == "include" && len(d.Args) == 1 && !d.IsBlock() {
			if err := l.include(d, into); err != nil {
				return err
			}
			continue
		}
		n := &Node{dir: d, parent: into}
		into.children = append(into.children, n)
		if err := l.directives(d.Children, n); err != nil {
			return err
		}
	}
	return nil
}

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

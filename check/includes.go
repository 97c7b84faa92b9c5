package check

// includes is a file system that notes how the configuration that is read from it
// names its files: a dangling link and a pattern without a match are seen only there.
type includes struct {
	FS
	paths    []string // as included, symlinks not followed
	patterns []string
}

// EvalSymlinks notes the path: nginxconf resolves each file that it opens.
func (i *includes) EvalSymlinks(path string) (string, error) {
	i.paths = appendNew(i.paths, path)
	return i.FS.EvalSymlinks(path)
}

// Glob notes the pattern.
func (i *includes) Glob(pattern string) ([]string, error) {
	i.patterns = appendNew(i.patterns, pattern)
	return i.FS.Glob(pattern)
}

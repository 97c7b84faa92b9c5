package nginxconf

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// memFS is a file system in memory; a value that begins with "-> " is a
// symlink.
type memFS map[string]string

func (m memFS) ReadFile(path string) ([]byte, error) {
	s, ok := m[path]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	return []byte(s), nil
}

func (m memFS) Glob(pattern string) ([]string, error) {
	var out []string
	for path := range m {
		ok, err := filepath.Match(pattern, path)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	slices.Reverse(out) // order is the caller's business
	return out, nil
}

func (m memFS) EvalSymlinks(path string) (string, error) {
	path = filepath.Clean(path)
	for range 10 {
		s, ok := m[path]
		if !ok {
			return "", fmt.Errorf("lstat %s: %w", path, fs.ErrNotExist)
		}
		to, link := strings.CutPrefix(s, "-> ")
		if !link {
			return path, nil
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return "", fmt.Errorf("too many links")
}

const mainConf = "events {}\nhttp {\n    include sites-enabled/*;\n}\n"

// siteFS is a usual layout around one site.
func siteFS(site string) memFS {
	return memFS{
		"/etc/nginx/nginx.conf":           mainConf,
		"/etc/nginx/sites-enabled/site":   "-> ../sites-available/site",
		"/etc/nginx/sites-available/site": site,
	}
}

const sitePath = "/etc/nginx/sites-available/site"

func mustLoad(t *testing.T, m memFS) *Config {
	t.Helper()
	c, err := Load(m, "/etc/nginx/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	c.Locate(oneLocalhost)
	return c
}

// oneLocalhost is a machine without IPv6.
func oneLocalhost(host, port string) []string {
	if host == "localhost" {
		return []string{"127.0.0.1:" + port}
	}
	return nil
}

var testOptions = Options{
	Socket:       "/var/lib/edgeman/apps/myapp/live.sock",
	App:          "myapp",
	NginxVersion: Version{1, 22, 1},
}

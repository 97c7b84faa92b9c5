package adopt

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// findSite is the site file that the operator means: a path, or a name that is
// looked for where sites are kept beside nginx's main file.
func (h *Host) findSite(ctx context.Context, site string) (string, error) {
	path, err := filepath.Abs(site)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir() && filepath.IsAbs(site):
		return "", hint.With(outcome.Refuse("%s is a directory, and a site is a file", site), "nginx -T shows every file that is in use")
	case filepath.IsAbs(site) || err == nil && info.Mode().IsRegular():
		return path, nil
	}
	facts, err := h.Nginx.Facts(ctx)
	if err != nil {
		return "", err
	}
	looked := []string{path}
	var found []string
	for _, place := range sitePlaces(filepath.Dir(facts.Main), site) {
		looked = append(looked, place)
		if info, err := os.Stat(place); err == nil && info.Mode().IsRegular() {
			found = append(found, place)
		}
	}
	switch found = distinctFiles(found); len(found) {
	case 0:
		return "", hint.With(outcome.Refuse("there is no site %s; looked at %s", site, strings.Join(looked, ", ")), "nginx -T shows every file that is in use")
	case 1:
		return found[0], nil
	}
	return "", hint.With(outcome.Refuse("%s may be %s", site, strings.Join(found, " or ")), "write the path")
}

// sitePlaces are the paths that a name may stand for.
func sitePlaces(dir, name string) []string {
	var out []string
	for _, in := range []string{"sites-enabled", "sites-available", "conf.d", ""} {
		if in == "" && !strings.Contains(name, "/") {
			continue // nginx.conf and its like are no sites
		}
		out = append(out, filepath.Join(dir, in, name))
		if !strings.HasSuffix(name, ".conf") {
			out = append(out, filepath.Join(dir, in, name+".conf"))
		}
	}
	return out
}

// distinctFiles leaves out paths that lead to a file that another led to before:
// what is enabled is most often a link.
func distinctFiles(paths []string) []string {
	var out []string
	var files []os.FileInfo
	for _, p := range paths {
		info, err := os.Stat(p)
		same := func(f os.FileInfo) bool { return os.SameFile(f, info) }
		if err != nil || slices.ContainsFunc(files, same) {
			continue
		}
		out, files = append(out, p), append(files, info)
	}
	return out
}

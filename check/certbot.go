package check

import (
	"bufio"
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"edgeman/nginxconf"
)

// letsencrypt is where certbot keeps everything unless it was told otherwise.
const letsencrypt = "/etc/letsencrypt"

// certbot is what can be seen of the installation.
type certbot struct {
	version version
	hooks   []hook // renewal-hooks/{deploy,post} that can be executed
	cli     map[string]string
}

type hook struct {
	path string
	text string
}

// parseINI reads the dialect of configobj that certbot writes: [section],
// [[subsection]], key = value, # comments. Keys are unique per section.
func parseINI(data []byte) (map[string]map[string]string, error) {
	out := map[string]map[string]string{"": {}}
	section := ""
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "[") {
			name := strings.Trim(line, "[]")
			if name == "" || !strings.HasSuffix(line, "]") {
				return out, fmt.Errorf("line %d is not a section heading", n)
			}
			section = strings.TrimSpace(name)
			if out[section] == nil {
				out[section] = map[string]string{}
			}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return out, fmt.Errorf("line %d is not a setting", n)
		}
		out[section][strings.TrimSpace(key)] = strings.Trim(strings.TrimSpace(value), `"'`)
	}
	return out, lines.Err()
}

var period = regexp.MustCompile(`^(\d+)\s*(day|week|hour)s?$`)

// parsePeriod reads certbot's "30 days"; what it cannot read is 0.
func parsePeriod(s string) time.Duration {
	m := period.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n > 10000 {
		return 0
	}
	return time.Duration(n) * map[string]time.Duration{"day": day, "week": 7 * day, "hour": time.Hour}[m[2]]
}

// certbotPlaces are where an installed certbot shows its version without being
// started: a run of it costs half a second of processor time.
var certbotPlaces = []string{
	"/snap/certbot/current/lib/python3*/site-packages/certbot-*",
	"/opt/certbot/lib/python3*/site-packages/certbot-*",
	"/usr/local/lib/python3*/dist-packages/certbot-*",
	"/usr/lib/python3/dist-packages/certbot-*",
	"/usr/lib/python3*/site-packages/certbot-*",
}

func (h *host) readCertbot() certbot {
	c := certbot{cli: map[string]string{}}
	for _, place := range certbotPlaces {
		for _, suffix := range []string{".dist-info", ".egg-info"} {
			found, _ := h.env.FS.Glob(place + suffix)
			if len(found) > 0 && !c.version.Known() {
				c.version, _ = nginxconf.ParseVersion(strings.TrimPrefix(filepath.Base(found[0]), "certbot-"))
			}
		}
	}
	for _, l := range h.lineages {
		if !c.version.Known() {
			c.version = l.version
		}
	}
	if data, err := h.env.FS.ReadFile(h.env.Certbot + "/cli.ini"); err == nil {
		if sections, err := parseINI(data); err == nil {
			c.cli = sections[""]
		}
	}
	for _, dir := range []string{"deploy", "post"} {
		c.hooks = append(c.hooks, h.readHooks(h.env.Certbot+"/renewal-hooks/"+dir)...)
	}
	return c
}

// readHooks lists the programs in dir that certbot would run: executable, and
// not an editor's backup.
func (h *host) readHooks(dir string) []hook {
	var out []hook
	entries, _ := h.env.FS.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := h.env.FS.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 || strings.HasSuffix(path, "~") {
			continue
		}
		text, _ := h.env.FS.ReadFile(path)
		out = append(out, hook{path, string(text)})
	}
	return out
}

// plugins are the authenticators that are packages of their own.
func plugin(authenticator string) string {
	switch {
	case authenticator == "nginx" || authenticator == "apache":
		return "certbot_" + authenticator
	case strings.HasPrefix(authenticator, "dns-"):
		return "certbot_" + strings.ReplaceAll(authenticator, "-", "_")
	}
	return ""
}

// installed looks for a Python package where certbot's own was found. Where
// that was nowhere, nothing can be said.
func (h *host) installed(pkg string) bool {
	looked := false
	for _, place := range certbotPlaces {
		dir := filepath.Dir(place)
		if found, _ := h.env.FS.Glob(dir + "/certbot-*"); len(found) == 0 {
			continue
		}
		looked = true
		if found, _ := h.env.FS.Glob(dir + "/" + pkg); len(found) > 0 {
			return true
		}
	}
	// A snap's plugins live in snaps of their own.
	snaps, _ := h.env.FS.Glob("/snap/" + strings.ReplaceAll(pkg, "_", "-") + "/current")
	return !looked || len(snaps) > 0
}

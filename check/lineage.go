package check

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// letsencrypt is where certbot keeps everything unless it was told otherwise.
const letsencrypt = "/etc/letsencrypt"

// lineageFiles are the four links of a lineage.
var lineageFiles = []string{"cert", "privkey", "chain", "fullchain"}

// lineage is one certificate of certbot: renewal/NAME.conf, live/NAME and
// archive/NAME.
type lineage struct {
	name, conf string
	err        error             // the conf file cannot be parsed
	files      map[string]string // cert, privkey, chain, fullchain, archive_dir
	params     map[string]string // [renewalparams]
	webroots   map[string]string // [[webroot_map]]
	version    Version           // of the certbot that wrote the file
	before     time.Duration     // renew_before_expiry; 0 if unset
	leaf       *x509.Certificate // what its fullchain link leads to; nil if nothing
	used       bool              // nginx is told to serve it
}

func (l *lineage) subject() Subject { return Subject{"lineage", l.name} }

// certbot is what can be seen of the installation.
type certbot struct {
	version Version
	hooks   []hook // renewal-hooks/{deploy,post} that can be executed
	cli     map[string]string
}

type hook struct {
	path string
	text string
}

// collectLineages reads certbot's files. No certbot is the usual case.
func (h *host) collectLineages() {
	confs, _ := h.env.FS.Glob(h.env.Certbot + "/renewal/*.conf")
	if len(confs) == 0 {
		if _, err := h.env.FS.ReadDir(h.env.Certbot + "/renewal"); errors.Is(err, fs.ErrPermission) {
			h.blindTo("file", h.env.Certbot+"/renewal", "certbot's renewal settings cannot be read", "run it as root")
		}
		return
	}
	h.has[needLineages] = true
	for _, conf := range confs {
		h.lineages = append(h.lineages, h.readLineage(conf))
	}
	h.certbot = h.readCertbot()
	for _, c := range h.certs {
		c.lineage = h.lineageOf(c.path)
		if c.lineage != nil {
			c.lineage.used = true
		}
	}
}

// lineageOf finds the lineage that a path belongs to, through live or archive.
func (h *host) lineageOf(path string) *lineage {
	for _, p := range []string{path, h.resolved(path)} {
		for _, l := range h.lineages {
			for _, dir := range []string{filepath.Dir(l.files["fullchain"]), l.archive(), h.env.Certbot + "/live/" + l.name} {
				if filepath.Dir(p) == filepath.Clean(dir) {
					return l
				}
			}
		}
	}
	return nil
}

func (l *lineage) archive() string {
	if d := l.files["archive_dir"]; d != "" {
		return d
	}
	return filepath.Join(filepath.Dir(filepath.Dir(l.conf)), "archive", l.name)
}

func (h *host) readLineage(conf string) *lineage {
	l := &lineage{name: strings.TrimSuffix(filepath.Base(conf), ".conf"), conf: conf}
	data, err := h.env.FS.ReadFile(conf)
	if err != nil {
		l.err = err
		return l
	}
	sections, err := parseINI(data)
	l.err = err
	l.files, l.params, l.webroots = sections[""], sections["renewalparams"], sections["webroot_map"]
	l.version, _ = ParseVersion(l.files["version"])
	if v := l.files["renew_before_expiry"]; v != "" {
		l.before, _ = parsePeriod(v)
	}
	if l.err == nil {
		l.err = l.complete()
	}
	fullchain := l.files["fullchain"]
	if fullchain == "" {
		fullchain = h.env.Certbot + "/live/" + l.name + "/fullchain.pem"
	}
	if data, err := h.env.FS.ReadFile(fullchain); err == nil {
		if chain, err := parseChain(data); err == nil {
			l.leaf = chain[0]
		}
	}
	return l
}

// complete reports what certbot itself would miss in the file.
func (l *lineage) complete() error {
	for _, f := range lineageFiles {
		if l.files[f] == "" {
			return fmt.Errorf("has no %s =", f)
		}
	}
	if len(l.params) == 0 {
		return errors.New("has no [renewalparams]")
	}
	return nil
}

// hookText is every command the lineage runs after a renewal.
func (l *lineage) hookText() string {
	return l.params["renew_hook"] + " " + l.params["deploy_hook"] + " " + l.params["post_hook"]
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

// parsePeriod reads certbot's "30 days".
func parsePeriod(s string) (time.Duration, bool) {
	m := period.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n > 10000 {
		return 0, false
	}
	unit := map[string]time.Duration{"day": day, "week": 7 * day, "hour": time.Hour}[m[2]]
	return time.Duration(n) * unit, true
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
				c.version, _ = ParseVersion(strings.TrimPrefix(filepath.Base(found[0]), "certbot-"))
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

// newestGeneration is the highest number among archive/NAME/fullchainN.pem.
func (h *host) newestGeneration(l *lineage) int {
	newest := 0
	files, _ := h.env.FS.Glob(l.archive() + "/fullchain*.pem")
	for _, f := range files {
		newest = max(newest, generation(f))
	}
	return newest
}

var generationDigits = regexp.MustCompile(`(\d+)\.pem$`)

// generation is the number in the name of an archived file, or 0.
func generation(path string) int {
	m := generationDigits.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// coversAll reports whether the certificate is valid for all names of other.
func coversAll(c, other *x509.Certificate) bool {
	return !slices.ContainsFunc(sans(other), func(n string) bool { return !covers(c, n) })
}

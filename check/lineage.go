package check

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"edgeman/nginxconf"
)

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
	version    version           // of the certbot that wrote the file
	before     time.Duration     // renew_before_expiry; 0 if unset
	leaf       *x509.Certificate // what its fullchain link leads to; nil if nothing
	used       bool              // nginx is told to serve it
}

func (l *lineage) subject() Subject { return Subject{"lineage", l.name} }

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
	l.version, _ = nginxconf.ParseVersion(l.files["version"])
	l.before = parsePeriod(l.files["renew_before_expiry"])
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

// due reports whether the lineage's certificate is past its renewal point.
func (h *host) due(l *lineage) bool {
	if l.leaf == nil {
		return true
	}
	return l.leaf.NotAfter.Sub(h.now) < h.renewal(l).window(lifetime(l.leaf))
}

// inWarning is the severity of the lineage's expiry, or 0.
func (h *host) inWarning(l *lineage) Severity {
	if l.leaf == nil {
		return 0
	}
	return h.opt.Settings.limits(l.leaf, h.renewal(l), l.name).judge(l.leaf.NotAfter.Sub(h.now))
}

func (h *host) lineageFinding(l *lineage, s Severity, message, hint string) Finding {
	f := Finding{Severity: s, Subject: l.subject(), Message: message, Hint: hint, At: []Position{{File: l.conf}}}
	for _, c := range h.certs {
		if c.lineage == l {
			f.Sites = append(f.Sites, c.sites()...)
		}
	}
	return f
}

// broken says what is wrong with the file or with one of the four links: certbot
// needs each of them.
func (h *host) broken(l *lineage) string {
	if l.err != nil {
		return fmt.Sprintf("%s: %v", l.conf, plainError(l.err))
	}
	newest := h.newestGeneration(l)
	for _, name := range lineageFiles {
		path := l.files[name]
		target, err := h.env.FS.Readlink(path)
		if err != nil {
			if _, err := h.env.FS.Lstat(path); err != nil {
				return fmt.Sprintf("%s: %v", path, plainError(err))
			}
			return path + " is a file, where certbot needs a link into " + l.archive()
		}
		target = under(filepath.Dir(path), target)
		if _, err := h.env.FS.Stat(path); err != nil {
			return fmt.Sprintf("%s leads to %s: %v", path, target, plainError(err))
		}
		if h.resolved(filepath.Dir(target)) != h.resolved(l.archive()) {
			return fmt.Sprintf("%s leads to %s, outside of %s", path, target, l.archive())
		}
		if n := generation(target); n < newest {
			return fmt.Sprintf("%s leads to generation %d, and there is a generation %d", path, n, newest)
		}
	}
	return ""
}

var serial = regexp.MustCompile(`-\d{4}$`)

// related reports whether certbot made one lineage as a variant of the other:
// it appends -0001 and so on.
func related(a, b string) bool {
	return serial.ReplaceAllString(a, "") == serial.ReplaceAllString(b, "")
}

package nginx

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"edgeman/deployer/poll"
	"edgeman/deployer/words"
)

// build is what "nginx -V" tells about how the binary was made.
type build struct {
	version string
	options map[string]string // configure option without dashes → value
}

// versionLimit bounds "nginx -V", which only prints.
const versionLimit = 10 * time.Second

func readBuild(ctx context.Context, binary string) (build, error) {
	ctx, cancel := poll.Bounded(ctx, versionLimit)
	defer cancel()
	out, err := nginxCommand(ctx, binary, "-V").CombinedOutput()
	if err != nil {
		return build{}, fmt.Errorf("asking %s for its version: %w", binary, unanswered(ctx, binary+" -V", err))
	}
	b, err := parseBuild(string(out))
	if err != nil {
		return build{}, fmt.Errorf("asking %s for its version: %w", binary, err)
	}
	return b, nil
}

var versionLine = regexp.MustCompile(`(?m)^nginx version: [^/\s]+/(\d+\.\d+\.\d+)`)

func parseBuild(out string) (build, error) {
	m := versionLine.FindStringSubmatch(out)
	if m == nil {
		return build{}, fmt.Errorf("no version in %q", words.FirstLine(out))
	}
	b := build{version: m[1], options: map[string]string{}}
	_, configure, _ := strings.Cut(out, "configure arguments:")
	for _, word := range splitQuoted(words.FirstLine(strings.TrimSpace(configure))) {
		name, value, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		b.options[name] = value
	}
	return b, nil
}

// server resolves the compiled-in paths; the defaults are those of nginx's
// own configure script.
func (b build) server(binary string) *Server {
	prefix := b.option("prefix", "/usr/local/nginx")
	s := &Server{
		Binary:   binary,
		Version:  b.version,
		Prefix:   strings.TrimSuffix(prefix, "/"),
		Main:     absolute(prefix, b.option("conf-path", "conf/nginx.conf")),
		PidFile:  absolute(prefix, b.option("pid-path", "logs/nginx.pid")),
		ErrorLog: b.option("error-log-path", "logs/error.log"),
	}
	if s.ErrorLog == "stderr" {
		s.ErrorLog = ""
	} else {
		s.ErrorLog = absolute(prefix, s.ErrorLog)
	}
	return s
}

func (b build) option(name, otherwise string) string {
	return cmp.Or(b.options[name], otherwise)
}

// splitQuoted splits at spaces outside single quotes and drops the quotes.
func splitQuoted(s string) []string {
	var words []string
	var word strings.Builder
	quoted := false
	for _, r := range s + " " {
		switch {
		case r == '\'':
			quoted = !quoted
		case r == ' ' && !quoted:
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(r)
		}
	}
	return words
}

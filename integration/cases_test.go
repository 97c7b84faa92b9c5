//go:build integration

package integration

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgeman/integration/host"
)

// TestCases runs the small inputs of testdata/cases, and those of $EDGEMAN_CASES,
// a directory of the same form:
//
//	nginx/NAME.conf  a site: taken over, swapped and given back, see siteCase
//	swap/NAME.sh     what is done to an app: a script that ends with 0 where all of
//	                 it held, or whose transcript holds/NAME.sh of testdata judges
//
// Each case runs on one release, its turn; EDGEMAN_CASES_EVERYWHERE=1 runs all on
// every release.
func TestCases(t *testing.T) {
	t.Parallel()
	all := caseFiles(t)
	for i, release := range releases() {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			var stage caseHost
			for n, file := range all {
				if n%len(releases()) != i && os.Getenv(everywhere) == "" {
					continue
				}
				t.Run(caseName(file), func(t *testing.T) { runCase(ctx, t, stage.ready(ctx, t, release), file) })
			}
		})
	}
}

func caseName(file string) string {
	kind := filepath.Base(filepath.Dir(file))
	return kind + "/" + strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
}

// caseFiles are this project's cases and the ones handed in from outside.
func caseFiles(t *testing.T) []string {
	dirs := []string{filepath.Join("testdata", "cases")}
	outside := os.Getenv("EDGEMAN_CASES")
	if outside == "" {
		outside = filepath.Join("..", "..", "shared", "cases")
	}
	if _, err := os.Stat(outside); err != nil {
		t.Logf("NOT RUN: the cases of EDGEMAN_CASES: %v", err)
	} else {
		dirs = append(dirs, outside)
	}
	var all []string
	for _, dir := range dirs {
		for _, pattern := range []string{"nginx/*.conf", "swap/*.sh"} {
			files, _ := filepath.Glob(filepath.Join(dir, pattern))
			slices.Sort(files)
			all = append(all, files...)
		}
	}
	return all
}

func runCase(ctx context.Context, t *testing.T, h *host.Host, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(file) == ".sh" {
		swapCase(ctx, t, h, file, string(data))
		return
	}
	c, err := parseSite(string(data))
	if err != nil {
		t.Fatal(err)
	}
	c.run(ctx, t, h)
}

// caseHost is one machine for many cases, cleaned between them: a boot for each
// would take longer than the case. A case that cannot be cleaned up after costs
// the next one a boot.
type caseHost struct{ h *host.Host }

func (s *caseHost) ready(ctx context.Context, t *testing.T, release string) *host.Host {
	t.Helper()
	if s.h != nil {
		if _, err := s.h.Run(ctx, "sh", "-c", cleanHost); err == nil {
			return s.h
		}
		hosts.down(t, s.h)
	}
	h, err := host.Up(ctx, host.Options{Release: release, Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	hosts.add(h)
	s.h = h
	Install(ctx, t, h)
	if err := h.BuildImages(ctx, host.Image{Tag: "myapp:v1"}, host.Image{Tag: "myapp:v2"}, host.Image{Tag: "myapp:v3"}); err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "sh", "-e", "-c", keepPristine)
	must(ctx, t, h, "sh", "-c", cleanHost)
	return h
}

const keepPristine = `rm -f /etc/nginx/sites-enabled/default
mkdir /root/pristine
cp -a /etc/nginx /etc/hosts /root/pristine
docker save -o /root/pristine/images.tar myapp:v1 myapp:v2 myapp:v3`

// cleanHost takes away whatever a case has left, right or wrong.
const cleanHost = `exec 2>&1
systemctl stop 'edgeman@*.socket' 'edgeman@*.service'
chattr -R -i /etc/nginx
containers=$(docker ps -aq) && [ -z "$containers" ] || docker rm -fv $containers
volumes=$(docker volume ls -q) && [ -z "$volumes" ] || docker volume rm -f $volumes
docker network prune -f
edgeman=$(find /etc/systemd/system -name '*edgeman*'); rm -rf $edgeman /var/lib/edgeman /run/edgeman /etc/edgeman
systemctl daemon-reload
systemctl reset-failed
rm -rf /etc/nginx /srv/*; cp -a /root/pristine/nginx /etc/nginx
cat /root/pristine/hosts >/etc/hosts
images=$(docker images -aq | sort -u) && [ -z "$images" ] || docker rmi -f $images
docker load -q -i /root/pristine/images.tar
systemctl restart nginx && docker ps -q && [ -z "$(docker ps -aq)" ]`

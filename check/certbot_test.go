//go:build integration

package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// acme is a real certbot against a real ACME server of our own, with a real
// nginx that answers its challenges. Nothing of it touches /etc/letsencrypt.
type acme struct {
	*rig
	roots *x509.CertPool
}

func newACME(t *testing.T) *acme {
	t.Helper()
	for _, program := range []string{"certbot", "pebble", "pebble-challtestsrv"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s here: apt-get install certbot pebble", program)
		}
	}
	a := &acme{rig: newRig(t)}
	api := a.ca.leaf(fresh, "localhost", "127.0.0.1")
	a.store("pebble", api)
	a.must(os.WriteFile(a.path("api-root.pem"), []byte(pair{chain: []*x509.Certificate{a.ca.root}}.pem()), 0o644))
	a.must(os.MkdirAll(a.path("webroot"), 0o755))
	a.store("none", a.ca.leaf(fresh, "none.example.com"))
	a.write(a.plain(""))
	a.start()
	a.servers()
	return a
}

// plain answers challenges over HTTP, beside the TLS servers given.
func (a *acme) plain(servers string) string {
	return fmt.Sprintf("server { listen 127.0.0.1:%d; server_name a.example.com; root %s; }\n", a.port("http"), a.path("webroot")) +
		a.site("none.example.com", "none", "default_server") + servers
}

// servers starts the ACME server and the name server that it asks.
func (a *acme) servers() {
	a.t.Helper()
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": fmt.Sprintf("127.0.0.1:%d", a.port("acme")), "managementListenAddress": fmt.Sprintf("127.0.0.1:%d", a.port("manage")),
		"certificate": a.path("pebble.pem"), "privateKey": a.path("pebble.key"),
		"httpPort": a.port("http"), "tlsPort": a.port("alpn"), "ocspResponderURL": "", "externalAccountBindingRequired": false,
		"certificateValidityPeriod": 90 * 24 * 3600,
	}})
	a.must(err)
	a.must(os.WriteFile(a.path("pebble.json"), config, 0o644))
	a.background("pebble-challtestsrv", "-dns01", fmt.Sprintf("127.0.0.1:%d", a.port("dns")), "-management", fmt.Sprintf("127.0.0.1:%d", a.port("chall")),
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "")
	a.background("pebble", "-config", a.path("pebble.json"), "-dnsserver", fmt.Sprintf("127.0.0.1:%d", a.port("dns")))
	a.eventually("the name server", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", a.port("dns")))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	a.eventually("the ACME server", func() bool {
		text, err := a.get("acme", "/dir")
		return err == nil && strings.Contains(text, "newOrder")
	})
	text, err := a.get("manage", "/roots/0")
	a.must(err)
	block, _ := pem.Decode([]byte(text))
	root, err := x509.ParseCertificate(block.Bytes)
	a.must(err)
	a.roots = x509.NewCertPool()
	a.roots.AddCert(root)
	a.roots.AddCert(a.ca.root)
}

func (a *acme) get(port, path string) (string, error) {
	pool := x509.NewCertPool()
	pool.AddCert(a.ca.root)
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	resp, err := client.Get(fmt.Sprintf("https://127.0.0.1:%d%s", a.port(port), path))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func (a *acme) background(name string, args ...string) {
	a.t.Helper()
	cmd := exec.Command(name, args...)
	log, err := os.Create(a.path(name + ".log"))
	a.must(err)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
	a.must(startTied(a.t, cmd))
	a.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		log.Close()
	})
}

// certbot runs it and returns its exit code.
func (a *acme) certbot(args ...string) int {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	args = append(args, "--non-interactive", "--config-dir", a.path("le"), "--work-dir", a.path("lework"), "--logs-dir", a.path("lelogs"),
		"--server", fmt.Sprintf("https://localhost:%d/dir", a.port("acme")), "--agree-tos", "--register-unsafely-without-email", "--no-random-sleep-on-renew")
	cmd := exec.CommandContext(ctx, "certbot", args...)
	cmd.Env = append(os.Environ(), "REQUESTS_CA_BUNDLE="+a.path("api-root.pem"))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		a.t.Fatalf("certbot: %v", err)
	}
	a.t.Logf("certbot %s: exit %d\n%s", strings.Join(args[:min(len(args), 6)], " "), cmd.ProcessState.ExitCode(), out)
	return cmd.ProcessState.ExitCode()
}

func (a *acme) issue(args ...string) {
	a.t.Helper()
	if code := a.certbot(append([]string{"certonly", "--webroot", "-w", a.path("webroot")}, args...)...); code != 0 {
		a.t.Fatalf("certbot exits %d", code)
	}
}

// use makes nginx serve the lineage.
func (a *acme) use(lineage string) {
	a.t.Helper()
	live := a.path("le/live/" + lineage)
	a.write(a.plain(fmt.Sprintf("server { listen 127.0.0.1:%d ssl; server_name a.example.com; ssl_certificate %s/fullchain.pem; ssl_certificate_key %[2]s/privkey.pem; return 204; }\n", a.port("tls"), live)))
	a.hup()
}

// hup reloads nginx and waits for new workers.
func (a *acme) hup() {
	a.t.Helper()
	facts := func() string {
		f, err := a.env().Nginx.Facts(context.Background())
		a.must(err)
		var pids []string
		for _, w := range f.Workers {
			if !w.Leaving {
				pids = append(pids, fmt.Sprint(w.PID))
			}
		}
		return strings.Join(pids, " ")
	}
	before := facts()
	a.must(a.cmd.Process.Signal(syscall.SIGHUP))
	a.eventually("new workers", func() bool {
		now := facts()
		return now != "" && !slices.ContainsFunc(strings.Fields(now), func(pid string) bool { return slices.Contains(strings.Fields(before), pid) })
	})
}

func (a *acme) checkHost() Report {
	a.t.Helper()
	env := a.env()
	env.Certbot = a.path("le")
	env.Roots = func() (*x509.CertPool, error) { return a.roots, nil }
	env.Units = timerUnits{}
	report := Run(context.Background(), env, patient)
	// Debian 11's pebble knows no validity period and issues for five years.
	report.Findings = slices.DeleteFunc(report.Findings, func(f Finding) bool { return f.Code == "cert-lifetime-unusual" })
	return report
}

// timerUnits is a systemd whose certbot.timer is as it should be.
type timerUnits struct{}

func (timerUnits) Unit(_ context.Context, name string) (Unit, error) {
	if name == "certbot.timer" {
		return Unit{Name: name, Load: "loaded", Active: "active", NextRun: time.Now().Add(time.Hour), LastRun: time.Now().Add(-time.Hour)}, nil
	}
	return Unit{Name: name, Load: "not-found"}, nil
}

func TestCertbot(t *testing.T) {
	a := newACME(t)
	hook := a.path("le/renewal-hooks/deploy/nginx")
	writeHook := func(text string) {
		a.must(os.MkdirAll(filepath.Dir(hook), 0o755))
		a.must(os.WriteFile(hook, []byte(text), 0o755))
	}
	a.issue("-d", "a.example.com")
	a.use("a.example.com")
	a.wants("issued, nothing reloads nginx", a.checkHost(), "renew-no-reload")

	// A hook that works.
	writeHook(fmt.Sprintf("#!/bin/sh\n# reload nginx\nkill -HUP %d\n", a.cmd.Process.Pid))
	a.wants("hook in place", a.checkHost())
	if code := a.certbot("renew", "--force-renewal"); code != 0 {
		t.Fatalf("certbot exits %d", code)
	}
	a.eventually("the renewed certificate", func() bool { return len(a.checkHost().find("cert-served-stale")) == 0 })
	a.wants("renewed and reloaded", a.checkHost())

	// A hook that fails: certbot says that all is well.
	writeHook("#!/bin/sh\n# reload nginx\nexit 7\n")
	if code := a.certbot("renew", "--force-renewal"); code != 0 {
		t.Logf("certbot exits %d when a hook fails", code)
	}
	a.wants("the hook failed", a.checkHost(), "cert-served-stale")
	a.hup()
	a.wants("reloaded by hand", a.checkHost())
	writeHook(fmt.Sprintf("#!/bin/sh\n# reload nginx\nkill -HUP %d\n", a.cmd.Process.Pid))

	// A link that leads to an older generation.
	link := a.path("le/live/a.example.com/cert.pem")
	target, err := os.Readlink(link)
	a.must(err)
	a.must(os.Remove(link))
	a.must(os.Symlink("../../archive/a.example.com/cert1.pem", link))
	a.wants("rolled back link", a.checkHost(), "renew-conf-broken")
	a.must(os.Remove(link))
	a.must(os.Symlink(target, link))

	// A second lineage for the same names.
	second := time.Now().Unix()
	a.eventually("another second, which notAfter counts", func() bool { return time.Now().Unix() > second+1 })
	a.issue("-d", "a.example.com", "--duplicate")
	a.wants("-0001", a.checkHost(), "renew-wrong-lineage")
	a.use("a.example.com-0001")
	report := a.checkHost()
	a.wants("nginx uses -0001", report)
	if len(report.find("cert-unused")) != 1 {
		t.Errorf("the old lineage is unused; found\n%s", report.codes())
	}
	if code := a.certbot("delete", "--cert-name", "a.example.com"); code != 0 {
		t.Fatalf("certbot exits %d", code)
	}

	// A renewal that fails: certbot's exit code is what fails its service.
	a.must(os.Rename(a.path("webroot"), a.path("moved")))
	a.wants("webroot gone", a.checkHost(), "renew-will-fail")
	a.must(os.MkdirAll(a.path("webroot-elsewhere"), 0o755))
	a.must(os.Mkdir(a.path("webroot"), 0o755))
	a.must(os.WriteFile(a.path("nginx.conf"), []byte(strings.ReplaceAll(a.text("nginx.conf"), "root "+a.path("webroot")+";", "root "+a.path("webroot-elsewhere")+";")), 0o644))
	a.hup()
	if code := a.certbot("renew", "--force-renewal"); code == 0 {
		t.Error("certbot renews although nobody answers its challenge")
	}
}

func (a *acme) text(name string) string {
	a.t.Helper()
	data, err := os.ReadFile(a.path(name))
	a.must(err)
	return string(data)
}

package adopt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/nginx"
	"edgeman/deployer/outcome"
	"edgeman/deployer/swap"
	"edgeman/deployer/unadopt"
)

// While a person thinks about giving back, others go on working on the app, and
// what they change has to be agreed to again.
func TestReleaseAskedHoldsNoLock(t *testing.T) {
	changes := map[string]func(w *world, site string){
		"nothing": func(*world, string) {},
		"the site": func(w *world, site string) {
			now, err := os.ReadFile(site)
			if err == nil {
				err = os.WriteFile(site, append([]byte("# mine\n"), now...), 0o644)
			}
			if err != nil {
				w.T.Error(err)
			}
		},
		"the release that serves": func(w *world, _ string) {
			if _, err := w.Swaps.Swap(w.T.Context(), swap.Options{App: "myapp", Image: "v2"}); err != nil {
				w.T.Error(err)
			}
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			site := w.OnRecord()
			p := fake.Sit(t, w.Console)
			o := unadopt.Options{App: "myapp", Timeout: 100 * time.Millisecond}
			err := p.Answers(w.Console, func() {
				lock, err := w.Paths.TakeLock(t.Context(), "myapp", "swap", 0)
				if err != nil {
					t.Errorf("while it asks: %v", err)
					return
				}
				lock.Unlock()
				change(w, site)
			}, func() error { _, err := w.Unadopt.Unadopt(t.Context(), o); return err })
			refused := outcome.ExitCode(err) == outcome.ExitRefused
			if refused != (name != "nothing") {
				t.Errorf("exit code %d: %v", outcome.ExitCode(err), err)
			}
			if op, begun, err := w.Paths.ReadOperation("myapp"); err != nil || begun {
				t.Errorf("left at %+v, %v", op, err)
			}
		})
	}
}

// What is adopted is what was shown: what others have changed while the question
// stood has to be shown first, and what they are in the middle of stays out of
// nginx's reload.
func TestAdoptsWhatWasAgreedTo(t *testing.T) {
	changes := map[string]func(w *copies){
		"nothing": func(*copies) {},
		"the site": func(w *copies) {
			w.write(w.site, strings.Replace(w.now(), "location / {", "location /new { proxy_pass http://my_app; }\nlocation / {", 1))
		},
		"the container": func(w *copies) {
			c := w.Containers["web-1"]
			c.ID = "web-1-from-a-newer-image"
			w.Containers[c.ID] = c
			delete(w.Containers, "web-1")
		},
		"an edit of others": func(w *copies) { w.Pending = []nginx.Pending{{Path: "/etc/nginx/other"}} },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			w := newCopies(t, 1, "")
			w.Beside = []string{"writes to a volume"} // no request is sent through the slot
			p, before := fake.Sit(t, w.Console), ""
			err := p.Answers(w.Console, func() {
				change(w)
				before = w.now()
			}, func() error {
				_, err := w.Host.Adopt(t.Context(), Options{Sites: []string{w.site}, Name: "myapp"})
				return err
			})
			if name == "nothing" {
				if err != nil {
					t.Error(err)
				}
				w.wantAdopted()
				return
			}
			if outcome.ExitCode(err) != outcome.ExitRefused || w.now() != before {
				t.Errorf("exit code %d (%v), and the site is\n%s", outcome.ExitCode(err), err, w.now())
			}
		})
	}
}

// What others begin to edit while the app's new container starts does not go
// live either.
func TestAdoptKeepsOthersEditsOut(t *testing.T) {
	w := newCopies(t, 1, "")
	w.Units = fake.StartHook{Units: fake.Units{World: w.World}, Before: func() error {
		w.Pending = []nginx.Pending{{Path: "/etc/nginx/other"}}
		return nil
	}}
	_, err := w.Host.Adopt(t.Context(), Options{Sites: []string{w.site}, Name: "myapp", Yes: true})
	if outcome.ExitCode(err) != outcome.ExitFailed || !strings.Contains(err.Error(), "/etc/nginx/other") {
		t.Errorf("exit code %d: %v", outcome.ExitCode(err), err)
	}
	w.wantAsBefore()
}

// What is shown of several apps of one file is what is done, on one line even.
func TestAdoptShowsWhatItDoes(t *testing.T) {
	w := newCopies(t, 2, "")
	w.Beside = []string{"writes to a volume"}
	w.before = fmt.Sprintf("upstream a { server %s; } upstream b { server %s; }\nserver { location /a { proxy_pass http://a; } location /b { proxy_pass http://b; } }\n", w.addrs[0], w.addrs[1])
	w.write(w.site, w.before)
	result, err := w.Host.Adopt(t.Context(), Options{Sites: []string{w.site}, Yes: true})
	if err != nil {
		t.Fatal(err)
	}
	now, _, _ := strings.Cut(w.now(), "\n")
	if last := result.Apps[len(result.Apps)-1].Diff; !strings.Contains(last, "+"+now+"\n") {
		t.Errorf("the last diff shown is\n%s\nand the file holds\n%s", last, now)
	}
}

// Installing, removing and adopting wait for each other.
func TestHostLock(t *testing.T) {
	w := newCopies(t, 1, "")
	w.LockWait = 0
	commands := map[string]func() error{
		"install":   func() error { _, err := w.Install.Install(t.Context(), false); return err },
		"uninstall": func() error { _, err := w.Install.Uninstall(t.Context(), false); return err },
		"adopt": func() error {
			_, err := w.Host.Adopt(t.Context(), Options{Sites: []string{w.site}, Name: "myapp", Yes: true})
			return err
		},
		"check --install-timer": func() error { return w.Install.EnsureInstalled(t.Context()) },
	}
	lock, err := w.Paths.LockHost(t.Context(), "adopt", 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, command := range commands {
		if err := command(); outcome.ExitCode(err) != outcome.ExitLocked || !strings.Contains(err.Error(), "this host: another command is at work: edgeman adopt (pid ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	lock.Unlock()
	w.Beside = []string{"writes to a volume"}
	w.Units = fake.StartHook{Units: fake.Units{World: w.World}, Before: func() error {
		if err := commands["uninstall"](); outcome.ExitCode(err) != outcome.ExitLocked {
			t.Errorf("while an app is adopted: %v", err)
		}
		return nil
	}}
	for _, name := range []string{"install", "adopt", "check --install-timer"} {
		if err := commands[name](); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, err := filepath.Glob(w.Paths.Run + ".*"); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

package deployer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker/registry"
	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
)

// While a person thinks about giving back, others go on working on the app, and
// what they change has to be agreed to anew.
func TestReleaseAskedHoldsNoLock(t *testing.T) {
	changes := map[string]func(w *world, site string){
		"nothing": func(*world, string) {},
		"the site": func(w *world, site string) {
			now, err := os.ReadFile(site)
			if err == nil {
				err = os.WriteFile(site, append([]byte("# mine\n"), now...), 0o644)
			}
			if err != nil {
				w.t.Error(err)
			}
		},
		"the release that serves": func(w *world, _ string) {
			if _, err := w.Swap(w.t.Context(), SwapOptions{App: "myapp", Image: "v2"}); err != nil {
				w.t.Error(err)
			}
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			site := w.onRecord()
			p := sit(t, w.Host)
			o := ReleaseOptions{App: "myapp", Timeout: 100 * time.Millisecond}
			err := p.answers(w.Host, func() {
				lock, err := w.Paths.TakeLock(t.Context(), "myapp", "swap", 0)
				if err != nil {
					t.Errorf("while it asks: %v", err)
					return
				}
				lock.Unlock()
				change(w, site)
			}, func() error { _, err := w.Release(t.Context(), o); return err })
			refused := ExitCode(err) == ExitRefused
			if refused != (name != "nothing") {
				t.Errorf("exit code %d: %v", ExitCode(err), err)
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
			c := w.containers["web-1"]
			c.ID = "web-1-from-a-newer-image"
			w.containers[c.ID] = c
			delete(w.containers, "web-1")
		},
		"an edit of others": func(w *copies) { w.pending = []nginx.Pending{{Path: "/etc/nginx/other"}} },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			w := newCopies(t, 1, "")
			w.beside = []string{"writes to a volume"} // no request is sent through the slot
			p, before := sit(t, w.Host), ""
			err := p.answers(w.Host, func() {
				change(w)
				before = w.now()
			}, func() error {
				_, err := w.Host.Adopt(t.Context(), AdoptOptions{Site: w.site, Name: "myapp"})
				return err
			})
			if name == "nothing" {
				if err != nil {
					t.Error(err)
				}
				w.wantAdopted()
				return
			}
			if ExitCode(err) != ExitRefused || w.now() != before {
				t.Errorf("exit code %d (%v), and the site is\n%s", ExitCode(err), err, w.now())
			}
		})
	}
}

// What others begin to edit while the app's new container starts does not go
// live either.
func TestAdoptKeepsOthersEditsOut(t *testing.T) {
	w := newCopies(t, 1, "")
	w.Units = startHook{unitsOf{w.world}, func() error {
		w.pending = []nginx.Pending{{Path: "/etc/nginx/other"}}
		return nil
	}}
	_, err := w.Host.Adopt(t.Context(), AdoptOptions{Site: w.site, Name: "myapp", Yes: true})
	if ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), "/etc/nginx/other") {
		t.Errorf("exit code %d: %v", ExitCode(err), err)
	}
	w.wantAsBefore()
}

// What is shown of several apps of one file is what is done, on one line even.
func TestAdoptShowsWhatItDoes(t *testing.T) {
	w := newCopies(t, 2, "")
	w.beside = []string{"writes to a volume"}
	w.before = fmt.Sprintf("upstream a { server %s; } upstream b { server %s; }\nserver { location /a { proxy_pass http://a; } location /b { proxy_pass http://b; } }\n", w.addrs[0], w.addrs[1])
	w.write(w.site, w.before)
	result, err := w.Host.Adopt(t.Context(), AdoptOptions{Site: w.site, Yes: true})
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
	w.Wait = 0
	commands := map[string]func() error{
		"install":   func() error { _, err := w.Install(t.Context(), false); return err },
		"uninstall": func() error { _, err := w.Uninstall(t.Context(), false); return err },
		"adopt": func() error {
			_, err := w.Host.Adopt(t.Context(), AdoptOptions{Site: w.site, Name: "myapp", Yes: true})
			return err
		},
		"check --install-timer": func() error { return w.EnsureInstalled(t.Context()) },
	}
	lock, err := w.Paths.LockHost(t.Context(), "adopt", 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, command := range commands {
		if err := command(); ExitCode(err) != ExitLocked || !strings.Contains(err.Error(), "this host: another command is at work: edgeman adopt (pid ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	lock.Unlock()
	w.beside = []string{"writes to a volume"}
	w.Units = startHook{unitsOf{w.world}, func() error {
		if err := commands["uninstall"](); ExitCode(err) != ExitLocked {
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

// While a swap pulls its image, others go on working on the app, and the swap
// goes on from where they have left it.
func TestPullHoldsNoLock(t *testing.T) {
	w := newWorld(t)
	w.adopted()
	w.Docker = pullMeets{w, func() {
		if _, err := w.Swap(t.Context(), SwapOptions{App: "myapp", Image: "v2"}); err != nil {
			t.Errorf("while an image is pulled: %v", err)
		}
	}}
	result, err := w.Swap(t.Context(), SwapOptions{App: "myapp", Image: "v3", Pull: "always"})
	if err != nil {
		t.Fatal(err)
	}
	if result.From != 2 || result.Previous != "myapp:v2" || result.Release != 3 {
		t.Errorf("%+v, want release 3 in place of 2, which came meanwhile", result)
	}
	if color, release := w.live(); color != "blue" || release != 3 {
		t.Errorf("live is %s with release %d", color, release)
	}
}

// Whoever is at work when the pull is over keeps the app; nothing is written
// that only the lock's holder may write.
func TestPullEndsWhileAnotherIsAtWork(t *testing.T) {
	w := newWorld(t)
	w.adopted()
	w.Wait = 0
	w.Docker = pullMeets{w, func() {
		lock, err := w.Paths.TakeLock(t.Context(), "myapp", "pause", 0)
		if err == nil {
			t.Cleanup(lock.Unlock)
			err = w.Paths.BeginStep("myapp", state.Operation{Name: "swap", Step: "drain"})
		}
		if err != nil {
			t.Error(err)
		}
	}}
	_, err := w.Swap(t.Context(), SwapOptions{App: "myapp", Image: "v3", Pull: "always"})
	if ExitCode(err) != ExitLocked {
		t.Errorf("exit code %d: %v", ExitCode(err), err)
	}
	if op, begun, err := w.Paths.ReadOperation("myapp"); err != nil || !begun || op.Step != "drain" {
		t.Errorf("the other command's journal is %+v, %v", op, err)
	}
}

// pullMeets is a registry that takes long enough for something to happen.
type pullMeets struct {
	*world
	then func()
}

func (p pullMeets) Pull(ctx context.Context, ref string, progress func(registry.Progress)) error {
	p.then()
	return p.world.Pull(ctx, ref, progress)
}

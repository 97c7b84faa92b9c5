package check

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// dockerDown is a Docker that does not answer.
type dockerDown struct{}

func (dockerDown) HasImage(context.Context, string) (bool, error) { return false, errors.New("down") }

func (dockerDown) Containers(context.Context) ([]Container, error) {
	return nil, errors.New("no daemon")
}

// A hint is what somebody types who was woken up: it has to help.
func TestHints(t *testing.T) {
	for _, row := range []struct {
		code, name   string
		build        func(w *world)
		want, unwant string
	}{
		{"conf-drift", "our line changed", func(w *world) {
			adopted(w, "")
			drifted(w, &w.apps[0], "server unix:/live.sock;", "server 127.0.0.1:9000;")
		}, "systemctl reload nginx", "edgeman adopt"},
		{"conf-drift", "taken back by hand", func(w *world) {
			adopted(w, "")
			drifted(w, &w.apps[0], "server unix:/live.sock;", "server 127.0.0.1:9000;")
			w.http("")
		}, "edgeman unadopt myapp", "edgeman adopt"},
		{"upstream-dead", "somebody else's server beside the app's", func(w *world) {
			adopted(w, "server 127.0.0.1:9009 backup;")
		}, "the others keep answering", "edgeman logs"},
		{"upstream-dead", "not edgeman's at all", func(w *world) {
			w.http("server { listen 80; location / { proxy_pass http://127.0.0.1:9009; } }")
		}, "nginx answers 502 until then", "edgeman"},
		{"upstream-dead", "the app's own", func(w *world) {
			adopted(w, "")
			w.must(w.env.Remove("/run/edgeman/myapp:blue/8080.sock"))
			w.write("/proc/4711/net/unix", "")
		}, "edgeman logs myapp", ""},
		{"app-down", "Docker is down", func(w *world) {
			adopted(w, "")
			w.apps[0].Slots[0].Phase = "waiting"
			w.env.Docker = dockerDown{}
		}, "systemctl status docker", "edgeman"},
	} {
		w := newWorld(t)
		row.build(w)
		f := w.run().find(row.code)
		if len(f) != 1 || !strings.Contains(f[0].Hint, row.want) || row.unwant != "" && strings.Contains(f[0].Hint, row.unwant) {
			t.Errorf("%s, %s: %+v", row.code, row.name, f)
		}
	}
}

func TestDeadAddressesAgreeInNumber(t *testing.T) {
	w := newWorld(t)
	adopted(w, "server 127.0.0.1:9009 backup;")
	if f := w.run().find("upstream-dead"); len(f) != 1 || !strings.HasPrefix(f[0].Message, "1 of 2 addresses behind my_app is dead") {
		t.Errorf("%+v", f)
	}
}

// What only root may see is said once, not for each app and socket; an app that
// is asked for by name is known all the same.
func TestWithoutRootOnce(t *testing.T) {
	w := newWorld(t)
	w.env.Euid = 1000
	w.env.Apps = func() ([]app, error) {
		var all []error
		for _, name := range []string{"blog", "shop"} {
			all = append(all, &appError{name, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}})
		}
		return nil, errors.Join(all...)
	}
	w.opt.Sites = []string{"blog"}
	if f := w.run().find(codeBlind); len(f) != 1 || !strings.HasPrefix(f[0].Message, "not root") {
		t.Errorf("%+v", f)
	}
	w.env.Euid = 0
	if f := w.run().find(codeBlind); len(f) != 2 {
		t.Errorf("as root: %+v", f)
	}
}

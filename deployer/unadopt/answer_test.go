package unadopt

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/deployer/swap"
)

// Any answer proves that the original is there, but that of an app that is not
// able to serve. It is asked as its site asks it: no proxy, no redirect.
func TestOriginalAnswers(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	tests := []struct {
		name    string
		serve   http.HandlerFunc
		undo    bool
		headers []string
		want    string // "": it is there
	}{
		{"well", func(w http.ResponseWriter, _ *http.Request) {}, false, nil, ""},
		{"starting", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, false, nil, "/healthz: 503 Service Unavailable"},
		{"starting, while an adoption is undone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, true, nil, ""},
		{"another path", http.NotFound, false, nil, ""},
		{"own host only", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadRequest) }, false, nil, ""},
		{"https only", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusMovedPermanently)
		}, false, nil, ""},
		{"as the site asks", func(w http.ResponseWriter, r *http.Request) {
			if r.Host != "app.example.org" || r.Header.Get("X-Forwarded-Proto") != "https" {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}, false, []string{"Host: app.example.org", "X-Forwarded-Proto: https"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(tt.serve)
			defer s.Close()
			b := giving{undo: tt.undo, record: adoption.Record{Health: "/healthz", Headers: tt.headers}}
			err := b.answers(t.Context(), adoption.Original{At: []adoption.Served{{Listener: "80", Target: "app:80"}}}, adoption.Served{Listener: "80", Target: "app:80"}, netip.MustParseAddrPort(s.Listener.Addr().String()))
			if got := errText(err); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return hint.Text(err)
}

// Docker's word that a container has ended is enough: nothing is waited for.
func TestOriginalThatEnds(t *testing.T) {
	w := newWorld(t)
	w.OnRecord()
	err := w.Change("old", func(c *docker.Container) { c.ExitCode, c.Status = 1, "exited" })
	if err != nil {
		t.Fatal(err)
	}
	record, err := adoption.Read(w.Paths, "myapp")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err = w.awaitAnswer(t.Context(), giving{record: record, patient: time.Minute}, record.Original, "old", start.Add(time.Minute))
	if err == nil || notYet(err) || !strings.Contains(err.Error(), "container old ended with code 1") || time.Since(start) > 30*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

// The wait for one of several originals may take all the time there is; the
// others are asked all the same.
func TestOriginalsAfterOneThatDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	b := giving{patient: 100 * time.Millisecond, keep: true}
	var all []docker.Container
	for name, at := range map[string]string{"silent": "127.0.0.1:1", "well": s.Listener.Addr().String()} {
		o := adoption.Original{Container: name, ContainerID: name, At: []adoption.Served{{Listener: "80", Address: netip.MustParseAddrPort(at)}}}
		port := o.At[0].Address.Port()
		c := docker.Container{
			ID: name, Name: name, Running: true, Networks: []docker.Network{{IPv4: o.At[0].Address.Addr()}},
			Published: []docker.Port{{HostPort: port, ContainerPort: port, Proto: "tcp"}},
		}
		w.Containers[name] = c
		if name == "silent" {
			b.record.Original, all = o, append([]docker.Container{c}, all...)
		} else {
			b.record.Others, all = append(b.record.Others, o), append(all, c)
		}
	}
	late, err := w.awaitOriginals(t.Context(), b, all)
	if said := w.Stderr.String(); err != nil || !late || !strings.Contains(said, "container silent did not answer") || strings.Contains(said, "container well") {
		t.Errorf("late %v, %v, said %q", late, err, said)
	}
}

// The wait follows what the app is known to need, unless somebody says how long.
func TestPatience(t *testing.T) {
	slow := docker.Container{Healthcheck: &docker.Healthcheck{StartPeriod: 3 * time.Minute}}
	for name, tt := range map[string]struct {
		b    giving
		all  []docker.Container
		past float64 // seconds that a release took
		want time.Duration
	}{
		"settings":                     {giving{timeout: time.Minute}, nil, 1, time.Minute},
		"known to need more":           {giving{timeout: time.Minute}, nil, 75, 150 * time.Second},
		"its image says so":            {giving{timeout: time.Minute}, []docker.Container{{}, slow}, 75, 4 * time.Minute},
		"told":                         {giving{timeout: 5 * time.Second, given: true, keep: true}, []docker.Container{slow}, 75, 5 * time.Second},
		"nothing else serves":          {giving{timeout: 8 * time.Second, keep: true}, nil, 0, bootLimit},
		"nothing else serves, patient": {giving{timeout: time.Hour, keep: true}, nil, 0, time.Hour},
	} {
		w := newWorld(t)
		w.Adopted()
		tt.b.app.Name = "myapp"
		err := errors.Join(w.Paths.Record("myapp", state.Event{Operation: "adopt", Start: tt.past}), w.Paths.Record("myapp", state.Event{Operation: "swap", Start: 0.5}))
		if err != nil {
			t.Fatal(err)
		}
		if got := w.patience(tt.b, tt.all); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// A site is given back to a container that does not answer when somebody accepts
// that, and not to one that has ended.
func TestReleaseToAnUnreadyOriginal(t *testing.T) {
	w := newWorld(t)
	w.OnRecord()
	o := Options{App: "myapp", Yes: true, Timeout: 100 * time.Millisecond}
	if _, err := w.Unadopt(t.Context(), o); outcome.ExitCode(err) != outcome.ExitFailed || !strings.Contains(hint.Text(err), "hint: --timeout gives the container longer; --allow-unready") {
		t.Fatalf("%v", err)
	}
	o.Allow = []string{AllowUnready}
	r, err := w.Unadopt(t.Context(), o)
	if err != nil || !r.Done || !w.Containers["old"].Running {
		t.Errorf("%v, %+v", err, r)
	}
	if said := w.Stderr.String(); !strings.Contains(said, "warning: container old did not answer within 100ms") || strings.Contains(said, "old () answers") {
		t.Errorf("said %q", said)
	}
}

// What is given back is said truly also when somebody has recreated the original
// with another image.
func TestReleaseOfAnOriginalMadeAgain(t *testing.T) {
	tests := []struct {
		name, to, image string // of the container that has the original's name now; "" none
		swapped         bool
		want            string // of the refusal or the note
		gives           string
	}{
		{"as it was", "", "", false, "", "myapp:v1"},
		{"the same image", "", "v1", false, "", "myapp:v1"},
		{"a newer image", "", "v2", false, "myapp was adopted with myapp:v1, its container old has since been recreated with myapp:v2, and runs myapp:v1 (release 1) now\nhint: say what to give back: --to original (myapp:v2) or --to live (myapp:v1)", ""},
		{"a newer image, said", "original", "v2", false, "container old has been recreated since adopt: it runs myapp:v2, no longer myapp:v1", "myapp:v2"},
		{"live", "live", "v2", false, "", "myapp:v1"},
		{"both newer", "", "v2", true, "container old has been recreated since adopt: it runs myapp:v2", "myapp:v2"},
		{"swapped", "", "", true, "myapp was adopted with myapp:v1 and runs myapp:v2 (release 2) now", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.OnRecord()
			record, err := adoption.Read(w.Paths, "myapp")
			if err != nil {
				t.Fatal(err)
			}
			record.Image = "myapp:v1"
			if tt.image != "" {
				c := w.Containers["old"]
				c.ID, c.Image, c.ImageID = "anew", "myapp:"+tt.image, "sha256:"+tt.image
				record.ContainerID = "gone"
				w.Containers["old"] = c
			}
			if err := state.WriteJSON(w.Paths.Site("myapp")+"/adoption.json", record); err != nil {
				t.Fatal(err)
			}
			if tt.swapped {
				if _, err := w.Swaps.Swap(t.Context(), swap.Options{App: "myapp", Image: "v2"}); err != nil {
					t.Fatal(err)
				}
				w.Stderr.Reset()
			}
			r, err := w.Unadopt(t.Context(), Options{App: "myapp", To: tt.to, DryRun: true})
			said := w.Stderr.String() + errText(err)
			if !strings.Contains(said, tt.want) || tt.want == "" && said != "" {
				t.Errorf("said %q, want %q", said, tt.want)
			}
			if err == nil && r.Image != tt.gives || (err == nil) != (tt.gives != "") {
				t.Errorf("gives %q, %v; want %q", r.Image, err, tt.gives)
			}
		})
	}
}

// Without nginx nothing would lead to the container: refused before anything changes.
func TestUnadoptWithoutNginx(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.NginxStopped, w.Calls = true, nil
	for _, dry := range []bool{true, false} {
		_, err := w.Unadopt(t.Context(), Options{App: "myapp", Yes: true, DryRun: dry})
		if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "nginx is not running, so it cannot be led back\nhint: systemctl start nginx") || len(w.Calls) > 0 {
			t.Errorf("%v, %q", err, w.Calls)
		}
	}
}

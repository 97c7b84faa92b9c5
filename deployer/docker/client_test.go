package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/poll"
	"edgeman/sockets/count"
)

// engine is a daemon that answers with canned texts. Keys are "METHOD PATH"
// without the version; the value is a status and a body.
type engine struct {
	mu      sync.Mutex
	api     string
	answers map[string]answer
	calls   []string // with the version
	bodies  map[string]string
}

type answer struct {
	status int
	body   string
}

var versioned = regexp.MustCompile(`^/v([0-9.]+)(/.*)$`)

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Header().Set("Api-Version", e.api)
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/_ping") {
		return
	}
	m := versioned.FindStringSubmatch(r.URL.Path)
	e.calls = append(e.calls, r.Method+" "+r.URL.Path)
	if m == nil {
		http.NotFound(w, r)
		return
	}
	if m[1] != e.api {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"message":"client version %s is too old. Minimum supported API version is %s"}`, m[1], e.api)
		return
	}
	key := r.Method + " " + m[2]
	if e.bodies == nil {
		e.bodies = map[string]string{}
	}
	b, _ := io.ReadAll(r.Body)
	e.bodies[key] = string(b)
	a, ok := e.answers[key]
	if !ok {
		a = answer{404, `{"message":"No such thing"}`}
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// listen puts the engine behind a socket and gives a client of it.
func (e *engine) listen(t *testing.T) (*Client, *httptest.Server) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.sock")
	s := e.serve(t, path)
	sys := system{
		clock: layer.Clock{
			Born:    func(string) (time.Time, error) { return time.Time{}, nil },
			Changed: func(string, string) (time.Time, error) { return time.Time{}, os.ErrNotExist },
		},
		kind: func(string) (string, error) { return "directory", nil },
		addresses: func() ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.7")}, nil
		},
		listeners: func(int) ([]count.TCPListener, error) { return nil, nil },
		hostname:  func() (string, error) { return "testhost", nil },
		login:     registry.Login{Config: func() ([]byte, error) { return nil, nil }},
	}
	c, err := open(context.Background(), "unix://"+path, sys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, s
}

func (e *engine) serve(t *testing.T, path string) *httptest.Server {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(e)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func TestErrors(t *testing.T) {
	e := &engine{api: "1.41", answers: map[string]answer{
		"GET /containers/busy/json":        {500, `{"message":"something broke"}`},
		"POST /containers/create":          {409, `{"message":"Conflict. The container name \"/x\" is already in use by container \"1\"."}`},
		"GET /images/sha256:1/json":        {200, `{"Id":"sha256:1","Config":{}}`},
		"POST /containers/old/start":       {304, ``},
		"POST /containers/taken/start":     {500, `{"message":"driver failed programming external connectivity: Bind for 127.0.0.1:8080 failed: port is already allocated"}`},
		"DELETE /containers/old":           {409, `{"message":"cannot remove a running container"}`},
		"DELETE /containers/going":         {409, `{"message":"removal of container going is already in progress"}`},
		"POST /images/create":              {500, `{"message":"pull access denied for x, repository does not exist"}`},
		"GET /images/registry.test/x/json": {404, `{"message":"No such image: registry.test/x"}`},
	}}
	c, s := e.listen(t)
	ctx := context.Background()
	minimal := definition.Settings{Version: 1}.Bytes()
	tests := []struct {
		name string
		err  error
		is   error
		text string
	}{
		{"not found", second(c.Inspect(ctx, "missing")), ErrNotFound, "docker: inspect missing: No such thing"},
		{"broken", second(c.Inspect(ctx, "busy")), nil, "docker: inspect busy: something broke"},
		{"bad name", second(c.Inspect(ctx, "../x")), nil, `docker: inspect ../x: "../x" is not a container name`},
		{"bad image", second(c.Image(ctx, "a/../b")), nil, `docker: inspect image a/../b: "a/../b" is not an image reference`},
		{"name taken", second(c.Create(ctx, Spec{Name: "x", ImageID: "sha256:1", Settings: minimal})), ErrExists, "docker: create x: Conflict."},
		{"no image", second(c.Create(ctx, Spec{Name: "x", ImageID: "registry.test/x", Settings: minimal})), ErrNotFound, "docker: inspect image registry.test/x: No such image"},
		{"newer settings", second(c.Create(ctx, Spec{Name: "x", ImageID: "sha256:1", Settings: []byte(`{"version":9}`)})), nil, "docker: create x: the stored settings have version 9, this edgeman knows 2"},
		{"runs", c.Remove(ctx, "old"), nil, "docker: remove old: cannot remove a running container"},
		{"being removed", c.Remove(ctx, "going"), ErrRemoving, "docker: remove going: removal of container going is already in progress"},
		{"denied", c.Pull(ctx, "registry.test/x", nil), nil, "docker: pull registry.test/x: pull access denied for x"},
		{"port taken", c.Start(ctx, "taken"), ErrPortTaken, "docker: start taken: driver failed programming external connectivity"},
		{"started already", c.Start(ctx, "old"), nil, ""},
	}
	for _, tt := range tests {
		if tt.text == "" && tt.err == nil {
			continue
		}
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.text) || tt.is != nil && !errors.Is(tt.err, tt.is) {
			t.Errorf("%s: %v", tt.name, tt.err)
		}
		if tt.is == nil && (errors.Is(tt.err, ErrUnreachable) || errors.Is(tt.err, ErrExists)) {
			t.Errorf("%s: %v is of the wrong kind", tt.name, tt.err)
		}
	}
	s.Close()
	if _, err := c.Inspect(ctx, "old"); !errors.Is(err, ErrUnreachable) || hint.Text(err) != err.Error()+"\nhint: systemctl status docker" {
		t.Errorf("daemon gone: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// The daemon is replaced by one that refuses the version negotiated before.
func TestNegotiatesAgain(t *testing.T) {
	e := &engine{api: "1.41"}
	c, _ := e.listen(t)
	if c.API() != "1.41" {
		t.Fatalf("negotiated %s", c.API())
	}
	e.mu.Lock()
	e.api = "1.44"
	e.mu.Unlock()
	if _, err := c.Inspect(context.Background(), "x"); !errors.Is(err, ErrNotFound) || c.API() != "1.44" {
		t.Errorf("%v, API %s", err, c.API())
	}
}

// A daemon that accepts and never answers does not hang the caller.
func TestDeadline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := open(ctx, "unix://"+path, hostSystem()); !errors.Is(err, context.DeadlineExceeded) || err.Error() != "docker: connect: no answer in time" {
		t.Errorf("got %v", err)
	}
	if ctx, cancel := poll.Bounded(context.Background(), callTimeout); true {
		defer cancel()
		if _, ok := ctx.Deadline(); !ok {
			t.Error("a context without a deadline gets none")
		}
	}
}

// Members that this library does not know reach the daemon again.
func TestCreateKeepsUnknownMembers(t *testing.T) {
	raw, img := captured(t, "testdata/inspect/host-app.api1.45.json")
	var in map[string]any
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	in["HostConfig"].(map[string]any)["FutureLimit"] = 0
	in["Config"].(map[string]any)["FutureName"] = "x"
	networks := in["NetworkSettings"].(map[string]any)["Networks"].(map[string]any)
	networks["bridge"].(map[string]any)["FutureOption"] = map[string]any{"a": 1}
	raw, _ = json.Marshal(in)
	e := &engine{api: "1.45", answers: map[string]answer{
		"GET /containers/old/json":  {200, string(raw)},
		"GET /containers/json":      {200, "[]"},
		"POST /containers/create":   {201, `{"Id":"new"}`},
		"GET /images/sha256:1/json": {200, string(img)},
	}}
	ct, err := inspect.ReadContainer(raw)
	if err != nil {
		t.Fatal(err)
	}
	e.answers["GET /images/"+ct.ImageID+"/json"] = answer{200, string(img)}
	e.answers["GET /containers/"+ct.ID+"/changes"] = answer{200, "null"}
	c, _ := e.listen(t)
	a, err := c.Adopt(context.Background(), "old", adoptable.Served{Port: 8080})
	if err != nil {
		t.Fatal(err)
	}
	id, err := c.Create(context.Background(), Spec{Name: "new", ImageID: "sha256:1", Settings: a.Settings, Labels: map[string]string{"edgeman.app": "x"}})
	if err != nil || id != "new" {
		t.Fatal(id, err)
	}
	body := e.bodies["POST /containers/create"]
	for _, want := range []string{`"FutureLimit":0`, `"FutureName":"x"`, `"FutureOption":{"a":1}`, `"edgeman.app":"x"`, `"RestartPolicy":{"Name":"no"}`, `"Image":"sha256:1"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}

// An old engine gets one network at creation, the others one by one, and the
// name only when all are there.
func TestCreateOnOldEngine(t *testing.T) {
	_, img := captured(t, "testdata/inspect/networks-app.api1.41.json")
	golden, err := os.Open("adoptable/testdata/settings/networks-app.api1.41.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer golden.Close()
	var settings json.RawMessage
	if err := json.NewDecoder(golden).Decode(&settings); err != nil {
		t.Fatal(err)
	}
	e := &engine{api: "1.41", answers: map[string]answer{
		"GET /images/sha256:1/json":   {200, string(img)},
		"POST /containers/create":     {201, `{"Id":"new"}`},
		"POST /networks/back/connect": {200, ""},
		"POST /containers/new/rename": {204, ""},
		"DELETE /containers/new":      {204, ""},
	}}
	c, _ := e.listen(t)
	spec := Spec{Name: "x", ImageID: "sha256:1", Settings: settings}
	if _, err := c.Create(context.Background(), spec); err != nil {
		t.Fatal(err)
	}
	want := []string{"GET /v1.41/images/sha256:1/json", "DELETE /v1.41/containers/x.partial", "POST /v1.41/containers/create", "POST /v1.41/networks/back/connect", "POST /v1.41/containers/new/rename"}
	if !slices.Equal(e.calls, want) {
		t.Errorf("calls %q", e.calls)
	}
	body := e.bodies["POST /containers/create"]
	if !strings.Contains(body, `"MacAddress":"02:aa:bb:cc:dd:ee"`) || strings.Contains(body, `"back":`) || !strings.Contains(body, `"front":{`) {
		t.Errorf("body %s", body)
	}
	e.answers["POST /networks/back/connect"] = answer{404, `{"message":"network back not found"}`}
	e.calls = nil
	if _, err := c.Create(context.Background(), spec); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "docker: connect to network back: network back not found") {
		t.Errorf("network gone: %v", err)
	}
	if last := e.calls[len(e.calls)-1]; last != "DELETE /v1.41/containers/new" {
		t.Errorf("half a container is left, last call %s", last)
	}
}

func TestCopyLogs(t *testing.T) {
	frame := func(stream byte, text string) string {
		return string([]byte{stream, 0, 0, 0, 0, 0, byte(len(text) >> 8), byte(len(text))}) + text
	}
	const at = "2026-01-02T03:04:05.000000001Z "
	tests := []struct {
		name     string
		in       string
		tty      bool
		out, err string
		fails    string
	}{
		{name: "nothing"},
		{name: "two streams", in: frame(1, at+"a\n") + frame(2, at+"b\n") + frame(1, at+"\n"), out: at + "a\n" + at + "\n", err: at + "b\n"},
		{name: "a line in two messages", in: frame(1, at+"a") + frame(2, at+"b\n") + frame(1, at+"c\n"), out: at + "ac\n", err: at + "b\n"},
		{name: "cut in the header", in: frame(1, at+"a\n") + "\x01\x00", out: at + "a\n"},
		{name: "cut in the message", in: frame(1, at+"a\n") + frame(1, at+"b\n")[:20], out: at + "a\n"},
		{name: "the daemon's own error", in: frame(3, "log file is gone"), fails: "log file is gone"},
		{name: "out of step", in: "\x01\x00\x00\x00\xff\xff\xff\xff", fails: "log message of"},
		{name: "unknown stream", in: frame(7, "x"), fails: "unknown stream 7"},
		{name: "terminal", tty: true, in: at + "a\r\n" + at + "b", out: at + "a\r\n" + at + "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			err := copyLogs(strings.NewReader(tt.in), tt.tty, &stream{to: &out, times: true}, &stream{to: &errs, times: true})
			if out.String() != tt.out || errs.String() != tt.err {
				t.Errorf("out %q, err %q", out.String(), errs.String())
			}
			if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
				t.Errorf("error %v, want %q", err, tt.fails)
			}
		})
	}
}

func FuzzCopyLogs(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x02a\n"), false)
	f.Add([]byte("2026-01-02T03:04:05.000000001Z x"), true)
	f.Fuzz(func(t *testing.T, in []byte, tty bool) {
		var out bytes.Buffer
		_ = copyLogs(bytes.NewReader(in), tty, &stream{to: &out}, &stream{to: &out})
		if out.Len() > len(in) {
			t.Errorf("%d bytes out of %d", out.Len(), len(in))
		}
	})
}

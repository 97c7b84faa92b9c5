package serve

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/locate"
)

// fakeEngine is Docker in memory. What a container does is said by the image of
// its release.
type fakeEngine struct {
	mu         sync.Mutex
	containers map[string]*fakeContainer
	away       bool   // the daemon does not answer
	onPause    func() // what happens when a container has been paused
	onInspect  func(id string)

	cannotHold  bool // a holder does not start
	cannotPause bool // nor let a paused one go on
	nameTaken   int  // how often a name is still taken by what is just being removed
	log         []string
	behaviour   map[string]behaviour // by image id
	specs       map[string]docker.Spec
	stops       chan struct{} // somebody else sends a stop signal
}

type behaviour struct {
	diesAfter   time.Duration // 0: never by itself
	deaf        bool          // takes no connection
	healthcheck func() int    // exit code of its own check
	cannotStart bool
	missing     bool // the image is not there
	volume      bool // the image declares one
	stopTakes   time.Duration
	tied        bool // to something that is there no more, until it is made anew
}

type fakeContainer struct {
	docker.Container
	behaviour
	exit chan struct{} // closed when it ends
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{containers: make(map[string]*fakeContainer), behaviour: make(map[string]behaviour), specs: make(map[string]docker.Spec), stops: make(chan struct{})}
}

// did notes a change that the slot made.
func (e *fakeEngine) did(what, name string) { e.log = append(e.log, what+" "+name) }

func (e *fakeEngine) find(id string) (*fakeContainer, error) {
	if e.away {
		return nil, docker.ErrUnreachable
	}
	c, ok := e.containers[id]
	if !ok {
		return nil, docker.ErrNotFound
	}
	return c, nil
}

func (e *fakeEngine) Inspect(_ context.Context, id string) (docker.Container, error) {
	if e.onInspect != nil {
		e.onInspect(id)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(id)
	if err != nil {
		return docker.Container{}, err
	}
	return c.Container, nil
}

func (e *fakeEngine) List(_ context.Context, labels map[string]string, _ bool) ([]docker.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return nil, docker.ErrUnreachable
	}
	var out []docker.Container
next:
	for _, c := range e.containers {
		for k, v := range labels {
			if c.Labels[k] != v {
				continue next
			}
		}
		out = append(out, c.Container)
	}
	return out, nil
}

func (e *fakeEngine) Create(_ context.Context, s docker.Spec) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.behaviour[s.ImageID]
	if e.away {
		return "", docker.ErrUnreachable
	}
	if b.missing {
		return "", fmt.Errorf("no such image: %w", docker.ErrNotFound)
	}
	if _, there := e.containers[s.Name]; there || e.nameTaken > 0 {
		e.nameTaken--
		return "", docker.ErrExists
	}
	e.did("create", s.Name)
	e.specs[s.Name] = s
	c := &fakeContainer{behaviour: b}
	c.ID, c.Name, c.Labels, c.ImageID, c.StopTimeout = s.Name, s.Name, maps.Clone(s.Labels), s.ImageID, 10*time.Second
	c.Raw = json.RawMessage(inspectOf(s.Name, b.volume))
	if b.healthcheck != nil {
		c.Healthcheck = &docker.Healthcheck{Command: []string{"check"}, Timeout: time.Second}
	}
	e.containers[s.Name] = c
	return c.ID, nil
}

func (e *fakeEngine) Hold(ctx context.Context, of docker.Container, s docker.HoldSpec) error {
	e.mu.Lock()
	broken := e.cannotHold
	e.mu.Unlock()
	if broken {
		return errors.New("no such program")
	}
	id, err := e.Create(ctx, docker.Spec{Name: s.Name, ImageID: of.ImageID, Labels: s.Labels})
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.containers[id].Raw = of.Raw // its volumes
	e.mu.Unlock()
	return e.Start(ctx, id)
}

func (e *fakeEngine) Start(_ context.Context, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(id)
	if err != nil {
		return err
	}
	if c.tied || c.Status == "dead" || c.Status == "removing" {
		if len(c.Joined()) > 0 {
			return errors.New("joining network namespace of container: No such container")
		}
		return docker.ErrNotFound
	}
	if c.cannotStart {
		return errors.New("exec: no such file")
	}
	e.did("start", id)
	c.Running, c.Started, c.exit = true, time.Now(), make(chan struct{})
	if c.diesAfter > 0 {
		run := c.exit
		time.AfterFunc(c.diesAfter, func() { e.kill(id, run, 3) })
	}
	return nil
}

// kill ends the run of a container that exit stands for; nil means the present.
func (e *fakeEngine) kill(id string, exit chan struct{}, code int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.containers[id]
	if c == nil || !c.Running || exit != nil && exit != c.exit {
		return
	}
	c.Running, c.ExitCode = false, code
	close(c.exit)
}

func (e *fakeEngine) Stop(_ context.Context, id string) error {
	e.mu.Lock()
	c, err := e.find(id)
	if err == nil {
		e.did("stop", id)
	}
	e.mu.Unlock()
	if err == nil {
		time.Sleep(c.stopTakes)
		e.kill(id, nil, 143)
	}
	return err
}

func (e *fakeEngine) Remove(_ context.Context, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(id)
	if err != nil {
		return err
	}
	if c.Status == "removing" {
		if c.exit == nil { // the first who asks
			c.exit = make(chan struct{})
			time.AfterFunc(time.Second, func() { e.mu.Lock(); delete(e.containers, id); e.mu.Unlock() })
		}
		return docker.ErrRemoving
	}
	if c.Running {
		return errors.New("cannot remove a running container")
	}
	e.did("remove", id)
	delete(e.containers, id)
	return nil
}

func (e *fakeEngine) Pause(_ context.Context, id string) error {
	e.mu.Lock()
	then := e.onPause
	e.mu.Unlock()
	if then != nil {
		defer then()
	}
	return e.setStatus(id, "pause", "paused")
}

func (e *fakeEngine) Unpause(_ context.Context, id string) error {
	return e.setStatus(id, "unpause", "running")
}

func (e *fakeEngine) setStatus(id, what, status string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(id)
	if err == nil && e.cannotPause {
		err = errors.New("the freezer cgroup is not there")
	}
	if err == nil {
		e.did(what, id)
		c.Status = status
	}
	return err
}

func (e *fakeEngine) Owns(_ context.Context, _ string, pid int) (bool, error) { return pid == 42, nil }

// AwaitStop returns for each value that a test sends.
func (e *fakeEngine) AwaitStop(ctx context.Context, _ string) error {
	select {
	case <-e.stops:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *fakeEngine) Wait(ctx context.Context, id string) (int, error) {
	e.mu.Lock()
	c, err := e.find(id)
	if err != nil {
		e.mu.Unlock()
		return 0, err
	}
	exit, running := c.exit, c.Running
	e.mu.Unlock()
	if running {
		select {
		case <-exit:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return 0, docker.ErrUnreachable
	}
	return c.ExitCode, nil
}

func (e *fakeEngine) Exec(_ context.Context, id string, _ []string) (int, string, error) {
	e.mu.Lock()
	c, err := e.find(id)
	e.mu.Unlock()
	if err != nil {
		return 0, "", err
	}
	return c.healthcheck(), "", nil
}

func (e *fakeEngine) OtherPorts(context.Context, string, []uint16) (locate.Elsewhere, error) {
	return locate.Elsewhere{Text: "elsewhere"}, nil
}

func (e *fakeEngine) Tail(context.Context, string, int) (string, error) {
	return "its last words\n", nil
}

func (e *fakeEngine) Logs(ctx context.Context, id string, _ time.Time, _ bool, _, _ io.Writer) error {
	e.mu.Lock()
	c, err := e.find(id)
	if err != nil || !c.Running {
		e.mu.Unlock()
		return err
	}
	exit := c.exit
	e.mu.Unlock()
	select {
	case <-exit:
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (e *fakeEngine) status(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.containers[name].Status
}

// running are the names of the containers that run.
func (e *fakeEngine) running() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[string]bool)
	for name, c := range e.containers {
		if c.Running && !strings.HasSuffix(name, "-rest") { // holders are looked at by themselves
			out[name] = true
		}
	}
	return out
}

// inspectOf is what Docker says of a container, with a volume of its own if its
// image declares one.
func inspectOf(name string, volume bool) string {
	declared, mounts := "null", "[]"
	if volume {
		declared = `{"/data":{}}`
		mounts = `[{"Type":"volume","Name":"` + anonymous(name) + `","Source":"/v","Destination":"/data","Driver":"local","RW":true}]`
	}
	return `{"Id":"` + name + `","Name":"/` + name + `","Image":"x","State":{},"Config":{"Volumes":` + declared + `},"HostConfig":{},"NetworkSettings":{},"Mounts":` + mounts + `}`
}

// anonymous is the name that Docker makes up for a container's volume.
func anonymous(container string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(container)))
}

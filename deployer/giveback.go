package deployer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"edgeman/deployer/docker"
	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
)

// back is what giving a site back needs to know. It is idempotent: what is as
// it was already is left alone, so that an interrupted run can be repeated.
type back struct {
	app     state.App
	record  Adoption
	drain   time.Duration
	timeout time.Duration
	live    *state.Release // run this one's image and settings, not the original's
	undo    bool           // of an adoption that failed or was interrupted
	quiet   bool           // say only what matters
	result  *ReleaseResult
}

// newBack takes the waits from the app's settings.
func newBack(app state.App, record Adoption) back {
	return back{app: app, record: record, drain: time.Duration(app.Drain.Timeout), timeout: time.Duration(app.Start.Timeout)}
}

// giveBack carries it out. Order: the container answers at its address, then
// nginx goes back to it, then the slot drains, then edgeman's own goes.
func (h *Host) giveBack(ctx context.Context, b back) error {
	files, err := h.restored(b.record)
	if err != nil {
		return err
	}
	if err := h.testBack(ctx, files); err != nil {
		return err
	}
	if b.result == nil {
		b.result = &ReleaseResult{}
	}
	op, unused, err := h.beginBack(&b)
	if err != nil {
		return err
	}
	if err := h.Paths.BeginStep(b.app.Name, op); err != nil {
		return err
	}
	if err := h.startOriginal(ctx, b); err != nil {
		return h.stay(b, op, err)
	}
	if !b.undo {
		op.Step = stepFiles
	}
	if err := h.Paths.BeginStep(b.app.Name, op); err != nil {
		return err
	}
	if err := h.restoreFiles(ctx, b, files); err != nil {
		return err
	}
	if !unused {
		if err := h.drainSlots(ctx, b); err != nil {
			return err
		}
	}
	return h.removeApp(ctx, b.app.Name)
}

// beginBack is the journal to go on with. An interrupted adoption is undone, and
// its journal says so until the end: up to stepFiles repair undoes it again. An
// interrupted release that had come to nginx's files stays at that step.
//
// unused tells an adoption that ended before nginx heard of the slot. Then
// nobody's connection is in there, and what probes have left in the queue of an
// app that does not accept would stay for the whole drain time.
func (h *Host) beginBack(b *back) (op state.Operation, unused bool, err error) {
	op, begun, err := h.Paths.ReadOperation(b.app.Name)
	switch {
	case err != nil:
		return op, false, err
	case begun && op.Name == "adopt":
		b.undo = true
		if op.Step == stepDrain {
			op.Step = stepFiles
		}
		return op, op.Step == stepState || op.Step == stepSlot, nil
	case begun && op.Name == "release":
		return op, false, nil
	}
	op = state.Operation{Name: "release", Step: stepStart, Started: time.Now()}
	if b.live != nil {
		op.Release = b.live.Number
	}
	return op, false, nil
}

// stay ends a release whose original does not run, while nginx was not touched:
// the app goes on as it was. Where nginx may be back already, and where an
// adoption is being undone, there is nothing to stay with.
func (h *Host) stay(b back, op state.Operation, cause error) error {
	if b.undo || op.Step != stepStart {
		return cause
	}
	if err := h.Paths.EndOperation(b.app.Name); err != nil {
		return errors.Join(cause, err)
	}
	return &stayedError{cause}
}

// stayedError is a release that was not carried out: everything is as before.
type stayedError struct{ error }

func (e *stayedError) Unwrap() error { return e.error }

// restored computes what each edited file is to hold again, before anything is
// changed: the original bytes where nobody touched it since, otherwise the
// file as it is now without just our edits.
func (h *Host) restored(a Adoption) (map[string][2][]byte, error) {
	files := map[string][2][]byte{}
	for _, f := range a.Plan.Files {
		now, err := os.ReadFile(f.Path)
		if errors.Is(err, os.ErrNotExist) {
			h.note("%s is gone: nothing to take back in it", f.Path)
			continue
		}
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(now, []byte(h.Paths.Live(a.App))) {
			continue // somebody has taken the edit back already
		}
		then, err := nginxconf.Revert(now, f)
		if err != nil {
			return nil, err
		}
		if string(now) != string(then) {
			files[f.Path] = [2][]byte{now, then}
		}
	}
	return files, nil
}

// testBack lets nginx judge the files to be before anything is changed.
func (h *Host) testBack(ctx context.Context, files map[string][2][]byte) error {
	candidates := map[string][]byte{}
	for path, f := range files {
		candidates[path] = f[1]
	}
	if len(candidates) == 0 {
		return nil
	}
	if _, err := h.Nginx.TestCandidate(ctx, candidates); err != nil {
		return refused(fmt.Errorf("nginx refuses its configuration with the edits taken back: %w", err))
	}
	return nil
}

func (h *Host) backDiff(a Adoption) (string, error) {
	files, err := h.restored(a)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, path := range slices.Sorted(maps.Keys(files)) {
		_, body, _ := bytes.Cut(diff.Diff(path, files[path][0], path, files[path][1]), []byte("\n"))
		out.Write(body) // without the line that says "diff"
	}
	return out.String(), nil
}

// startOriginal brings the adopted container back to its address and waits
// until it answers there.
func (h *Host) startOriginal(ctx context.Context, b back) error {
	a := b.record
	c, err := h.original(ctx, b)
	if err != nil {
		return err
	}
	w, err := h.makeWay(ctx, b, c.ID, c.Running)
	if err != nil {
		return errors.Join(err, w.close(h))
	}
	start := time.Now()
	err = h.runOriginal(ctx, b, c)
	if err != nil && c.Running { // it was so before; nobody is helped by stopping it
		if !b.undo {
			return errors.Join(err, w.close(h))
		}
		h.note("%s", firstLine(err))
		err = nil
	}
	if err != nil {
		stopped := h.Docker.Stop(context.WithoutCancel(ctx), c.ID)
		return errors.Join(err, stopped, h.Docker.SetRestart(context.WithoutCancel(ctx), c.ID, "no"), w.close(h))
	}
	now, err := h.Docker.Inspect(ctx, c.ID) // a stopped container publishes nothing
	if err != nil {
		return err
	}
	if err := errors.Join(h.Docker.SetRestart(ctx, c.ID, a.RestartPolicy), w.forward(h, b.port(now))); err != nil {
		return err
	}
	if c.Running {
		return nil
	}
	h.step("start", "container %s (%s) answers after %s", c.Name, c.Image, seconds(time.Since(start)))
	return nil
}

// runOriginal starts the container, unless it runs, and waits for its answer.
func (h *Host) runOriginal(ctx context.Context, b back, c docker.Container) error {
	if !c.Running {
		if err := h.Docker.Start(ctx, c.ID); err != nil {
			return err
		}
	}
	if err := h.awaitAnswer(ctx, b, c.ID); err != nil {
		return h.withLastWords(ctx, err, c.ID)
	}
	return nil
}

// original is the container to go back to: the one that was kept, or one made
// from its stored settings when it is gone.
func (h *Host) original(ctx context.Context, b back) (docker.Container, error) {
	if b.live != nil {
		return h.originalWith(ctx, b)
	}
	c, err := h.Docker.Inspect(ctx, b.record.ContainerID)
	if !errors.Is(err, docker.ErrNotFound) {
		return c, err
	}
	raw, err := readInspect(h.Paths, b.app.Name)
	if err != nil {
		return c, err
	}
	if c, err = h.Docker.Inspect(ctx, b.record.Container); err == nil {
		return c, b.isOriginal(c) // made by an earlier run that was interrupted
	}
	id, lost, err := h.Docker.Recreate(ctx, raw)
	if err != nil {
		return c, fmt.Errorf("container %s is gone and could not be made again: %w", b.record.Container, err)
	}
	b.result.Recreated = true
	h.note("container %s was gone; it is made again from its stored settings, without what was in its writable layer", b.record.Container)
	for _, volume := range lost {
		h.note("volume %s is gone too and comes back empty", volume)
	}
	return h.Docker.Inspect(ctx, id)
}

// isOriginal refuses a container that has merely taken the adopted one's name.
func (b back) isOriginal(c docker.Container) error {
	if _, ok := portBehind(c, b.record.Address, 0); ok {
		return nil
	}
	return fmt.Errorf("another container is called %s now, and it does not publish %s\nhint: docker rename %s another-name", c.Name, b.record.Target, c.Name)
}

// awaitAnswer asks the container itself: a published port answers before the
// app behind it does.
func (h *Host) awaitAnswer(ctx context.Context, b back, id string) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	w := h.wait("start")
	defer w.done()
	var last error
	for {
		c, err := h.Docker.Inspect(ctx, id)
		if err != nil {
			return err
		}
		for _, to := range docker.Destinations(c, b.port(c)) {
			if last = answers(ctx, to, b.health()); last == nil {
				return nil
			}
		}
		w.say("container %s does not answer yet: %v", c.Name, last)
		if !sleep(ctx, pollEvery) {
			return fmt.Errorf("container %s did not answer within %s: %w", c.Name, b.timeout, last)
		}
	}
}

// health is the path that the adopted container is known to answer. One that is
// put back after a failed adoption ran before, and is not judged by a path that
// may have been the very mistake.
func (b back) health() string {
	if b.undo {
		return ""
	}
	return b.record.Health
}

// port is where the adopted container itself listens behind its address,
// whatever adopt was told.
func (b back) port(c docker.Container) uint16 {
	if port, ok := portBehind(c, b.record.Address, 0); ok {
		return port
	}
	return b.app.Port
}

// answers connects, and asks for the health path if there is one.
func answers(ctx context.Context, to netip.AddrPort, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if path == "" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
		if err != nil {
			return err
		}
		return conn.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+to.String()+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode >= 400 {
		return fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return nil
}

// restoreFiles puts nginx's files back, tested beforehand, and reloads. It
// reloads also when there is nothing to put back: a run that was interrupted
// here may have got no further than the files.
func (h *Host) restoreFiles(ctx context.Context, b back, files map[string][2][]byte) error {
	for path, f := range files {
		if err := nginx.Replace(ctx, path, sha256.Sum256(f[0]), f[1]); err != nil {
			return err
		}
		b.result.Files = append(b.result.Files, path)
	}
	if b.quiet && len(files) == 0 {
		return nil
	}
	if err := h.reload(ctx); err != nil {
		return err
	}
	h.step("nginx", "configuration as before, reloaded")
	return nil
}

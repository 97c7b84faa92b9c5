package unadopt

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
)

// Result is what was given back.
type Result struct {
	App        string   `json:"app"`
	Site       string   `json:"site"`
	Container  string   `json:"container"` // the first of Containers
	Containers []string `json:"containers"`
	Image      string   `json:"image"`
	Files      []string `json:"files"`
	Cut        int      `json:"cut"`
	Recreated  bool     `json:"recreated"` // the adopted container was gone and was made again
	Diff       string   `json:"diff"`
	Done       bool     `json:"done"`
	hint.Failure
}

// Failed is the result of a run for the app that err has ended; each list is there.
func (r Result) Failed(app string, err error) Result {
	r.App, r.Failure = app, hint.AsFailure(err)
	r.Containers, r.Files = append([]string{}, r.Containers...), append([]string{}, r.Files...)
	return r
}

// Unadopt undoes adopt: the adopted containers serve again at their addresses,
// nginx's files are restored byte for byte, and everything that edgeman made is
// gone. Requests flow throughout.
func (h *Host) Unadopt(ctx context.Context, o Options) (Result, error) {
	b, err := h.planBack(ctx, o)
	if err != nil {
		return *b.result, err
	}
	defer func() { b.lock.Unlock() }()
	h.Notes(b.said)
	if !o.JSON {
		fmt.Fprintf(h.Out, "%s: %s back to %s (%s)\n%s", o.App, b.record.Goes(), b.record.Containers(), b.result.Image, b.result.Diff)
	}
	if o.DryRun {
		return *b.result, nil
	}
	if !o.Yes {
		if b, err = h.askBack(ctx, o, b); err != nil {
			return *b.result, err
		}
	}
	if err := h.SettleStandIn(ctx, b.app); err != nil {
		return *b.result, err
	}
	if err := h.giveBack(ctx, b); err != nil {
		return *b.result, releaseFailed(o.App, err)
	}
	b.result.Done = true
	if !o.JSON {
		fmt.Fprintf(h.Out, "%s given back, %s.\n", o.App, state.Ended{Cut: b.result.Cut}.Text())
	}
	return *b.result, nil
}

// planBack finds out what is to be given back. Without an error the app's lock
// is held.
func (h *Host) planBack(ctx context.Context, o Options) (giving, error) {
	b := giving{result: &Result{}}
	app, err := h.Paths.ReadApp(o.App)
	if err != nil {
		return b, err
	}
	lock, err := h.TakeLock(ctx, o.App, "unadopt")
	if err != nil {
		return b, err
	}
	if b, err = h.lookBack(ctx, o, app, lock); err != nil {
		lock.Unlock()
	}
	return b, err
}

// refuseStopped refuses to begin, or to go on, while nginx is not running: nothing
// would lead to what is given back.
func (h *Host) refuseStopped(ctx context.Context, app string) error {
	facts, err := h.Nginx.Facts(ctx)
	if err == nil && !facts.Running {
		err = hint.With(outcome.Refuse("nginx is not running, so it cannot be led back"), "systemctl start nginx, then edgeman unadopt %s", app)
	}
	return err
}

func (h *Host) lookBack(ctx context.Context, o Options, app state.App, lock *state.Lock) (giving, error) {
	if err := h.refuseStopped(ctx, o.App); err != nil {
		return giving{result: &Result{}}, err
	}
	record, err := adoption.Read(h.Paths, o.App)
	if err != nil {
		return giving{result: &Result{}}, &outcome.RefusedError{Err: err}
	}
	b := newGiving(app, record, lock)
	b.result = &Result{App: o.App, Site: record.Site, Container: record.Container, Containers: record.Names(), Image: record.Image, Files: []string{}}
	if o.Timeout > 0 {
		b.timeout, b.given = o.Timeout, true
	}
	b.unready = slices.Contains(o.Allow, AllowUnready)
	op, again, err := h.Paths.ReadOperation(o.App)
	if err != nil {
		return b, err
	}
	if again && op.Name == "unadopt" {
		b.live, err = h.chosenBefore(o.App, op)
	} else {
		err = h.chooseBack(ctx, &b, o)
	}
	if err != nil {
		return b, err
	}
	if b.live != nil {
		b.result.Image = b.live.Image
	}
	if !again {
		if err := h.refuseTaken(ctx, record); err != nil {
			return b, err
		}
	}
	files, said, err := h.restored(record)
	if err != nil {
		return b, &outcome.RefusedError{Err: err}
	}
	if err := h.judgeBack(ctx, o, files); err != nil {
		return b, err
	}
	b.told, b.said, b.result.Diff = true, append(b.said, said...), backDiff(files)
	if again {
		return b, nil
	}
	said, err = h.judgeLoss(ctx, b, o.Allow)
	b.said = append(b.said, said...)
	return b, err
}

// askBack asks whether to carry out what was shown, without the lock. If something
// has changed by the time of the answer, that is not what was agreed to.
func (h *Host) askBack(ctx context.Context, o Options, shown giving) (giving, error) {
	shown.lock.Unlock()
	if err := h.Confirm(ctx, false, "give back?"); err != nil {
		return shown, err
	}
	b, err := h.planBack(ctx, o)
	if err != nil {
		return shown, err
	}
	if !reflect.DeepEqual(b.result, shown.result) || !reflect.DeepEqual(b.live, shown.live) || !reflect.DeepEqual(b.record, shown.record) {
		b.lock.Unlock()
		return shown, hint.With(outcome.Refuse("%s has changed since the question was asked, so the plan that was shown no longer holds", o.App),
			"edgeman unadopt %s shows the new one", o.App)
	}
	shown.lock = b.lock
	return shown, nil
}

// releaseFailed tells a release that was not carried out from one that was
// left half-way.
func releaseFailed(app string, err error) error {
	var refusedErr *outcome.RefusedError
	if errors.As(err, &refusedErr) { // before anything was changed
		return err
	}
	var stayed *stayedError
	if errors.As(err, &stayed) {
		err = fmt.Errorf("giving %s back: %w\n%s stays adopted and serves as before", app, stayed.error, app)
		if notYet(err) {
			err = hint.With(err, "--timeout gives the container longer; --allow-%s gives the site back to it as it is", AllowUnready)
		}
		return err
	}
	return &outcome.BrokenError{Err: hint.With(fmt.Errorf("giving %s back: %w", app, err), "edgeman unadopt %s continues from here", app)}
}

// chosenBefore is the choice of a release that was interrupted.
func (h *Host) chosenBefore(app string, op state.Operation) (*state.Release, error) {
	if op.Release == 0 {
		return nil, nil
	}
	r, err := h.Paths.ReadRelease(app, op.Release)
	return &r, err
}

// chooseBack decides whose image and settings are given back: those of the live
// release if b.live says so, else the original's. The operator has to say when
// the two differ: a swap has moved on since, or somebody has made the original
// again with another image.
func (h *Host) chooseBack(ctx context.Context, b *giving, o Options) error {
	anew, again, err := h.originalMadeAgain(ctx, b.record)
	if err != nil {
		return err
	}
	image, id := b.record.Image, b.record.ImageID
	if again {
		image, id = anew.Image, anew.ImageID
	}
	_, live, filled, err := slots.Served(h.Paths, o.App)
	if err != nil {
		return err
	}
	recreated := id != b.record.ImageID
	switch moved := filled && live.ImageID != id && (again || live.Number != b.record.Release); {
	case !moved || o.To == "original":
		if o.To == "original" && h.nothingKept(ctx, b.record, live) {
			return hint.With(outcome.Refuse("the container that %s was adopted from is gone, and so is its image %s", o.App, b.record.Image),
				"edgeman unadopt %s --to live gives back the live release (%s); or bring the image back first: docker pull %s", o.App, live.Image, b.record.Image)
		}
		if b.result.Image = image; recreated {
			b.said = append(b.said, fmt.Sprintf("container %s has been recreated since adopt: it runs %s, no longer %s", anew.Name, image, b.record.Image))
		}
		return nil
	case o.To == "live":
		b.live = &live
		return nil
	case o.To == "":
		was := fmt.Sprintf("%s was adopted with %s", o.App, b.record.Image)
		if recreated {
			was += fmt.Sprintf(", its container %s has since been recreated with %s,", anew.Name, image)
		}
		return hint.With(outcome.Refuse("%s and runs %s (release %d) now", was, live.Image, live.Number),
			"say what to give back: --to original (%s) or --to live (%s)", image, live.Image)
	}
	return outcome.Usage("--to %s is neither original nor live", o.To)
}

// nothingKept tells whether an adopted container is gone, nobody has made it
// again, and there is no image to make it from, which is not the live release's.
func (h *Host) nothingKept(ctx context.Context, record adoption.Record, live state.Release) bool {
	gone := func(ref string) bool {
		_, err := h.Docker.Inspect(ctx, ref)
		return errors.Is(err, docker.ErrNotFound)
	}
	return live.ImageID != "" && live.ImageID != record.ImageID && images.Gone(ctx, h.Docker, record.ImageID) && slices.ContainsFunc(record.Originals(), func(o adoption.Original) bool {
		return gone(o.ContainerID) && gone(o.Container)
	})
}

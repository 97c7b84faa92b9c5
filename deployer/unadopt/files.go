package unadopt

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"edgeman/deployer/adoption"
	"edgeman/deployer/console"
	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/deployer/outcome"
	"edgeman/deployer/site"
	"edgeman/nginxconf"
)

// fileBack is a file of nginx's, as it is and as giving back leaves it.
type fileBack struct {
	path      string // no symlinks
	now, then []byte
}

// restored computes what each edited file is to hold again, before anything is
// changed: the original bytes where nobody touched it since, otherwise the file
// as it is now without just our edits. They are in the order in which they are
// to be written, so that nginx can be loaded in between. said is what somebody
// has taken back or changed already.
func (h *Host) restored(a adoption.Record) (files []fileBack, said []string, err error) {
	for _, f := range slices.Backward(a.Plan.Files) {
		path, err := h.Files.EvalSymlinks(f.Path)
		if errors.Is(err, os.ErrNotExist) {
			said = append(said, fmt.Sprintf("%s is gone: there is nothing to restore in it", f.Path))
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		at := slices.IndexFunc(files, func(b fileBack) bool { return b.path == path }) // one was made a link to the other
		if at < 0 {
			now, err := h.Files.ReadFile(path)
			if err != nil {
				return nil, nil, err
			}
			at, files = len(files), append(files, fileBack{path, now, now})
		}
		then, gone, err := f.TakeBack(files[at].then)
		if err != nil {
			return nil, nil, err
		}
		if len(gone) > 0 {
			if err := cmp.Or(h.refuseCovered(a, f, files[at].then, len(gone)), h.ledElsewhere(a, path, then)); err != nil {
				return nil, nil, err
			}
			said = append(said, fmt.Sprintf("%s: what adopt wrote in %s has been removed or changed since, and is left as it is", path, places(gone)))
		}
		files[at].then = then
	}
	return slices.DeleteFunc(files, func(b fileBack) bool { return bytes.Equal(b.now, b.then) }), said, nil
}

// places are the blocks that edits are in, each once.
func places(edits []nginxconf.Edit) string {
	var in []string
	for _, e := range edits {
		in = append(in, e.In)
	}
	return strings.Join(console.Distinct(in), " and ")
}

// ledElsewhere refuses a file in which somebody has changed what adopt wrote, but
// left a way to the app's socket, which nobody can tell the old address for.
func (h *Host) ledElsewhere(a adoption.Record, path string, then []byte) error {
	for i, line := range bytes.Split(then, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if bytes.Contains(line, []byte(h.Paths.Live(a.App))) && !bytes.HasPrefix(line, []byte("#")) {
			return hint.With(outcome.Refuse("%s:%d: what adopt wrote here was changed since, and still leads to the socket of %s", path, i+1, a.App),
				"write %s there, as it was, then edgeman unadopt %s", a.Targets(), a.App)
		}
	}
	return nil
}

// testBack has nginx test the restored files before anything is changed.
func (h *Host) testBack(ctx context.Context, files []fileBack) error {
	if len(files) == 0 {
		return nil
	}
	if _, err := h.Nginx.TestCandidate(ctx, candidates(files)); err != nil {
		return &outcome.RefusedError{Err: fmt.Errorf("nginx refuses the configuration without adopt's edits: %w", err)}
	}
	return nil
}

func candidates(files []fileBack) map[string][]byte {
	out := map[string][]byte{}
	for _, f := range files {
		out[f.path] = f.then
	}
	return out
}

// judgeBack is testBack for a plan that is about to be shown. If somebody else has
// broken the configuration it says so, instead of blaming our edits.
func (h *Host) judgeBack(ctx context.Context, o Options, files []fileBack) error {
	if back := h.testBack(ctx, files); back != nil || len(files) == 0 { // nginx is reloaded all the same
		_, now := h.Nginx.Precheck(ctx)
		if errors.Is(now, nginx.ErrAlreadyBroken) {
			return hint.With(outcome.Refuse("%w\nnothing was changed, %s serves as before", now, o.App),
				"fix it until nginx -t passes, then edgeman unadopt %s", o.App)
		}
		if err := cmp.Or(back, now); err != nil {
			return err
		}
	}
	return h.refuseWayLeft(ctx, o, files)
}

// refuseWayLeft finds what would still lead to the app's socket with the edits
// taken back: a copy of a site that adopt edited, or a file that was moved. A
// configuration that cannot be read is left for nginx to judge.
func (h *Host) refuseWayLeft(ctx context.Context, o Options, files []fileBack) error {
	facts, err := h.Nginx.Facts(ctx)
	if err != nil || slices.Contains(o.Allow, adoption.AllowOtherSites) {
		return err
	}
	conf, err := nginxconf.Load(site.EditedFiles{FS: h.Files, After: candidates(files)}, facts.Main)
	if err != nil {
		return nil
	}
	record, err := adoption.Read(h.Paths, o.App)
	if err != nil {
		return err
	}
	var left []string
	for _, n := range conf.Mentions(h.Paths.Live(o.App)) {
		left = append(left, fmt.Sprintf("%s: %s (%s) still leads to the socket of %s, which adopt did not write there", n.Pos(), n, n.Parent().Path(), o.App))
	}
	if len(left) == 0 {
		return h.refuseOrder(record, facts.Main, conf)
	}
	return hint.With(outcome.Refuse("%s", strings.Join(left, "\n")),
		"point it at %s or elsewhere first; --allow-%s accepts that it fails from then on", record.Targets(), adoption.AllowOtherSites)
}

func backDiff(files []fileBack) string {
	var out strings.Builder
	for _, f := range files {
		_, body, _ := bytes.Cut(diff.Diff(f.path, f.now, f.path, f.then), []byte("\n"))
		out.Write(body) // without the line that says "diff"
	}
	return out.String()
}

// restoreFiles puts nginx's files back, tested beforehand, and reloads. It
// reloads also when there is nothing to put back: a run that was interrupted
// here may have got no further than the files.
func (h *Host) restoreFiles(ctx context.Context, b giving, files []fileBack) error {
	for _, f := range b.record.Plan.Files {
		if err := nginx.Tidy(ctx, f.Path); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := nginx.Replace(ctx, f.path, sha256.Sum256(f.now), f.then); err != nil {
			return err
		}
		b.result.Files = append(b.result.Files, f.path)
	}
	if b.quiet && len(files) == 0 {
		return nil
	}
	if err := h.Reload(ctx); err != nil {
		return err
	}
	h.Step("nginx", "configuration as before, reloaded")
	return nil
}

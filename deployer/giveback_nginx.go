package deployer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"edgeman/deployer/nginx"
	"edgeman/nginxconf"
)

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

// judgeBack is testBack for whoever is about to be shown the plan. A
// configuration that somebody else has broken is called that: our edits are not
// what is wrong with it.
func (h *Host) judgeBack(ctx context.Context, app string, files map[string][2][]byte) error {
	back := h.testBack(ctx, files)
	if back == nil && len(files) > 0 {
		return nil
	}
	_, now := h.Nginx.Precheck(ctx) // also where there is nothing to take back: nginx is reloaded all the same
	if errors.Is(now, nginx.ErrAlreadyBroken) {
		return refuse("%w\nnothing was changed, %s serves as before\nhint: mend it until nginx -t is content, then edgeman unadopt %s", now, app, app)
	}
	if back == nil {
		back = now
	}
	return back
}

func backDiff(files map[string][2][]byte) string {
	var out strings.Builder
	for _, path := range slices.Sorted(maps.Keys(files)) {
		_, body, _ := bytes.Cut(diff.Diff(path, files[path][0], path, files[path][1]), []byte("\n"))
		out.Write(body) // without the line that says "diff"
	}
	return out.String()
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

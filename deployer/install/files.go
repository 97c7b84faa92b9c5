package install

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/program"
	"edgeman/deployer/state"
	"edgeman/templates"
)

// installFile is a file as it has to be.
type installFile struct {
	path string
	mode fs.FileMode
	data []byte
	note string
}

// compare tells whether the file on disk differs from what it has to be. Stricter
// permissions that the operator has set are kept.
func (f installFile) compare() (Change, bool, error) {
	change := Change{Action: "update", Path: f.path, Note: f.note}
	st, err := os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		change.Action = "create"
		return change, true, nil
	}
	if err != nil {
		return change, false, err
	}
	if !st.Mode().IsRegular() {
		return change, false, hint.With(outcome.Refuse("%s exists and is not a regular file", f.path), "move it away")
	}
	have, err := os.ReadFile(f.path)
	if err != nil {
		return change, false, err
	}
	return change, st.Mode().Perm() != f.modeOver(st) || !bytes.Equal(have, f.data), nil
}

// modeOver is the mode of the file when it replaces another: its own bits for the
// owner, and for everybody else no more than the old file had.
func (f installFile) modeOver(st fs.FileInfo) fs.FileMode {
	return f.mode&0o700 | f.mode&st.Mode().Perm()
}

// write replaces the file by one rename. A program that runs keeps its old
// bytes, so an upgrade disturbs no slot.
func (f installFile) write() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return fmt.Errorf("creating %s: %w", filepath.Dir(f.path), err)
	}
	mode, group := f.mode, -1
	if st, err := os.Lstat(f.path); err == nil {
		mode, group = f.modeOver(st), int(st.Sys().(*syscall.Stat_t).Gid)
	}
	return state.WriteFileAs(f.path, f.data, mode, group)
}

// update writes those files that differ, and reports them.
func update(files []installFile, dryRun bool) (changes []Change, err error) {
	for _, f := range files {
		change, differs, err := f.compare()
		if err == nil && differs && !dryRun {
			err = f.write()
		}
		if err != nil {
			return changes, err
		}
		if differs {
			changes = append(changes, change)
		}
	}
	return changes, nil
}

// BashCompletion is what bash sources to complete edgeman's command line. The
// program itself says what is possible, so the script never lags behind it.
const BashCompletion = `# bash completion for edgeman
_edgeman() {
    local cur words
    cur="${COMP_WORDS[COMP_CWORD]}"
    words=$(edgeman --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return 0
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _edgeman edgeman
`

// installFiles lists every file with its bytes, for this program and host.
func (h *Host) installFiles(p program.Program, facts Facts) ([]installFile, error) {
	var files []installFile
	if p.Running != p.Path {
		copies, err := h.copies(p)
		if err != nil {
			return nil, err
		}
		files = append(files, copies...)
	}
	units, err := h.rendered(templates.Render, p.Path, facts.Nginx.Group)
	if err != nil {
		return nil, err
	}
	completion := installFile{path: filepath.Join(h.Program.System.Root, program.CompletionPath), mode: 0o644, data: []byte(BashCompletion)}
	return append(append(files, units...), completion), nil
}

// copies are the running program and, if it is there, edgeman-init beside it.
func (h *Host) copies(p program.Program) ([]installFile, error) {
	data, err := state.ReadTrusted(p.Running, program.Caller()...)
	if err != nil {
		return nil, program.NotTrusted(err)
	}
	files := []installFile{{path: p.Path, mode: 0o755, data: data, note: "a copy of " + p.Running}}
	data, err = state.ReadTrusted(p.Shim(), program.Caller()...)
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	if err != nil {
		return nil, program.NotTrusted(err)
	}
	return append(files, installFile{path: filepath.Join(h.Program.System.Root, program.LibDir, "edgeman-init"), mode: 0o755, data: data}), nil
}

// rendered are the units that render makes of their templates, for the program at
// path.
func (h *Host) rendered(render func(templates.Params) ([]templates.File, error), path, group string) ([]installFile, error) {
	units, err := render(templates.Params{Binary: strings.TrimPrefix(path, h.Program.System.Root), Group: group})
	var files []installFile
	for _, u := range units {
		files = append(files, installFile{path: filepath.Join(h.Program.System.Root, u.Path), mode: u.Mode, data: u.Content})
	}
	return files, err
}

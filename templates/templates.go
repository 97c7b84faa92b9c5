// Package templates holds the files that edgeman installs on a host: the unit
// templates of the slots, and the timer and the cron file of edgeman check. It
// renders them and writes nothing.
package templates

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"text/template"
)

//go:embed files
var files embed.FS

// Directories of a host that rendered files go to.
const (
	UnitDir = "/etc/systemd/system"
	CronDir = "/etc/cron.d"
)

// Params is what differs from host to host.
type Params struct {
	Binary string      // absolute path of the edgeman program
	Group  string      // group of the nginx workers, who connect to the sockets
	Mode   fs.FileMode // of the sockets; zero means 0660
}

// File is a file to be installed.
type File struct {
	Path    string // absolute, or below the directory of units
	Mode    fs.FileMode
	Content []byte
}

// RenderListeners returns the drop-in of a slot's socket unit that says at which
// sockets the slot listens.
func RenderListeners(socketUnit string, names []string) (File, error) {
	content, err := execute("listeners.conf", struct{ Listeners []string }{names})
	return File{Path: filepath.Join(socketUnit+".d", "listeners.conf"), Mode: 0o644, Content: content}, err
}

// Render returns the unit templates of the slots. After installing them,
// systemd has to be reloaded.
func Render(p Params) ([]File, error) {
	return render(p, UnitDir, "edgeman@.socket", "edgeman@.service")
}

// RenderCheck returns the units of the hourly edgeman check, of which the timer
// is to be enabled, and the cron file that takes its place without systemd.
func RenderCheck(p Params) ([]File, error) {
	units, err := render(p, UnitDir, "edgeman-check.service", "edgeman-check.timer", "edgeman-check-mail@.service")
	if err != nil {
		return nil, err
	}
	cron, err := render(p, CronDir, "edgeman.cron")
	if err != nil {
		return nil, err
	}
	// Cron reads no file that has a dot in its name.
	cron[0].Path = filepath.Join(CronDir, "edgeman")
	return append(units, cron...), nil
}

func render(p Params, dir string, names ...string) ([]File, error) {
	p.Mode = cmp.Or(p.Mode, 0o660)
	if err := p.validate(); err != nil {
		return nil, err
	}
	var out []File
	for _, name := range names {
		content, err := execute(name, p)
		if err != nil {
			return nil, err
		}
		out = append(out, File{Path: filepath.Join(dir, name), Mode: 0o644, Content: content})
	}
	return out, nil
}

func execute(name string, data any) ([]byte, error) {
	t, err := template.ParseFS(files, "files/"+name)
	if err != nil {
		return nil, fmt.Errorf("reading template %s: %w", name, err)
	}
	var content bytes.Buffer
	if err := t.Execute(&content, data); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	return content.Bytes(), nil
}

var (
	// Characters that mean nothing to systemd, cron or a shell.
	plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._+-]+)+$`)
	groupRule = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$`)
)

func (p Params) validate() error {
	if !plainPath.MatchString(p.Binary) {
		return fmt.Errorf("rendering units: %q is not an absolute path of letters, digits and . _ + -", p.Binary)
	}
	if !groupRule.MatchString(p.Group) {
		return fmt.Errorf("rendering units: %q is not the name of a group", p.Group)
	}
	if p.Mode&^0o777 != 0 {
		return fmt.Errorf("rendering units: socket mode %o is more than permission bits", p.Mode)
	}
	return nil
}

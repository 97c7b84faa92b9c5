package install

import (
	"path/filepath"
	"strings"

	"edgeman/deployer/program"
	"edgeman/templates"
)

// unitFiles are the slots' unit templates for this program and nginx.
func (h *Host) unitFiles(p program.Program, facts Facts) ([]installFile, error) {
	units, err := templates.Render(templates.Params{
		Binary: strings.TrimPrefix(p.Path, h.Program.System.Root),
		Group:  facts.Nginx.Group,
	})
	if err != nil {
		return nil, err
	}
	var files []installFile
	for _, u := range units {
		files = append(files, installFile{path: filepath.Join(h.Program.System.Root, u.Path), mode: u.Mode, data: u.Content})
	}
	return files, nil
}

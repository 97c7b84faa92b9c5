package site

import (
	"edgeman/nginxconf"
)

// EditedFiles are the files as they will be.
type EditedFiles struct {
	nginxconf.FS
	After map[string][]byte
}

func (e EditedFiles) ReadFile(path string) ([]byte, error) {
	if data, ok := e.After[path]; ok {
		return data, nil
	}
	return e.FS.ReadFile(path)
}

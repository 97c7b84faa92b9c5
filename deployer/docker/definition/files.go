package definition

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/rawjson"
)

// TakeFiles takes over the values that are in the container by now. One that the
// app has deleted after it had read it is put into the next container all the same.
func (s *Settings) TakeFiles(now []layer.File) (changed []string) {
	all := layer.ByPath(s.Files)
	for _, f := range now {
		if was, known := all[f.Path]; !f.Dir && (!known || string(was.Data) != string(f.Data) || was.Link != f.Link) {
			changed = append(changed, "the value of "+f.Path)
		}
		all[f.Path] = f
	}
	s.Files = nil
	for _, path := range slices.Sorted(maps.Keys(all)) {
		s.Files = append(s.Files, all[path])
	}
	return changed
}

// WithFiles adds the files that were put into a container to its inspect answer:
// what is made from it has to get them, too.
func WithFiles(raw json.RawMessage, files []layer.File) (json.RawMessage, error) {
	if len(files) == 0 {
		return raw, nil
	}
	var whole rawjson.Object
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, fmt.Errorf("read the inspect answer: %w", err)
	}
	whole.Set("EdgemanFiles", files)
	return json.Marshal(whole)
}

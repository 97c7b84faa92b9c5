package adoptable

import (
	"fmt"
	"slices"
	"strings"

	"edgeman/deployer/docker/layer"
	"edgeman/deployer/words"
)

func some(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(slices.Clone(list[:most]), ", ") + ", …"
}

// layerRefusal keeps data from being left behind.
func layerRefusal(l layer.Layer, name string) (Note, bool) {
	if len(l.Written) == 0 {
		return Note{}, false
	}
	return acceptable(CodeWritableLayer, "container %s has %s in its own layer that a new container would not have: %s",
		name, words.Plural(len(l.Written), "changed file"), some(l.Written)), true
}

// layerNotes tell what is carried and what stays behind.
func layerNotes(l layer.Layer, name string) []Note {
	var out []Note
	if carried := l.Carried(); len(carried) > 0 {
		out = append(out, Note{Code: codeValues, Text: fmt.Sprintf("put into container %s before it started, and carried along: %s", name, some(carried))})
	}
	if len(l.Scratch) > 0 {
		out = append(out, Note{Code: codeScratch, Text: fmt.Sprintf("container %s has %s below /run, /tmp or a cache or log directory that stays behind: %s",
			name, words.Plural(len(l.Scratch), "file"), some(l.Scratch))})
	}
	return out
}

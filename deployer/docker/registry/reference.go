package registry

import (
	"fmt"
	"regexp"
	"strings"
)

// imageRef is what can name an image: no name, tag or digest begins with a dot or
// a dash. It is checked here because it becomes part of a URL path; what it means
// is for the daemon to say.
var imageRef = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]|[/:@][a-zA-Z0-9_])*$`)

// ValidRef refuses what cannot be an image reference.
func ValidRef(ref string) error {
	if !imageRef.MatchString(ref) || strings.Contains(ref, "..") {
		return fmt.Errorf("%q is not an image reference", ref)
	}
	return nil
}

// Repository is a reference without its tag and digest. A colon is a tag's only
// behind the last slash: before it, it belongs to a registry's port.
func Repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}

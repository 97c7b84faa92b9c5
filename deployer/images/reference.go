package images

import (
	"regexp"
	"strings"

	"edgeman/deployer/docker/registry"
)

// Reference reads a bare word as a tag of the app's repository and everything
// else as a whole image reference.
func Reference(repository, given string) string {
	if strings.ContainsAny(given, "/:@") {
		return given
	}
	return repository + ":" + given
}

// ShortImages shortens two references that are shown side by side to their tags
// when the repository is the same.
func ShortImages(before, after string) (string, string) {
	repository := registry.Repository(after)
	if registry.Repository(before) != repository {
		return before, after
	}
	short := func(ref string) string {
		if tag, ok := strings.CutPrefix(ref, repository+":"); ok {
			return tag
		}
		return ref
	}
	return short(before), short(after)
}

// imageID is how Docker's own names for an image begin, whole or cut short.
var imageID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`)

// RepositoryFor is the repository that a bare tag belongs to from now on. An
// image that was run by its id alone has none.
func RepositoryFor(ref, id string) string {
	if short := strings.TrimPrefix(ref, "sha256:"); imageID.MatchString(ref) || short != "" && strings.HasPrefix(strings.TrimPrefix(id, "sha256:"), short) {
		return ""
	}
	return registry.Repository(ref)
}

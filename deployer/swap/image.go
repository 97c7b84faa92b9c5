package swap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/words"
)

// image finds what the operator asked for; where it is not there, or the policy
// is to ask anyway, it has to be pulled.
func (s *swap) image(ctx context.Context) (image images.Local, there bool, err error) {
	ref := s.next.Image
	if err := registry.ValidRef(ref); err != nil {
		return images.Local{}, false, &outcome.UsageError{Err: err}
	}
	local, err := s.Docker.Image(ctx, ref)
	absent := errors.Is(err, docker.ErrNotFound)
	switch {
	case err != nil && !absent:
		return images.Local{}, false, err
	case absent && s.Pull == "never":
		return images.Local{}, false, hint.With(outcome.Refuse("image %s is not on this host", ref), "leave out --pull never")
	case absent || s.Pull == "always":
		return images.Local{}, false, nil
	}
	s.Step("pull", "%s present", ref)
	return images.Local{Image: local, Ref: ref}, true, nil
}

func (s *swap) pull(ctx context.Context) (images.Local, error) {
	ref := s.next.Image
	start := time.Now()
	err := images.Pull(ctx, s.Console, s.Docker, ref)
	if err != nil {
		return images.Local{}, hint.With(err, "%s", s.pullHint(ctx, ref, err))
	}
	image, err := s.Docker.Image(ctx, ref)
	if err != nil {
		return images.Local{}, err
	}
	s.Step("pull", "%s in %s", ref, words.Took(time.Since(start)))
	return images.Local{Image: image, Ref: ref}, nil
}

// refuseNameless refuses a bare tag for an app whose image has no name: there is
// no repository that the tag could belong to.
func (s *swap) refuseNameless() error {
	named := s.app.Image != "" && s.app.Image != "sha256" && images.RepositoryFor(s.app.Image, s.current.ImageID) != ""
	if named || strings.ContainsAny(s.Image, "/:@") {
		return nil
	}
	return hint.With(outcome.Refuse("%s runs an image without a name (%.12s), so what %s is a tag of is not known", s.app.Name, strings.TrimPrefix(s.current.ImageID, "sha256:"), s.Image),
		"say all of it: edgeman swap %s REPOSITORY:%s; or once and for all: image = \"REPOSITORY\" in %s", s.app.Name, s.Image, s.Paths.AppConfig(s.app.Name))
}

// sayImage says why the image may not be the one that was meant.
func (s *swap) sayImage(image images.Local, asked bool) {
	if image.ID == s.current.ImageID {
		text := fmt.Sprintf("%s is the image that release %d serves already", image.Ref, s.current.Number)
		if !asked && !strings.Contains(image.Ref, "@") {
			text += ", as it is on this host; --pull always asks the registry for a newer one"
		}
		s.Note("%s", text)
	}
	if image.Arch != "" && !runsHere(image.Arch) {
		s.Warn("%s is built for %s/%s, and this host is %s/%s", image.Ref, image.Os, image.Arch, runtime.GOOS, runtime.GOARCH)
		s.Hint("build it with docker build --platform %s/%s, or pull that variant", runtime.GOOS, runtime.GOARCH)
	}
}

// runsHere tells whether this host's kernel runs programs of the architecture.
func runsHere(arch string) bool {
	return arch == runtime.GOARCH || arch == "386" && runtime.GOARCH == "amd64" || arch == "arm" && runtime.GOARCH == "arm64"
}

// pullHint is what to do about a pull that failed.
func (s *swap) pullHint(ctx context.Context, ref string, err error) string {
	var failed *registry.Error
	if !errors.As(err, &failed) {
		return "edgeman pulls as root does; see whether this works: docker pull " + ref
	}
	if meant := s.meantHint(ref); meant != "" && (failed.Kind == registry.NoTag || failed.Kind == registry.Denied) {
		return meant
	}
	switch failed.Kind {
	case registry.Denied:
		if image, err := s.Docker.Image(ctx, s.current.ImageID); err == nil && !image.Pullable() && registry.Repository(ref) == registry.Repository(s.current.Image) {
			return fmt.Sprintf("release %d was built or loaded on this host, so %s has to be as well: docker build -t %[2]s, or docker load", s.current.Number, ref)
		}
		return loginHint(failed.Registry, os.Getenv("SUDO_USER"))
	case registry.Unreachable:
		return fmt.Sprintf("is %s spelled correctly, and up? an image that is already on this host needs no registry: docker images %s", failed.Registry, registry.Repository(ref))
	case registry.Insecure:
		return fmt.Sprintf("Docker does not trust %s: put its authority's certificate into /etc/docker/certs.d/%[1]s/ca.crt, or name it under insecure-registries in /etc/docker/daemon.json", failed.Registry)
	case registry.NoTag:
		return fmt.Sprintf("is the tag correct, and pushed? edgeman history %s lists what was deployed", s.app.Name)
	case registry.Platform:
		return fmt.Sprintf("build it for this host, too: docker buildx build --platform %s/%s -t %s --push", runtime.GOOS, runtime.GOARCH, ref)
	}
	return "edgeman pulls as root does; see whether this works: docker pull " + ref
}

// meantHint finds out whether the word names something else, or is nearly a tag
// that is known.
func (s *swap) meantHint(ref string) string {
	given := s.Image
	if given == s.app.Image || given == registry.Repository(s.current.Image) {
		return fmt.Sprintf("a bare word is a tag: edgeman swap %s %s:TAG", s.app.Name, given)
	}
	if apps, err := s.Paths.AppNames(); err == nil && slices.Contains(apps, given) {
		return fmt.Sprintf("%s is an app, not an image; swap takes APP IMAGE, and a bare word is a tag: edgeman status lists the apps", given)
	}
	if near := words.Nearest(ref, s.deployed()); near != "" && near != ref {
		before, _ := images.ShortImages(near, ref)
		return fmt.Sprintf("did you mean %s? edgeman history %s lists what was deployed", before, s.app.Name)
	}
	return ""
}

// deployed are the references of the releases on record.
func (s *swap) deployed() (refs []string) {
	releases, _ := s.Paths.ReadReleases(s.app.Name) // a hint is made of what can be read
	for _, r := range releases {
		refs = append(refs, r.Image)
	}
	return refs
}

// loginHint says who has to log in; name is the user behind sudo, who may be the
// one that did.
func loginHint(at, name string) string {
	login := "edgeman pulls with root's login: sudo docker login " + at
	if name == "" || name == "root" {
		return login
	}
	u, err := user.Lookup(name)
	if err != nil || !registry.LoggedIn(u.HomeDir, at) {
		return login
	}
	return fmt.Sprintf("%s is logged in at %s, and root is not; %s", name, at, login)
}

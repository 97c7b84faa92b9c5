package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker/go-connections/nat"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"edgeman/deployer/docker/rawjson"
)

// Image is what edgeman needs to know of a local image.
type Image struct {
	ID          string   // "sha256:…", the digest of its configuration
	RepoDigests []string // "myapp@sha256:…", the registry's digests
	Ports       []uint16 // exposed TCP ports, ascending
	Volumes     []string // where it declares a VOLUME
	Os, Arch    string
}

// Digest is the registry's digest of the image, if it came from one under that
// repository's name.
func (i Image) Digest(repository string) string {
	for _, d := range i.RepoDigests {
		if name, digest, ok := strings.Cut(d, "@"); ok && name == repository {
			return digest
		}
	}
	return ""
}

// Pullable tells whether a registry is known to have the image. One that was
// built or loaded here has no registry's digest; in Docker's containerd store it
// has one all the same, but then that is its own id, and it counts as made here.
func (i Image) Pullable() bool {
	for _, d := range i.RepoDigests {
		if _, digest, ok := strings.Cut(d, "@"); ok && digest != i.ID {
			return true
		}
	}
	return false
}

// ImageConfig is an image's configuration, decoded and as sent.
type ImageConfig struct {
	ID               string // Id is how the Engine spells it; encoding/json does not mind the case
	RepoDigests      []string
	Os, Architecture string
	Config           dockerspec.DockerOCIImageConfig
	Raw              struct{ Config rawjson.Object } `json:"-"`
}

// Image is what edgeman needs to know of it.
func (img ImageConfig) Image() Image {
	out := Image{ID: img.ID, RepoDigests: img.RepoDigests, Os: img.Os, Arch: img.Architecture}
	for p := range img.Config.ExposedPorts {
		if port := nat.Port(p); port.Proto() == "tcp" && port.Int() > 0 {
			out.Ports = append(out.Ports, uint16(port.Int()))
		}
	}
	slices.Sort(out.Ports)
	for target := range img.Config.Volumes {
		out.Volumes = append(out.Volumes, path.Clean(target))
	}
	slices.Sort(out.Volumes)
	out.Volumes = slices.Compact(out.Volumes)
	return out
}

// ReadImageConfig reads the daemon's description of an image.
func ReadImageConfig(raw json.RawMessage) (img ImageConfig, err error) {
	if err := errors.Join(json.Unmarshal(raw, &img), json.Unmarshal(raw, &img.Raw)); err != nil {
		return img, fmt.Errorf("read the image's description: %w", err)
	}
	return img, nil
}

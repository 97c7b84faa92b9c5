package inspect

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"edgeman/deployer/docker/rawjson"
)

// Image is what edgeman needs to know of a local image.
type Image struct {
	ID          string   // "sha256:…", the digest of its configuration
	RepoTags    []string // "myapp:v2"
	RepoDigests []string // "myapp@sha256:…", the registry's digests
	Ports       []uint16 // exposed TCP ports, ascending
	Volumes     []string // where it declares a VOLUME
	// Healthcheck is the HEALTHCHECK ready for Exec; nil when there is none.
	Healthcheck   []string
	HealthTimeout time.Duration
	Os, Arch      string
	Labels        map[string]string
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

func ReadImage(raw json.RawMessage) (Image, error) {
	img, err := ReadImageConfig(raw)
	if err != nil {
		return Image{}, err
	}
	out := Image{ID: img.ID, Labels: img.Config.Labels}
	more := struct {
		RepoTags, RepoDigests *[]string
		Os, Architecture      *string
	}{&out.RepoTags, &out.RepoDigests, &out.Os, &out.Arch}
	if err := json.Unmarshal(raw, &more); err != nil {
		return Image{}, fmt.Errorf("read the image's description: %w", err)
	}
	for p := range img.Config.ExposedPorts {
		number, proto, _ := strings.Cut(p, "/")
		if n, err := strconv.ParseUint(number, 10, 16); err == nil && (proto == "tcp" || proto == "") {
			out.Ports = append(out.Ports, uint16(n))
		}
	}
	sort.Slice(out.Ports, func(i, j int) bool { return out.Ports[i] < out.Ports[j] })
	for target := range img.Config.Volumes {
		if target = path.Clean(target); !slices.Contains(out.Volumes, target) {
			out.Volumes = append(out.Volumes, target)
		}
	}
	slices.Sort(out.Volumes)
	if h := healthcheck(img.Config.Healthcheck, img.Config.Shell); h != nil {
		out.Healthcheck, out.HealthTimeout = h.Command, h.Timeout
	}
	return out, nil
}

// ImageConfig is an image's configuration, decoded and as sent.
type ImageConfig struct {
	ID     string
	Config dockerspec.DockerOCIImageConfig
	Raw    struct{ Config rawjson.Object }
}

func ReadImageConfig(raw json.RawMessage) (ImageConfig, error) {
	var img ImageConfig
	// Id is how the Engine spells it; encoding/json does not mind the case.
	if err := json.Unmarshal(raw, &img); err != nil {
		return img, fmt.Errorf("read the image's description: %w", err)
	}
	if err := json.Unmarshal(raw, &img.Raw); err != nil {
		return img, fmt.Errorf("read the image's description: %w", err)
	}
	return img, nil
}

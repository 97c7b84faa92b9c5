package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/client"
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

// Image describes a local image by reference, digest or id; ErrNotFound when it
// has to be pulled first.
func (c *Client) Image(ctx context.Context, ref string) (Image, error) {
	raw, err := c.imageRaw(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	img, err := parseImage(raw)
	return img, callErr("inspect image", ref, err)
}

func (c *Client) imageRaw(ctx context.Context, ref string) (json.RawMessage, error) {
	var raw bytes.Buffer
	err := c.do(ctx, "inspect image", ref, func(ctx context.Context, api *client.Client) error {
		if err := ValidRef(ref); err != nil {
			return err
		}
		_, err := api.ImageInspect(ctx, ref, client.ImageInspectWithRawResponse(&raw))
		return err
	})
	return raw.Bytes(), err
}

func parseImage(raw json.RawMessage) (Image, error) {
	img, err := readImage(raw)
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

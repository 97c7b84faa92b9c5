// Package registry is about registries: references of images, root's login, the
// daemon's report of a pull, and what a pull failed for. The pull itself is the
// daemon's.
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Error is a pull that the registry, or the way to it, did not allow.
type Error struct {
	Registry string // its host
	Kind     Kind
	Err      error // the daemon's
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Kind is what a pull failed for, as far as the daemon's words tell.
type Kind string

// The kinds that something can be done about.
const (
	Other       Kind = ""
	Denied      Kind = "denied"      // no login, or one that does not suffice; or no such repository
	Unreachable Kind = "unreachable" // nobody answers at the registry's address
	Insecure    Kind = "insecure"    // the registry's certificate is not trusted, or it speaks plain HTTP
	NoTag       Kind = "no-tag"      // the repository has no such tag
	Platform    Kind = "platform"    // the image is not there for this host's platform
)

// pullSigns are words of the daemon and of registries; the first that fits
// decides.
var pullSigns = []struct {
	kind  Kind
	words []string
}{
	{Platform, []string{"no matching manifest", "does not match the specified platform", "does not provide the specified platform"}},
	{Insecure, []string{"server gave http response to https client", "x509:", "certificate", "tls: "}},
	{Unreachable, []string{
		"no such host", "connection refused", "i/o timeout", "no route to host", "network is unreachable", "server misbehaving",
		"temporary failure in name resolution", "client.timeout exceeded", "context deadline exceeded", "connection reset",
	}},
	{NoTag, []string{"manifest unknown", "manifest for ", "not found: manifest", ": not found", "name unknown"}},
	{Denied, []string{"access denied", "unauthorized", "authentication required", "no basic auth credentials", "denied: ", "forbidden", "toomanyrequests"}},
}

// Explain says what kind of failure err is.
func Explain(err error, registry string) error {
	if err == nil {
		return nil
	}
	text := strings.ToLower(err.Error())
	for _, sign := range pullSigns {
		for _, word := range sign.words {
			if strings.Contains(text, word) {
				return &Error{registry, sign.kind, err}
			}
		}
	}
	return &Error{registry, Other, err}
}

// Progress is how far a pull has come, over all layers that are known so far.
type Progress struct {
	Current, Total int64 // bytes downloaded and to download; Total grows while layers appear
}

// pullMessage is one line of the daemon's report.
type pullMessage struct {
	ID, Status     string
	ProgressDetail struct{ Current, Total int64 }
	Error          string
	ErrorDetail    struct{ Message string }
}

// Follow follows the report to its end. A pull that broke off says so in the
// stream; its HTTP status was sent long before.
func Follow(r io.Reader, progress func(Progress)) error {
	layers := map[string]layer{}
	for d := json.NewDecoder(r); ; {
		var m pullMessage
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the daemon's report: %w", err)
		}
		switch {
		case m.ErrorDetail.Message != "":
			return errors.New(m.ErrorDetail.Message)
		case m.Error != "":
			return errors.New(m.Error)
		}
		if count(layers, m) && progress != nil {
			var p Progress
			for _, l := range layers {
				p.Current, p.Total = p.Current+l.current, p.Total+l.total
			}
			progress(p)
		}
	}
}

// layer is how far one of the image's layers has come.
type layer struct{ current, total int64 }

// count takes one line of the report into layers, and tells whether it is about one.
func count(layers map[string]layer, m pullMessage) bool {
	l := layers[m.ID]
	switch m.Status {
	case "Pulling fs layer", "Waiting", "Verifying Checksum", "Retrying":
	case "Downloading":
		l = layer{m.ProgressDetail.Current, max(l.total, m.ProgressDetail.Total)}
	case "Download complete", "Extracting", "Pull complete", "Already exists":
		l.current = l.total
	default:
		return false // about the image
	}
	if m.ID != "" {
		layers[m.ID] = l
	}
	return m.ID != ""
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

// Repository is a reference without its tag and digest. A colon is a tag's only
// behind the last slash: before it, it belongs to a registry's port.
func Repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}

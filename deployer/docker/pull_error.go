package docker

import "strings"

// PullError is a pull that the registry, or the way to it, did not allow.
type PullError struct {
	Registry string // its host
	Kind     PullKind
	Err      error // the daemon's
}

func (e *PullError) Error() string { return e.Err.Error() }
func (e *PullError) Unwrap() error { return e.Err }

// PullKind is what a pull failed for, as far as the daemon's words tell.
type PullKind string

// The kinds that something can be done about.
const (
	PullOther       PullKind = ""
	PullDenied      PullKind = "denied"      // no login, or one that does not suffice; or no such repository
	PullUnreachable PullKind = "unreachable" // nobody answers at the registry's address
	PullInsecure    PullKind = "insecure"    // the registry's certificate is not trusted, or it speaks plain HTTP
	PullNoTag       PullKind = "no-tag"      // the repository has no such tag
	PullPlatform    PullKind = "platform"    // the image is not there for this host's platform
)

// pullSigns are words of the daemon and of registries; the first that fits
// decides.
var pullSigns = []struct {
	kind  PullKind
	words []string
}{
	{PullPlatform, []string{"no matching manifest", "does not match the specified platform", "does not provide the specified platform"}},
	{PullInsecure, []string{"server gave http response to https client", "x509:", "certificate", "tls: "}},
	{PullUnreachable, []string{
		"no such host", "connection refused", "i/o timeout", "no route to host", "network is unreachable", "server misbehaving",
		"temporary failure in name resolution", "client.timeout exceeded", "context deadline exceeded", "connection reset",
	}},
	{PullNoTag, []string{"manifest unknown", "manifest for ", "not found: manifest", ": not found", "name unknown"}},
	{PullDenied, []string{"access denied", "unauthorized", "authentication required", "no basic auth credentials", "denied: ", "forbidden", "toomanyrequests"}},
}

// explainPull says what kind of failure err is.
func explainPull(err error, registry string) error {
	if err == nil {
		return nil
	}
	text := strings.ToLower(err.Error())
	for _, sign := range pullSigns {
		for _, word := range sign.words {
			if strings.Contains(text, word) {
				return &PullError{registry, sign.kind, err}
			}
		}
	}
	return &PullError{registry, PullOther, err}
}

package registry

import "strings"

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

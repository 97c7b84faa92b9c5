package registry

import (
	"errors"
	"fmt"
	"testing"
)

// What daemons and registries of several years say.
func TestPullFailuresAreToldApart(t *testing.T) {
	for text, want := range map[string]Kind{
		"Head \"https://r.example/v2/x/manifests/v1\": no basic auth credentials":                                                                 Denied,
		"pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied":   Denied,
		"Head \"https://r.example/v2/x/manifests/v1\": unauthorized: access to the requested resource is not authorized":                          Denied,
		"toomanyrequests: You have reached your unauthenticated pull rate limit":                                                                  Denied,
		"Get \"https://r.example/v2/\": dial tcp: lookup r.example: no such host":                                                                 Unreachable,
		"Get \"https://127.0.0.1:5001/v2/\": dial tcp 127.0.0.1:5001: connect: connection refused":                                                Unreachable,
		"Get \"https://r.example/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)": Unreachable,
		"Get \"https://r.example:5000/v2/\": http: server gave HTTP response to HTTPS client":                                                     Insecure,
		"Get \"https://r.example/v2/\": x509: certificate signed by unknown authority":                                                            Insecure,
		"manifest for r.example/x:v9 not found: manifest unknown: manifest unknown":                                                               NoTag,
		"failed to resolve reference \"docker.io/library/x:v9\": docker.io/library/x:v9: not found":                                               NoTag,
		"no matching manifest for linux/amd64 in the manifest list entries":                                                                       Platform,
		"write /var/lib/docker/tmp/x: no space left on device":                                                                                    Other,
	} {
		var failed *Error
		if err := fmt.Errorf("pull x: %w", Explain(errors.New(text), "r.example")); !errors.As(err, &failed) || failed.Kind != want || failed.Registry != "r.example" || err.Error() != "pull x: "+text {
			t.Errorf("%s: %+v, want %q", text, failed, want)
		}
	}
}

// Package patience weighs how long a command makes requests wait in a slot's
// socket against how long nginx lets them: its workers' connections and the
// timeouts of the very locations that lead to the app.
package patience

import (
	"context"

	"edgeman/deployer/nginx"
	"edgeman/deployer/slots"
	"edgeman/nginxconf"
)

// Host is what patience asks.
type Host struct {
	*slots.Host
	Nginx Nginx // nil: nothing is weighed
	Files nginxconf.FS
}

// Nginx tells what runs, and with which limits.
type Nginx interface {
	Facts(ctx context.Context) (nginx.Facts, error)
}

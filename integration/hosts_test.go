//go:build integration

package integration

import (
	"sync"
	"testing"

	"edgeman/integration/host"
)

// hosts are the machines up right now.
var hosts registry

type registry struct {
	mu sync.Mutex
	up map[*host.Host]bool
}

func (r *registry) add(h *host.Host) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up == nil {
		r.up = map[*host.Host]bool{}
	}
	r.up[h] = true
}

func (r *registry) down(t *testing.T, h *host.Host) {
	r.mu.Lock()
	known := r.up[h]
	delete(r.up, h)
	r.mu.Unlock()
	if !known {
		return
	}
	if err := h.Down(); err != nil {
		t.Errorf("take host %s down: %v", h.Name, err)
	}
}

func (r *registry) downAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for h := range r.up {
		h.Down()
		delete(r.up, h)
	}
}

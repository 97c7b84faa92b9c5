package unadopt

import (
	"time"
)

// Options are the choices of `edgeman unadopt`, which gives a site back.
type Options struct {
	App     string
	To      string // original or live, when they differ
	Timeout time.Duration
	Yes     bool
	DryRun  bool
	JSON    bool
	Allow   []string // codes of refusals that the operator accepts
}

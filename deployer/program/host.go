// Package program finds the running edgeman, the one that the units start, and
// edgeman-init, and judges whether root may run them.
package program

import "edgeman/deployer/console"

// Host is what program asks.
type Host struct {
	*console.Console
	System System
}

// Package program is where the edgeman that runs, the one that the units start
// and edgeman-init are, and whether root may run them.
package program

import "edgeman/deployer/console"

// Host is what is asked for the programs.
type Host struct {
	*console.Console
	System System
}

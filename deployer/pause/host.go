// Package pause holds an app's requests back and lets them through again.
package pause

import (
	"edgeman/deployer/patience"
	"edgeman/deployer/slots"
)

// Host is what pause and resume touch.
type Host struct {
	*slots.Host
	Patience *patience.Host
}

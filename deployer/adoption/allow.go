package adoption

import (
	"edgeman/nginxconf"
)

// Codes of refusals that the operator can accept: other sites' upstreams that
// fail, what several servers of an upstream give and replicas do not, and what
// depends on the address of the upstream.
const (
	AllowOtherSites     = "other-sites"
	AllowLostStickiness = nginxconf.LostStickiness
	AllowLostWeights    = nginxconf.LostWeights
	AllowUpstreamAddr   = nginxconf.UpstreamAddr
)

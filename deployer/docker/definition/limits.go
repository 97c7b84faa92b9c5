package definition

import (
	"encoding/json"
	"fmt"

	"edgeman/deployer/docker/rawjson"
)

// limits are the members of a HostConfig that `docker update` changes.
var limits = []string{
	"BlkioWeight", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod", "CpuRealtimeRuntime", "CpuShares", "CpusetCpus", "CpusetMems",
	"KernelMemory", "Memory", "MemoryReservation", "MemorySwap", "NanoCpus", "PidsLimit",
}

func (s Settings) TakeLimits(now rawjson.Object) (changed []string) {
	for _, k := range limits {
		was, is := s.HostConfig[k], now[k]
		if was == nil && is == nil || was != nil && is != nil && rawjson.Same(was, is) {
			continue
		}
		s.HostConfig.Drop(k)
		if is != nil {
			s.HostConfig[k] = is
		}
		changed = append(changed, fmt.Sprintf("%s %s → %s", k, orNone(was), orNone(is)))
	}
	return changed
}

func orNone(v json.RawMessage) string {
	if v == nil {
		return "-"
	}
	return string(v)
}

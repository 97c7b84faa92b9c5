package inspect

import (
	"strings"

	"github.com/docker/docker/api/types/container"
)

func NameOf(s container.Summary) string {
	for _, n := range s.Names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n // one with a slash is a legacy link
		}
	}
	return Short(s.ID)
}

func Short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

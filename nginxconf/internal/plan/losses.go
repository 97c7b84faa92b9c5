package plan

import (
	"slices"

	"edgeman/nginxconf/internal/config"
)

// Codes of Plan.Losses.
const (
	LostStickiness = "lost-stickiness" // clients are no longer tied to one copy
	LostWeights    = "lost-weights"    // copies no longer get unequal shares
)

func (p *planner) lose(code string, pos config.Pos, format string, args ...any) {
	n := Note{Pos: pos, Code: code, Text: config.Refuse(pos, "", format, args...).Reason}
	if !slices.Contains(p.losses, n) {
		p.losses = append(p.losses, n)
	}
}

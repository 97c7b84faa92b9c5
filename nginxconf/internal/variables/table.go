package variables

import (
	"slices"

	"edgeman/nginxconf/internal/config"
)

// rows returns the rows of a map, geo or split_clients.
func rows(table *config.Node) []*config.Node {
	var out []*config.Node
	for _, row := range table.Children() {
		if len(row.Args()) == 1 && !(table.Name() == "geo" && slices.Contains(notRows, row.Name())) {
			out = append(out, row)
		}
	}
	return out
}

// notRows names the parameters of geo that look like rows.
var notRows = []string{"proxy", "delete"}

// hasDefault reports whether a table has a value for everything.
func hasDefault(table *config.Node) bool {
	for _, row := range table.Children() {
		if row.Name() == "default" || row.Name() == "*" {
			return true
		}
	}
	return false
}

// isTable reports whether a directive defines a variable by rows.
func isTable(n *config.Node) bool {
	return n.Name() == "map" || n.Name() == "geo" || n.Name() == "split_clients"
}

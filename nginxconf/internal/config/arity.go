package config

import (
	"slices"
	"strings"
)

// arity says how many arguments nginx wants, and whether a block.
type arity struct {
	min, max int
	block    bool
}

const many = 1 << 10

// arities covers the directives that this package draws conclusions from.
var arities = map[string]arity{
	"server": {0, 0, true}, "upstream": {1, 1, true},
	"set": {2, 2, false}, "map": {2, 2, true}, "split_clients": {2, 2, true}, "geo": {1, 2, true},
	"location": {1, 2, true}, "limit_except": {1, many, true}, "if": {1, many, true},
	"listen": {1, many, false}, "keepalive": {1, 2, false}, "hash": {1, 2, false},
	"proxy_redirect": {1, 2, false}, "proxy_cache": {1, 1, false}, "proxy_cache_key": {1, 1, false},
	// of every module in modules:
	"_pass": {1, 1, false}, "_bind": {1, 2, false}, "_set_header": {2, 2, false}, "_ssl_name": {1, 1, false},
}

// tables are the blocks that hold rows, not directives.
var tables = []string{"map", "geo", "split_clients", "types", "charset_map"}

// checkArity refuses what nginx would refuse for the number of arguments, so
// that nothing later has to count them.
func checkArity(n *Node) error {
	if Side(n) == "" || slices.Contains(tables, n.parent.Name()) {
		return nil
	}
	want, known := arityOf(n)
	args := len(n.Args())
	switch {
	case !known:
	case args < want.min || args > want.max:
		return Refuse(n.Pos(), "", "invalid number of arguments in %q directive", n.Name())
	case want.block && !n.IsBlock():
		return Refuse(n.Pos(), "", "directive %q has no opening \"{\"", n.Name())
	case !want.block && n.IsBlock():
		return Refuse(n.Pos(), "", "directive %q is not terminated by \";\"", n.Name())
	}
	return nil
}

func arityOf(n *Node) (want arity, known bool) {
	if n.Name() == "server" && n.parent.Name() == "upstream" {
		return arity{1, many, false}, true
	}
	if want, known = arities[n.Name()]; known {
		return want, true
	}
	module, rest, _ := strings.Cut(n.Name(), "_")
	if !slices.Contains(modules, module) {
		return arity{}, false
	}
	want, known = arities["_"+rest]
	return want, known
}

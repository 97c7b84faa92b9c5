package variables

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
)

// maxValues bounds the values that the variables of one pass may take together.
const maxValues = 64

// Value is one value that the argument of a pass can have, and the piece of
// text that its host and port stand in.
type Value struct {
	Text   string
	Pieces []piece
}

// piece is a part of a value and where it is written: an argument of a
// directive, without quotes, from offset from; at is nil where it is put
// together. The pass spells it in the bytes [passFrom, passTo) of its own
// argument, as text or as a variable.
type piece struct {
	Text     string
	At       *config.Node
	Arg      int
	From     int
	PassFrom int
	PassTo   int
}

func Opaque(pass *config.Node, variable string) *config.Refusal {
	return config.Refuse(pass.Pos(), "write the address or an upstream's name into "+pass.Name(),
		"%q takes its address from %s, and the configuration does not say all that it can be", pass, variable)
}

// Values returns every value that the argument of a pass can have up to its
// URI part, which is kept as written. Those that end before a host is named are
// among them.
func (c *Variables) Values(pass *config.Node) ([]Value, *config.Refusal) {
	start, end := pass.Directive().Arg(0).Inner()
	arg := string(pass.Directive().File.Src[start:end])
	if strings.Contains(arg, `\`) {
		return nil, Opaque(pass, "a variable")
	}
	out := []Value{{}}
	for i := 0; i < len(arg); {
		if c.atURI(pass, out, arg, i) {
			return extend(out, []piece{literalPiece(pass, arg, i, len(arg))}), nil
		}
		n, name := Reference(arg[i:])
		next := []piece{literalPiece(pass, arg, i, i+n)}
		if name != "" {
			var ok bool
			if next, ok = c.constants(pass, name, 0); !ok {
				return nil, Opaque(pass, arg[i:i+n])
			}
			for k := range next {
				next[k].PassFrom, next[k].PassTo = i, i+n
			}
		}
		if out = extend(out, next); len(out) > maxValues {
			return nil, Opaque(pass, "variables with too many values")
		}
		i += n
	}
	return out, nil
}

// atURI reports whether the URI part begins at offset i of a pass's argument,
// or began before, in all values that name a host up to there.
func (c *Variables) atURI(pass *config.Node, values []Value, arg string, i int) bool {
	named := slices.ContainsFunc(values, HasAuthority)
	begun := !slices.ContainsFunc(values, func(v Value) bool { return HasAuthority(v) && !inURI(v) })
	return named && (begun || c.startsURI(pass, arg[i:]))
}

func literalPiece(pass *config.Node, arg string, from, to int) piece {
	return piece{Text: arg[from:to], At: pass, From: from, PassFrom: from, PassTo: to}
}

// inURI reports whether a value has got to its URI part.
func inURI(v Value) bool {
	_, rest, found := strings.Cut(v.Text, "://")
	if !found {
		rest = v.Text
	}
	return strings.ContainsAny(rest, "/?")
}

// HasAuthority reports whether a value has got to a host or a port.
func HasAuthority(v Value) bool {
	_, rest, found := strings.Cut(v.Text, "://")
	if !found {
		rest = v.Text
	}
	return rest != "" && rest[0] != '/' && rest[0] != '?' && rest[0] != '$' && rest[0] != ':'
}

func extend(values []Value, next []piece) []Value {
	var out []Value
	for _, v := range values {
		for _, p := range next {
			out = append(out, Value{v.Text + p.Text, append(slices.Clone(v.Pieces), p)})
		}
	}
	return out
}

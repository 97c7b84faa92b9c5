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

// Opaque says that the address of a pass comes from something that is not known.
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
	out, unknown := c.compose(pass, arg, 0, c.atURI)
	if unknown != "" {
		return nil, Opaque(pass, unknown)
	}
	return out, nil
}

// compose puts together what a text can be up to its URI part, which is kept as
// written; ends tells where that begins. Where not all is known it says of what.
func (c *Variables) compose(at *config.Node, text string, depth int, ends func(at *config.Node, values []Value, rest string) bool) (out []Value, unknown string) {
	out = []Value{{}}
	for i := 0; i < len(text); {
		n, name := reference(text[i:])
		if ends(at, out, text[i:]) {
			n, name = len(text)-i, ""
		}
		next := []piece{{Text: text[i : i+n], At: at, From: i}}
		if name != "" {
			var ok bool
			if next, ok = c.constants(at, name, depth); !ok {
				return nil, text[i : i+n]
			}
		}
		for k := range next {
			next[k].PassFrom, next[k].PassTo = i, i+n
		}
		if out = extend(out, next); len(out) > maxValues {
			return nil, "variables with too many values"
		}
		i += n
	}
	return out, ""
}

// atURI reports whether the URI part begins with the rest of a pass's argument, or
// began before, in all values that name a host up to there.
func (c *Variables) atURI(pass *config.Node, values []Value, rest string) bool {
	named := slices.ContainsFunc(values, HasAuthority)
	begun := !slices.ContainsFunc(values, func(v Value) bool { return HasAuthority(v) && !inURI(v) })
	return named && (begun || c.startsURI(pass, rest))
}

// inURI reports whether a value has got to its URI part.
func inURI(v Value) bool { return strings.ContainsAny(v.behindScheme(), "/?") }

// HasAuthority reports whether a value has got to a host or a port.
func HasAuthority(v Value) bool {
	rest := v.behindScheme()
	return rest != "" && strings.IndexByte("/?$:", rest[0]) < 0
}

func (v Value) behindScheme() string {
	if _, rest, found := strings.Cut(v.Text, "://"); found {
		return rest
	}
	return v.Text
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

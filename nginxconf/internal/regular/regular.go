// Package regular answers questions about all the texts that a regular
// expression can match as a whole. Assertions in it are taken to hold, so an
// answer can err only on the side of too many texts.
package regular

import (
	"maps"
	"regexp/syntax"
	"strconv"
	"strings"
)

// Any matches every text.
const Any = "(?s:.*)"

// Language is the set of texts that an expression matches as a whole.
type Language struct{ prog *syntax.Prog }

// Compile reads an expression, upper and lower case alike.
func Compile(expr string) (Language, error) {
	re, err := syntax.Parse(expr, syntax.Perl|syntax.FoldCase)
	if err != nil {
		return Language{}, err
	}
	prog, err := syntax.Compile(re.Simplify())
	return Language{prog}, err
}

// Has reports whether some text begins with prefix and then ends or goes on
// with one of the characters in next.
func (l Language) Has(prefix, next string) bool {
	at := l.after(prefix)
	for pc := range at {
		inst := &l.prog.Inst[pc]
		if inst.Op == syntax.InstMatch || consumes(inst) && strings.ContainsFunc(next, inst.MatchRune) {
			return true
		}
	}
	return false
}

// HasPrefix reports whether some text begins with prefix.
func (l Language) HasPrefix(prefix string) bool { return len(l.after(prefix)) > 0 }

// StartsIn reports whether every text is empty or begins with one of the
// characters in first.
func (l Language) StartsIn(first string) bool {
	for pc := range l.after("") {
		if inst := &l.prog.Inst[pc]; consumes(inst) && !within(inst, first) {
			return false
		}
	}
	return true
}

const digits = "0123456789"

// HasNumbers reports whether some text goes on after prefix with a numeric
// address and a port: digits and dots or something in brackets, a colon, and a
// digit.
func (l Language) HasNumbers(prefix string) bool {
	start := l.after(prefix)
	end := l.repeat(l.step(start, digits), digits+".")
	maps.Copy(end, l.step(l.repeat(l.step(start, "["), digits+"abcdef:."), "]"))
	return len(l.step(l.step(end, ":"), digits)) > 0
}

// after returns the instructions that can come next once prefix was read.
func (l Language) after(prefix string) map[uint32]bool {
	at := l.closure(uint32(l.prog.Start))
	for _, r := range prefix {
		at = l.step(at, string(r))
	}
	return at
}

// step returns the instructions that can come next once one of the characters was
// read.
func (l Language) step(at map[uint32]bool, chars string) map[uint32]bool {
	next := map[uint32]bool{}
	for pc := range at {
		if inst := &l.prog.Inst[pc]; consumes(inst) && strings.ContainsFunc(chars, inst.MatchRune) {
			maps.Copy(next, l.closure(inst.Out))
		}
	}
	return next
}

// repeat adds what can come next once any number of the characters were read.
func (l Language) repeat(at map[uint32]bool, chars string) map[uint32]bool {
	for n := -1; n < len(at); {
		n = len(at)
		maps.Copy(at, l.step(at, chars))
	}
	return at
}

// closure follows the instructions that read nothing.
func (l Language) closure(pc uint32) map[uint32]bool {
	out, seen := map[uint32]bool{}, map[uint32]bool{}
	var follow func(uint32)
	follow = func(pc uint32) {
		if seen[pc] {
			return
		}
		seen[pc] = true
		switch inst := &l.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			follow(inst.Out)
			follow(inst.Arg)
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
			follow(inst.Out)
		case syntax.InstFail:
		default:
			out[pc] = true
		}
	}
	follow(pc)
	return out
}

func consumes(inst *syntax.Inst) bool {
	switch inst.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}

// within reports whether an instruction reads none but the given characters.
func within(inst *syntax.Inst, chars string) bool {
	if inst.Op != syntax.InstRune && inst.Op != syntax.InstRune1 {
		return false
	}
	for i, r := range inst.Rune {
		if !strings.ContainsRune(chars, r) || i%2 == 1 && r != inst.Rune[i-1] {
			return false
		}
	}
	return true
}

// Group returns the expression of a capture group, given by number or name, and
// whether the group takes part in every match. It returns "" for a group that
// is not there, and Any when the expression is not understood.
func Group(expr, name string) (group string, always bool) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return Any, false
	}
	g, always := find(re, name, true)
	if g == nil {
		return "", false
	}
	return g.Sub[0].String(), always
}

func find(re *syntax.Regexp, name string, always bool) (*syntax.Regexp, bool) {
	if re.Op == syntax.OpCapture && (re.Name == name || strconv.Itoa(re.Cap) == name) {
		return re, always
	}
	switch re.Op {
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
	default:
		always = false
	}
	for _, sub := range re.Sub {
		if g, always := find(sub, name, always); g != nil {
			return g, always
		}
	}
	return nil, false
}

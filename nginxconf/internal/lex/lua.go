package lex

// luaEnd returns the offset of the brace that closes the Lua block whose body
// begins at pos, or -1. Braces count except in strings, long brackets and
// comments, as in lua-nginx-module's own reader.
func luaEnd(src []byte, pos int) int {
	depth := 1
	for pos < len(src) {
		switch c := src[pos]; {
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return pos
			}
		case c == '"' || c == '\'':
			pos = luaString(src, pos)
			continue
		case c == '[':
			if end, ok := luaLong(src, pos); ok {
				pos = end
				continue
			}
		case c == '-' && pos+1 < len(src) && src[pos+1] == '-':
			pos = luaComment(src, pos+2)
			continue
		}
		pos++
	}
	return -1
}

// luaString returns the offset after the string that begins at pos. A quote
// that nothing closes on its line is just a byte.
func luaString(src []byte, pos int) int {
	quote := src[pos]
	for i := pos + 1; i < len(src) && src[i] != '\n'; i++ {
		switch src[i] {
		case '\\':
			if i++; i < len(src) && src[i] == '\n' {
				return pos + 1
			}
		case quote:
			return i + 1
		}
	}
	return pos + 1
}

// luaLong returns the offset after a long bracket ([[...]], [=[...]=], ...)
// that begins at pos; ok is false if there is none.
func luaLong(src []byte, pos int) (end int, ok bool) {
	level := 0
	i := pos + 1
	for i < len(src) && src[i] == '=' {
		level++
		i++
	}
	if i >= len(src) || src[i] != '[' {
		return pos, false
	}
	for i++; i < len(src); i++ {
		if src[i] != ']' {
			continue
		}
		j := i + 1
		for j < len(src) && src[j] == '=' {
			j++
		}
		if j-i-1 == level && j < len(src) && src[j] == ']' {
			return j + 1, true
		}
		i = j - 1
	}
	return len(src), true
}

// luaComment returns the offset after the comment whose text begins at pos.
func luaComment(src []byte, pos int) int {
	if pos < len(src) && src[pos] == '[' {
		if end, ok := luaLong(src, pos); ok {
			return end
		}
	}
	for pos < len(src) && src[pos] != '\n' {
		pos++
	}
	return pos
}

package variables

import (
	"iter"
	"strings"
)

// Parts splits a text into its variables and what stands between them. The name is
// in lower case, as nginx takes any; it is "" for what is no variable.
func Parts(text string) iter.Seq2[string, string] {
	return func(yield func(part, name string) bool) {
		for text != "" {
			n, name := reference(text)
			if !yield(text[:n], name) {
				return
			}
			text = text[n:]
		}
	}
}

// Substitute replaces a variable in text. A variable in front of it gets
// braces where its name would otherwise run into the value.
func Substitute(text, name, value string) string {
	out, before := "", "" // before is a variable without braces that ends out
	for part, found := range Parts(text) {
		switch {
		case found == name:
			if before != "" && value != "" && isVariableByte(value[0]) {
				out = strings.TrimSuffix(out, before) + "${" + before[1:] + "}"
			}
			part, before = value, ""
		case found != "" && !strings.HasPrefix(part, "${"):
			before = part
		default:
			before = ""
		}
		out += part
	}
	return out
}

func isVariableByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// wholeVariable returns the name of the one variable that a text consists of, ""
// for any other text.
func wholeVariable(text string) string {
	if n, name := reference(text); n == len(text) {
		return name
	}
	return ""
}

// times counts a variable in a text.
func times(text, name string) int {
	count := 0
	for _, found := range Parts(text) {
		if found == name {
			count++
		}
	}
	return count
}

// reference returns the length of the literal text at the beginning of s, or
// of the variable there and its name in lower case.
func reference(s string) (n int, name string) {
	if !strings.HasPrefix(s, "$") {
		if n = strings.IndexByte(s, '$'); n < 0 {
			n = len(s)
		}
		return n, ""
	}
	if strings.HasPrefix(s, "${") {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return end + 1, strings.ToLower(s[2:end])
		}
	}
	n = 1
	for n < len(s) && isVariableByte(s[n]) {
		n++
	}
	if n == 1 {
		return n, "\x00" // a lone $, which has no value
	}
	return n, strings.ToLower(s[1:n])
}

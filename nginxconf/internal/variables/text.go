package variables

import (
	"strings"
)

// mentions reports whether text uses a variable, as $name or ${name}. Names of
// variables are given in lower case here; nginx takes any.
func mentions(text, name string) bool {
	if !strings.Contains(text, "$") {
		return false
	}
	_, found := Substitute(text, name, "")
	return found
}

// Substitute replaces a variable in text. A variable in front of it gets
// braces where its name would otherwise run into the value.
func Substitute(text, name, value string) (string, bool) {
	var out []byte
	found := false
	last := -1 // where the unbraced variable that ends out begins
	for i := 0; i < len(text); {
		if n := variableAt(text[i:], name); n > 0 {
			if last >= 0 && value != "" && isVariableByte(value[0]) {
				before := string(out[last+1:])
				out = append(out[:last], "${"+before+"}"...)
			}
			out = append(out, value...)
			found, last = true, -1
			i += n
			continue
		}
		switch {
		case text[i] == '$':
			last = len(out)
		case !isVariableByte(text[i]):
			last = -1
		}
		out = append(out, text[i])
		i++
	}
	return string(out), found
}

// variableAt returns the length of $name or ${name} at the beginning of text,
// 0 if it is not there.
func variableAt(text, name string) int {
	if n := len(name) + 3; len(text) >= n && strings.EqualFold(text[:n], "${"+name+"}") {
		return n
	}
	n := len(name) + 1
	if len(text) >= n && strings.EqualFold(text[:n], "$"+name) && (len(text) == n || !isVariableByte(text[n])) {
		return n
	}
	return 0
}

func isVariableByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// wholeVariable returns the name of the one variable that a text consists of, ""
// for any other text.
func wholeVariable(text string) string {
	if n, name := Reference(text); n == len(text) {
		return name
	}
	return ""
}

// times counts a variable in a text.
func times(text, name string) int {
	if !strings.Contains(text, "$") {
		return 0
	}
	count := 0
	for n, found := 0, ""; text != ""; text = text[n:] {
		if n, found = Reference(text); found == name {
			count++
		}
	}
	return count
}

// Reference returns the length of the literal text at the beginning of s, or
// of the variable there and its name in lower case.
func Reference(s string) (n int, name string) {
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

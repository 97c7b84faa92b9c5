package state

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// tomlError names file, line and column, and never the line itself.
func tomlError(path string, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		e := strict.Errors[0]
		row, col := e.Position()
		return fmt.Errorf("%s:%d:%d: unknown setting %q", path, row, col, strings.Join(e.Key(), "."))
	}
	var dec *toml.DecodeError
	if errors.As(err, &dec) {
		row, col := dec.Position()
		return fmt.Errorf("%s:%d:%d: %s", path, row, col, plainTOML(strings.TrimPrefix(dec.Error(), "toml: ")))
	}
	return fmt.Errorf("%s: %w", path, err)
}

// wrongKind is the library's word for a value of another kind than the setting.
var wrongKind = regexp.MustCompile(`^cannot decode TOML (\w+) into (?:a |struct field .* of type )?(\S+)$`)

// plainTOML says in terms of the file what the library says in terms of Go.
func plainTOML(text string) string {
	m := wrongKind.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	kinds := map[string]string{"string": "a string", "bool": "true or false", "[]string": "a list of strings"}
	want, ok := kinds[m[2]]
	switch {
	case strings.HasPrefix(strings.TrimLeft(m[2], "u"), "int"):
		want, ok = "a number", true
	case strings.HasSuffix(m[2], "Duration"):
		want, ok = "a duration such as \"90s\"", true
	}
	if !ok {
		return text
	}
	return fmt.Sprintf("want %s, not %s", want, m[1])
}

package state

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"edgeman/deployer/hint"
	"edgeman/deployer/words"
)

// tomlError names file, line and column, and never the line itself.
func tomlError(path string, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		e := strict.Errors[0]
		row, col := e.Position()
		name := strings.Join(e.Key(), ".")
		return hint.New(meantSetting(name), "%s:%d:%d: unknown setting %q", path, row, col, name)
	}
	var dec *toml.DecodeError
	if errors.As(err, &dec) {
		row, col := dec.Position()
		return fmt.Errorf("%s:%d:%d: %s", path, row, col, plainTOML(strings.TrimPrefix(dec.Error(), "toml: ")))
	}
	return fmt.Errorf("%s: %s", path, plainTOML(err.Error()))
}

// wrongKind is the library's word for a value of another kind than the setting.
var wrongKind = regexp.MustCompile(`^cannot decode TOML (\w+) into (?:a |struct field .* of type )?(\S+)$`)

// unclear are more of the library's words, and what they mean for the file.
var unclear = []struct {
	words *regexp.Regexp
	plain string
}{
	{regexp.MustCompile(`^(?:unexpected character U\+000[AD]|expected value, not end of input).*`), "a value is missing behind the ="},
	{regexp.MustCompile(`^unexpected character U\+\w+ .*at start of value$`), `text needs quotes, as in "abc"`},
	{regexp.MustCompile(`^ParseAddr\(("[^"]*")\): .*`), "$1 is not an IP address"},
	{regexp.MustCompile(`^(?:negative )?integer value (\S+) cannot be stored in uint16$`), "want a number from 1 to 65535, not $1"},
}

// plainTOML says in terms of the file what the library says in terms of Go.
func plainTOML(text string) string {
	for _, u := range unclear {
		if u.words.MatchString(text) {
			return u.words.ReplaceAllString(text, u.plain)
		}
	}
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

// settingNames are all settings of an app file, those of a table with its name
// in front.
func settingNames() []string { return tomlNames(reflect.TypeFor[App](), "") }

func tomlNames(t reflect.Type, prefix string) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case name == "-" || name == "":
		case f.Type.Kind() == reflect.Struct && f.Type.Name() == "": // a table
			names = append(names, tomlNames(f.Type, prefix+name+".")...)
		default:
			names = append(names, prefix+name)
		}
	}
	return names
}

// meantSetting says which setting an unknown name was most likely meant to be: one in
// the wrong table, or one that is mistyped.
func meantSetting(name string) string {
	names := settingNames()
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, n := range names {
		if n == last {
			return fmt.Sprintf("%s belongs above the first [table] of the file", n)
		}
		if table, key, ok := strings.Cut(n, "."); ok && key == last {
			return fmt.Sprintf("did you mean %s? it belongs below [%s]", n, table)
		}
	}
	if n := words.Nearest(name, names); n != "" {
		return "did you mean " + n + "?"
	}
	return "there are " + strings.Join(names, ", ")
}

package status

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/adopt"
	"edgeman/deployer/install"
	"edgeman/deployer/state"
	"edgeman/deployer/unadopt"
)

// docs/reference.md promises the fields of what is printed as JSON, the states and the
// settings; none may be missing there.
func TestReferenceIsComplete(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	part := func(heading string) string {
		_, text, ok := strings.Cut(string(page), "\n## "+heading+"\n")
		if !ok {
			t.Fatalf("no part %q", heading)
		}
		text, _, _ = strings.Cut(text, "\n## ")
		return text
	}
	fields := part("status --json")
	for _, f := range tags(reflect.TypeFor[Status](), "json", "") {
		name := f[strings.LastIndexByte(f, '.')+1:]
		if !strings.Contains(fields, name+"`") && !strings.Contains(fields, name+"[]") {
			t.Errorf("field %s is not in the reference", f)
		}
	}
	for heading, result := range map[string]reflect.Type{
		"adopt --json":                 reflect.TypeFor[adopt.Result](),
		"unadopt --json":               reflect.TypeFor[unadopt.Result](),
		"install and uninstall --json": reflect.TypeFor[install.Result](),
	} {
		for _, f := range tags(result, "json", "") {
			name := f[strings.LastIndexByte(f, '.')+1:]
			if text := part(heading); !strings.Contains(text, name+"`") && !strings.Contains(text, name+"[]") {
				t.Errorf("field %s of %s is not in the reference", f, heading)
			}
		}
	}
	states := part("States of a slot")
	for _, s := range []string{SlotEmpty, SlotStarting, SlotCandidate, SlotLive, SlotDraining, SlotWarm, SlotPaused, SlotIdle, SlotFailed} {
		if !strings.Contains(states, "| `"+s+"` |") {
			t.Errorf("state %s is not in the reference", s)
		}
	}
	settings := part("Settings of an app")
	for _, s := range tags(reflect.TypeFor[state.App](), "toml", "") {
		if !strings.Contains(settings, "| `"+s+"` |") {
			t.Errorf("setting %s is not in the reference", s)
		}
	}
}

// tags are the names that a struct's fields have in a file, nested ones with
// those of the outer ones in front.
func tags(t reflect.Type, key, prefix string) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get(key), ",")
		if name == "" || name == "-" {
			continue
		}
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		nested := inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]() && inner.NumField() > 0 && inner.Field(0).Tag.Get(key) != ""
		if nested {
			names = append(names, tags(inner, key, prefix+name+".")...)
			continue
		}
		names = append(names, prefix+name)
	}
	return names
}

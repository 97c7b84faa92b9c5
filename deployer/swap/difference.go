package swap

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// differences lists for people the settings in which b differs from a: what the
// app file changes with a swap. The image is not among them. Values from the
// environment may be secrets, so only their names are told.
func differences(a, b state.Release) []string {
	var all []string
	say := func(what, was, is string) {
		if was != is {
			all = append(all, fmt.Sprintf("%s %s → %s", what, cmp.Or(was, "-"), cmp.Or(is, "-")))
		}
	}
	say("mode", a.Mode, b.Mode)
	say("proxy.via", a.Via, b.Via)
	say("ports", fmt.Sprint(a.Listeners), fmt.Sprint(b.Listeners))
	say("health", a.Health, b.Health)
	say("health_headers", strings.Join(a.HealthHeaders, ", "), strings.Join(b.HealthHeaders, ", "))
	say("replicas", fmt.Sprint(a.Count()), fmt.Sprint(b.Count()))
	say("native.blocking", fmt.Sprint(a.Blocking), fmt.Sprint(b.Blocking))
	if !slices.Equal(a.Command, b.Command) { // may hold a secret, too
		all = append(all, "command changed")
	}
	if env := envDifferences(a.Env, b.Env); env != "" {
		all = append(all, "env "+env)
	}
	return all
}

// envDifferences are "+NAME" for a new variable, "-NAME" for one that is gone
// and "NAME" for one with another value.
func envDifferences(a, b []string) string {
	was, is := envByName(a), envByName(b)
	var words []string
	for _, name := range slices.Sorted(maps.Keys(is)) {
		switch old, known := was[name]; {
		case !known:
			words = append(words, "+"+name)
		case old != is[name]:
			words = append(words, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, stays := is[name]; !stays {
			words = append(words, "-"+name)
		}
	}
	return strings.Join(words, " ")
}

// envByName keeps the last of several settings of one name, as Docker does.
func envByName(env []string) map[string]string {
	byName := map[string]string{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		byName[name] = value
	}
	return byName
}

// sayDifferences is the part of a swap's plan that is not about the image.
func (s *swap) sayDifferences() {
	if d := differences(s.current, s.next); len(d) > 0 {
		s.Step("settings", "unlike release %d: %s", s.current.Number, strings.Join(d, "; "))
	}
}

// sayNotTaken says how the app file differs from the release that is run again.
func (s *swap) sayNotTaken() {
	described, err := s.nextRelease()
	if err != nil {
		s.Note("the app file cannot be compared: %s", words.FirstLine(err.Error()))
		return
	}
	if d := differences(s.next, described); len(d) > 0 {
		s.Note("release %d runs as it was recorded; the app file differs: %s", s.next.Number, strings.Join(d, "; "))
		s.Hint("edgeman swap %s %s applies it", s.app.Name, s.next.Image)
	}
}

package check

import (
	"slices"
	"testing"
)

func scenarios() []scenario {
	return slices.Concat(nginxCases(), certCases(), servedCases(), renewCases(), confCases(), upstreamCases(), appCases())
}

// Every rule fires where it must and is silent at a near miss.
func TestRules(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.code+"/"+s.name, func(t *testing.T) {
			w, c := trusted(t)
			rule, _ := Explain(s.code)
			w.opt.Settings.Lint = rule.Lint
			s.set(w, c)
			r := w.run()
			found := r.find(s.code)
			switch {
			case s.want == 0 && len(found) > 0:
				t.Errorf("fires: %+v", found)
			case s.want != 0 && len(found) == 0:
				t.Errorf("is silent; found\n%s", r.codes())
			case s.want != 0 && found[0].Severity != s.want:
				t.Errorf("is %s, want %s: %s", found[0].Severity, s.want, found[0].Message)
			}
		})
	}
}

// A rule without a case that fires, or without a near miss, is not tested.
func TestEveryRuleHasBothCases(t *testing.T) {
	fires, misses := map[string]bool{}, map[string]bool{}
	for _, s := range scenarios() {
		if _, ok := Explain(s.code); !ok {
			t.Errorf("%s is no rule", s.code)
		}
		fires[s.code] = fires[s.code] || s.want != 0
		misses[s.code] = misses[s.code] || s.want == 0
	}
	for _, r := range Rules() {
		if !fires[r.Code] || !misses[r.Code] {
			t.Errorf("%s: a case that fires: %v, a near miss: %v", r.Code, fires[r.Code], misses[r.Code])
		}
	}
}

// What is not about certificates and edgeman's own changes is said on demand.
func TestLintIsOptIn(t *testing.T) {
	for _, s := range scenarios() {
		if rule, _ := Explain(s.code); !rule.Lint || s.want == 0 {
			continue
		}
		w, c := trusted(t)
		s.set(w, c)
		quiet := w.run()
		if found := quiet.find(s.code); len(found) > 0 || quiet.Lint {
			t.Errorf("%s/%s: said without being asked: %+v", s.code, s.name, found)
		}
		w.opt.Settings.Lint = true
		if r := w.run(); len(r.find(s.code)) == 0 || !r.Lint || r.Checked.Rules <= quiet.Checked.Rules {
			t.Errorf("%s/%s: not said although asked for", s.code, s.name)
		}
	}
}

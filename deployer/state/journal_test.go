package state

import (
	"os"
	"strings"
	"testing"
)

// A version that called it release may have been killed in the middle of it.
func TestReadOperationKnowsTheEarlierName(t *testing.T) {
	p := testPaths(t)
	if err := p.MakeApp("myapp"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.operation("myapp"), []byte(`{"name": "release", "step": "files"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if op, begun, err := p.ReadOperation("myapp"); err != nil || !begun || op.Name != "unadopt" || op.Step != "files" {
		t.Errorf("read %+v, %v, %v", op, begun, err)
	}
}

// What stop-first was called at first is read as before.
func TestStrategyOfBefore(t *testing.T) {
	p := testPaths(t)
	app := DefaultApp("myapp")
	app.Listeners, app.Image, app.Strategy = []Listener{PortListener(8080)}, "myapp", StopFirst
	if err := p.WriteApp(app); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(p.AppConfig("myapp"))
	if err != nil || !strings.Contains(string(file), "\nstrategy = 'stop-first'\n") {
		t.Fatalf("%v, written as:\n%s", err, file)
	}
	for _, word := range []string{"recreate", "stop-first"} {
		old := strings.Replace(string(file), "'stop-first'", "'"+word+"'", 1)
		if err := os.WriteFile(p.AppConfig("myapp"), []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := p.ReadApp("myapp"); err != nil || got.Strategy != StopFirst {
			t.Errorf("strategy %s: read as %q, %v", word, got.Strategy, err)
		}
		if err := p.BeginStep("myapp", Operation{Name: "swap", Step: word}); err != nil {
			t.Fatal(err)
		}
		if op, _, err := p.ReadOperation("myapp"); err != nil || op.Step != StopFirst {
			t.Errorf("step %s: read as %q, %v", word, op.Step, err)
		}
	}
	app.Strategy = "recreate"
	if err := p.WriteApp(app); err == nil {
		t.Error("the old word is written")
	}
}

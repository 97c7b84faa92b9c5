package state

import (
	"os"
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

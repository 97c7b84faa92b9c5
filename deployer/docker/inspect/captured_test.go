package inspect

import (
	"encoding/json"
	"os"
	"testing"
)

// captured reads an inspect answer and its image's, as real engines gave them.
func captured(t *testing.T, name string) (ct, img json.RawMessage) {
	t.Helper()
	b, err := os.ReadFile("../testdata/inspect/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Container, Image json.RawMessage }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f.Container, f.Image
}

package docker

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/rawjson"
)

// A container whose image is gone is made again with a release's image: what the
// operator had asked for comes from the release, what marks this one container
// from its own inspect answer.
func TestRecreateAsWithoutItsImage(t *testing.T) {
	raw := json.RawMessage(`{"Id":"0123456789abcdef","Name":"/web","Image":"sha256:1","State":{},"HostConfig":{"NetworkMode":"bridge","RestartPolicy":{"Name":"always"}},
		"Config":{"Image":"web:v1","Hostname":"front","Env":["A=own","OLD=image"],"Cmd":["/old"],"Labels":{"com.docker.compose.service":"web","old":"image"}},
		"NetworkSettings":{"Networks":{"bridge":{}}}}`)
	s := definition.Settings{Version: 1, Config: rawjson.Object{"Env": json.RawMessage(`["A=own"]`), "Labels": json.RawMessage(`{"team":"x"}`)}}
	e := &engine{api: "1.41", answers: map[string]answer{
		"GET /images/sha256:2/json": {200, `{"Id":"sha256:2","Config":{"Cmd":["/new"]}}`},
		"POST /containers/create":   {201, `{"Id":"made"}`},
	}}
	c, _ := e.listen(t)
	id, err := c.RecreateAs(t.Context(), raw, Spec{ImageID: "sha256:2", Ref: "web:v2", Settings: s.Bytes()})
	if id != "made" || err != nil {
		t.Fatal(id, err)
	}
	body := e.bodies["POST /containers/create"]
	for _, want := range []string{`"A=own"`, `"sha256:2"`, `"team":"x"`, `"com.docker.compose.service":"web"`, `"Hostname":"front"`, `"always"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	for _, not := range []string{"OLD=image", "/old", `"old"`} {
		if strings.Contains(body, not) {
			t.Errorf("%s, which the lost image gave, in %s", not, body)
		}
	}
	if _, _, err := c.Recreate(t.Context(), raw); !errors.Is(err, ErrNotFound) {
		t.Errorf("made again as it was, without its image: %v", err)
	}
}

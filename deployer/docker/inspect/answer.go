package inspect

import (
	"encoding/json"
	"fmt"

	"github.com/docker/docker/api/types/container"

	"edgeman/deployer/docker/rawjson"
)

// Decode decodes an inspect answer and makes sure that no part that the
// callers use is nil.
func Decode(raw []byte) (container.InspectResponse, error) {
	var in container.InspectResponse
	if err := json.Unmarshal(raw, &in); err != nil {
		return in, fmt.Errorf("read the inspect answer: %w", err)
	}
	if in.ContainerJSONBase == nil || in.ID == "" || in.Config == nil || in.HostConfig == nil || in.State == nil {
		return in, fmt.Errorf("the inspect answer is incomplete")
	}
	if in.NetworkSettings == nil {
		in.NetworkSettings = &container.NetworkSettings{}
	}
	return in, nil
}

// Answer is an inspect answer twice: decoded, for reading, and as sent, for
// carrying.
type Answer struct {
	container.InspectResponse
	Raw struct {
		Config          rawjson.Object
		HostConfig      rawjson.Object
		NetworkSettings struct{ Networks map[string]rawjson.Object }
		Files           json.RawMessage `json:"EdgemanFiles"` // what withFiles added
	}
}

func ReadAnswer(raw json.RawMessage) (Answer, error) {
	var in Answer
	var err error
	if in.InspectResponse, err = Decode(raw); err != nil {
		return in, err
	}
	if err := json.Unmarshal(raw, &in.Raw); err != nil {
		return in, fmt.Errorf("read the inspect answer: %w", err)
	}
	return in, nil
}

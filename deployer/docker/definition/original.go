package definition

import (
	"errors"

	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/rawjson"
)

// OwnMarks is config with what own has of one container alone and a copy must
// not carry: its host name, and the labels by which Compose finds it.
func OwnMarks(config, own rawjson.Object) (rawjson.Object, error) {
	out := config.Clone()
	labels, marks := map[string]string{}, map[string]string{}
	if err := errors.Join(config.Get("Labels", &labels), own.Get("Labels", &marks)); err != nil {
		return nil, err
	}
	for k, v := range marks {
		if label.Owned(k) {
			labels[k] = v
		}
	}
	out.Drop("Hostname")
	out.SetFilled("Labels", labels)
	if name, ok := own["Hostname"]; ok {
		out["Hostname"] = name
	}
	return out, nil
}

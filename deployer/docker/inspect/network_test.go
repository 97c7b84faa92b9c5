package inspect

import "testing"

func TestNetworksOrder(t *testing.T) {
	raw, _ := captured(t, "networks-app.api1.51")
	c, err := ReadContainer(raw)
	if err != nil || len(c.Networks) != 2 || c.Networks[0].Name != "front" || c.Networks[0].IPv4 != Addr("10.77.0.9") {
		t.Errorf("%+v %v", c.Networks, err)
	}
}

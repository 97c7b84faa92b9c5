package docker

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/locate"
)

// A daemon is asked, and what its host knows.
func TestConfirm(t *testing.T) {
	raw, _ := captured(t, "testdata/inspect/ports-app.api1.45.json")
	ct, err := inspect.ReadContainer(raw)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{api: "1.45", answers: map[string]answer{
		"GET /containers/json": {200, `[{"Id":"` + ct.ID + `","Names":["/old"],"Ports":[{"IP":"127.0.0.1","PrivatePort":8080,"PublicPort":18080,"Type":"tcp"}]}]`},
	}}
	c, _ := e.listen(t)
	at := netip.MustParseAddrPort("127.0.0.1:18080")
	if err := c.Confirm(t.Context(), ct, 8080, at); err != nil {
		t.Error(err)
	}
	var doubt *locate.Doubt
	if err := c.Confirm(t.Context(), ct, 9999, at); !errors.As(err, &doubt) {
		t.Errorf("another port: %v", err)
	}
}

func TestServing(t *testing.T) {
	raw, _ := captured(t, "testdata/inspect/ports-app.api1.45.json")
	e := &engine{api: "1.45", answers: map[string]answer{
		"GET /containers/json": {200, `[{"Id":"a","Ports":[{"IP":"127.0.0.1","PrivatePort":8080,"PublicPort":18080,"Type":"tcp"}]},
			{"Id":"gone","Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":18080,"Type":"tcp"}]},{"Id":"b"}]`},
		"GET /containers/a/json": {200, string(raw)},
	}}
	c, _ := e.listen(t)
	for _, at := range []string{"127.0.0.1:18080", "0.0.0.0:18080", "[::ffff:127.0.0.1]:18080"} {
		found, err := c.Serving(context.Background(), netip.MustParseAddrPort(at))
		if err != nil || len(found) != 1 || found[0].Container.Name != "old" || found[0].Port != 8080 || found[0].By != locate.ByPublished {
			t.Errorf("%s: %+v %v", at, found, err)
		}
	}
	for at, want := range map[netip.AddrPort]string{
		netip.MustParseAddrPort("192.0.2.8:18080"): "another machine answers there",
		netip.MustParseAddrPort("192.0.2.7:18080"): "nothing listens there",
		{}: "that is no address",
	} {
		var doubt *locate.Doubt
		if found, err := c.Serving(context.Background(), at); !errors.As(err, &doubt) || len(found) != 0 || !strings.Contains(doubt.Reason, want) {
			t.Errorf("%s: %v %v, want %q", at, found, err, want)
		}
	}
}

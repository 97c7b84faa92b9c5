package state

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestWebsocketsSetting(t *testing.T) {
	tests := []struct {
		setting string
		mode    string
		want    Websockets
		fails   string
	}{
		{``, "proxy", Websockets{}, ""},
		{`websockets = "wait"`, "proxy", Websockets{}, ""},
		{`websockets = "wait"`, "native", Websockets{}, ""},
		{`websockets = "close-after 20s"`, "proxy", Websockets{true, 20 * time.Second}, ""},
		{`websockets = "close-after  0s"`, "proxy", Websockets{true, 0}, ""},
		{`websockets = "close-after 20s"`, "native", Websockets{}, "needs mode proxy"},
		{`websockets = "close-after"`, "proxy", Websockets{}, "neither"},
		{`websockets = "close-after -1s"`, "proxy", Websockets{}, "negative"},
		{`websockets = "close-after soon"`, "proxy", Websockets{}, "duration"},
		{`websockets = "close"`, "proxy", Websockets{}, `app.toml:4:`},
		{`websockets = ""`, "proxy", Websockets{}, "neither"},
		{`websockets = 20`, "proxy", Websockets{}, "drain.websockets"},
	}
	for _, tt := range tests {
		p := testPaths(t)
		text := "mode = \"" + tt.mode + "\"\nports = [\"1\"]\n[drain]\n" + tt.setting + "\n"
		if err := os.WriteFile(p.AppConfig("app"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := p.ReadApp("app")
		switch {
		case tt.fails != "":
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%s: error %v, want %q", tt.setting, err, tt.fails)
			}
		case err != nil || a.Drain.Websockets != tt.want:
			t.Errorf("%s: %+v, %v, want %+v", tt.setting, a.Drain.Websockets, err, tt.want)
		default:
			if err := p.WriteApp(a); err != nil {
				t.Fatal(err)
			}
			if b, err := p.ReadApp("app"); err != nil || b.Drain.Websockets != tt.want {
				t.Errorf("%s: written and read again: %+v, %v", tt.setting, b.Drain.Websockets, err)
			}
		}
	}
}

func TestDrainTerms(t *testing.T) {
	a, now := DefaultApp("app"), time.Now()
	if d := a.DrainTerms(now, time.Minute); !d.Deadline.Equal(now.Add(time.Minute)) || !d.WebsocketsUntil.IsZero() {
		t.Errorf("without an end for websockets: %+v", d)
	}
	a.Drain.Websockets = Websockets{Close: true, After: 20 * time.Second}
	if d := a.DrainTerms(now, time.Minute); !d.WebsocketsUntil.Equal(now.Add(20 * time.Second)) {
		t.Errorf("terms %+v", d)
	}
}

func TestEndedInWords(t *testing.T) {
	tests := []struct {
		e    Ended
		want string
	}{
		{Ended{}, "0 connections cut"},
		{Ended{Cut: 1, CutKinds: Kinds{Unknown: 1}}, "at most 1 connection cut"},
		{Ended{Cut: 4, CutKinds: Kinds{Websockets: 1, Requests: 1, Idle: 1, Unknown: 1}}, "at most 4 connections cut (1 websocket, 1 request in progress, 1 idle, 1 unknown)"},
		{Ended{Cut: 5, CutKinds: Kinds{Websockets: 2, Requests: 3}}, "5 connections cut (2 websockets, 3 requests in progress)"},
		{Ended{WebsocketsClosed: 1}, "0 connections cut, 1 websocket closed"},
		{Ended{Cut: 1, CutKinds: Kinds{Requests: 1}, WebsocketsClosed: 7}, "1 connection cut (1 request in progress), 7 websockets closed"},
	}
	for _, tt := range tests {
		if got := tt.e.Text(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.e, got, tt.want)
		}
	}
}

package state

import (
	"fmt"
	"strings"

	"edgeman/deployer/words"
)

// Kinds counts connections by what they are at, as far as that can be told.
type Kinds struct {
	Websockets int `json:"websockets,omitempty"` // upgraded, whatever to
	Requests   int `json:"requests,omitempty"`   // an answer, or a part of it, is still to come
	Idle       int `json:"idle,omitempty"`       // kept alive between two requests
	Unknown    int `json:"unknown,omitempty"`    // not taken in yet, not HTTP/1, or in native mode
}

// Total is all of them.
func (k Kinds) Total() int { return k.Websockets + k.Requests + k.Idle + k.Unknown }

// String lists the kinds that there are; it is empty if nothing could be told.
func (k Kinds) String() string {
	var list []string
	add := func(n int, text string) {
		if n > 0 {
			list = append(list, text)
		}
	}
	add(k.Websockets, words.Plural(k.Websockets, "websocket"))
	add(k.Requests, words.Plural(k.Requests, "request")+" in progress")
	add(k.Idle, fmt.Sprintf("%d idle", k.Idle))
	if len(list) > 0 {
		add(k.Unknown, fmt.Sprintf("%d unknown", k.Unknown))
	}
	return strings.Join(list, ", ")
}

// Of is a number of connections with their kinds behind it.
func (k Kinds) Of(n int) string {
	text := words.Plural(n, "connection")
	if kinds := k.String(); kinds != "" && n > 0 {
		text += " (" + kinds + ")"
	}
	return text
}

package count

import "testing"

func TestAccepted(t *testing.T) {
	l := listen(t)
	c := dial(t, l)
	if got, err := Accepted(c); got || err != nil {
		t.Errorf("while it is queued: %v, %v", got, err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if got, err := Accepted(c); !got || err != nil {
		t.Errorf("once it is accepted: %v, %v", got, err)
	}
}

package count

import "testing"

func TestActivity(t *testing.T) {
	l := listen(t)
	if _, err := Activity(l.Addr().String()); err != nil {
		t.Skip(err) // the test's own directory may be mounted noatime
	}
	for _, connects := range []int{0, 1, 0, 2, 0} {
		for range connects {
			c := dial(t, l)
			served, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			served.Close()
			c.Close()
		}
		got, err := Activity(l.Addr().String())
		if err != nil || got != (connects > 0) {
			t.Errorf("after %d connections: %v, %v", connects, got, err)
		}
	}
	if _, err := Activity(l.Addr().String() + "x"); err == nil {
		t.Error("no error for a socket that is not there")
	}
}

package port

import (
	"fmt"
	"net"
	"testing"
)

func TestFree(t *testing.T) {
	var n int
	t.Run("claimed", func(t *testing.T) {
		n = Free(t)
		if n < first || n >= beyond {
			t.Errorf("port %d is one that the kernel hands out", n)
		}
		if c, err := take(n); err == nil {
			c.Close()
			t.Error("the port can be claimed twice")
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", n))
		if err != nil {
			t.Fatalf("the port is not free: %v", err)
		}
		l.Close()
	})
	c, err := take(n)
	if err != nil {
		t.Fatalf("the claim outlives its test: %v", err)
	}
	c.Close()
}

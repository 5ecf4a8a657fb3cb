package supervise

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestReadyCountsOnlyFromTheProcessItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	n, err := OpenNotify(path)
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		conn, err := net.Dial("unixgram", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte(text))
	}
	other, own := make(chan bool, 1), make(chan bool, 1)
	n.Expect(os.Getpid()+1, func() { other <- true })
	n.Expect(os.Getpid(), func() { own <- true })
	say("STATUS=READY=1 soon")
	say("NOTREADY=1\nSTOPPING=1")
	select {
	case <-own:
		t.Fatal("ready without saying so")
	case <-time.After(50 * time.Millisecond):
	}
	say("STATUS=up\nREADY=1\n")
	within(t, own, 5*time.Second)
	if len(other) != 0 {
		t.Error("another process was taken for ready")
	}
	say("READY=1") // early: nobody expects it yet
	deadline := time.Now().Add(5 * time.Second)
	for early := false; !early && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		n.mu.Lock()
		early = n.early[int32(os.Getpid())]
		n.mu.Unlock()
	}
	n.Expect(os.Getpid(), func() { own <- true })
	within(t, own, 5*time.Second)
}

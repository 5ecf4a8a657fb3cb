package esp

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kios.dev/init/internal/fault"
)

// partitionFake notes what is done with it.
type partitionFake struct {
	mu      sync.Mutex
	done    []string
	refuses error
}

func (p *partitionFake) note(what, target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = append(p.done, what+" "+target)
}

func (p *partitionFake) Acquire(target string) error { p.note("acquire", target); return p.refuses }
func (p *partitionFake) Release(target string) error { p.note("release", target); return nil }
func (p *partitionFake) Forget(top string) error     { p.note("forget", top); return nil }

type silentLog struct{}

func (silentLog) Info(string, ...any) {}
func (silentLog) Warn(string, ...any) {}

// connect begins a session, and returns its line and the client's end.
func connect(s *Sessions) (Reply, net.Conn) {
	client, server := net.Pipe()
	go func() { s.Serve(server); server.Close() }()
	line, _ := bufio.NewReader(client).ReadBytes('\n')
	var r Reply
	json.Unmarshal(line, &r)
	return r, client
}

func TestThePartitionIsMountedWhileAConnectionIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &partitionFake{}
		s := NewSessions(func() (Mounts, error) { return p, nil }, silentLog{})
		r, client := connect(s)
		if r != (Reply{V: 1, Mounted: true}) || !slices.Equal(p.done, []string{"acquire " + Shared}) {
			t.Fatalf("%+v, %q", r, p.done)
		}
		client.Close()
		synctest.Wait()
		if !slices.Equal(p.done, []string{"acquire " + Shared, "forget " + Shared, "release " + Shared}) {
			t.Errorf("%q", p.done)
		}
	})
}

func TestASecondClientWaitsAndIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &partitionFake{}
		s := NewSessions(func() (Mounts, error) { return p, nil }, silentLog{})
		_, first := connect(s)
		if r, _ := connect(s); r.Mounted || r.Code != fault.SlotsBusy {
			t.Errorf("%+v", r)
		}
		time.AfterFunc(turnPatience/2, func() { first.Close() })
		r, second := connect(s)
		if !r.Mounted {
			t.Errorf("after the first one has gone: %+v", r)
		}
		second.Close()
		synctest.Wait()
	})
}

func TestNoConnectionLastsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &partitionFake{}
		s := NewSessions(func() (Mounts, error) { return p, nil }, silentLog{})
		_, client := connect(s)
		defer client.Close()
		time.Sleep(longest + time.Second)
		synctest.Wait()
		if p.done[len(p.done)-1] != "release "+Shared {
			t.Errorf("%q", p.done)
		}
	})
}

func TestARefusalHasTheFormOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/esp.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []Reply
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) != 3 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	synctest.Test(t, func(t *testing.T) {
		for i, c := range []struct{ unmanaged, unmounted error }{
			{},
			{fault.New(fault.SlotsOff, "manage versions of the system", "Flash the medium again.", errors.New("no boot loader started this machine")), nil},
			{nil, errors.New("no such device")},
		} {
			p := &partitionFake{refuses: c.unmounted}
			r, client := connect(NewSessions(func() (Mounts, error) { return p, c.unmanaged }, silentLog{}))
			client.Close()
			synctest.Wait()
			if r != vectors[i] {
				t.Errorf("it says %+v, the vector is %+v", r, vectors[i])
			}
			if c.unmounted != nil && len(p.done) != 1 {
				t.Errorf("what was not mounted is unmounted: %q", p.done)
			}
		}
	})
}

package datapart

import (
	"errors"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/blockdev"
)

// world is a machine on which the next step happens each time the search has looked at the disks.
type world struct {
	present         []blockdev.Disk
	reading         bool // a table is being read
	slowBus, coming bool
	steps           []step
}

// step changes the world and wakes the search: by "news", "read", "settled", "silence" or "final".
type step struct {
	wakes  string
	change func(*world)
}

// search runs the whole script. It fails when the search ends before it or waits for more.
func (w *world) search(t *testing.T, want Want) Choice {
	t.Helper()
	signals := map[string]chan struct{}{"news": make(chan struct{}, 1), "read": make(chan struct{}, 1), "settled": make(chan struct{}, 1)}
	times := map[string]chan time.Time{"silence": make(chan time.Time, 1), "final": make(chan time.Time, 1)}
	wake := func(name string) {
		if signal, ok := signals[name]; ok {
			signal <- struct{}{}
		} else {
			times[name] <- time.Time{}
		}
	}
	s := search{
		want: want, read: signals["read"], news: signals["news"], settled: signals["settled"], final: times["final"],
		loadDevices: func() error { return nil },
		hotplug:     func() (bool, bool) { return w.slowBus, w.coming },
		after:       func(time.Duration) <-chan time.Time { return times["silence"] },
	}
	after := 0 // looks after the script
	s.disks = func() ([]blockdev.Disk, bool) {
		disks, reading := w.present, w.reading
		if len(w.steps) > 0 {
			next := w.steps[0]
			w.steps = w.steps[1:]
			if next.change != nil {
				next.change(w)
			}
			wake(next.wakes)
		} else if after++; after == 1 {
			wake("final") // a search that waits for more ends all the same
		}
		return disks, reading
	}
	choice := s.run()
	if len(w.steps) > 0 {
		t.Errorf("the search ended %d steps early", len(w.steps))
	}
	if after > 1 {
		t.Error("the search waits for more")
	}
	return choice
}

func TestSearch(t *testing.T) {
	fresh, twins := disks(flashed("vda")), disks(flashed("sda"), flashed("vda"))
	appears := func(w *world) { w.present = twins }
	for _, c := range []struct {
		name  string
		want  Want
		world world
		is    string
	}{
		{"a twin appears while drivers load", Want{BootPart: buildESP}, world{present: fresh, steps: []step{{"news", nil}, {"news", appears}}}, "twins"},
		{"a twin appears with the last driver", Want{BootPart: buildESP}, world{present: fresh, steps: []step{{"settled", appears}}}, "twins"},
		{"a twin's table is read late", Want{BootPart: buildESP}, world{present: fresh, reading: true, steps: []step{
			{"settled", nil}, {"read", func(w *world) { w.present, w.reading = twins, false }},
		}}, "twins"},
		{"a twin on a slow bus", Want{BootPart: buildESP}, world{present: fresh, slowBus: true, steps: []step{
			{"settled", nil},
			{"news", func(w *world) { w.coming = true }}, // a stick is plugged in
			{"silence", nil}, // it takes longer than that
			{"news", appears},
		}}, "twins"},
		{"a slow bus brings nothing", Want{BootPart: buildESP}, world{present: fresh, slowBus: true, steps: []step{{"settled", nil}, {"silence", nil}}}, "/dev/vda2"},
		{"no slow bus", Want{BootPart: buildESP}, world{present: fresh, steps: []step{{"settled", nil}}}, "/dev/vda2"},
		{"a bus appears with the last driver", Want{BootPart: buildESP}, world{present: fresh, steps: []step{
			{"settled", func(w *world) { w.slowBus = true }}, {"silence", nil},
		}}, "/dev/vda2"},
		{"a disk never replies", Want{BootPart: buildESP}, world{present: fresh, reading: true, steps: []step{{"settled", nil}, {"news", nil}, {"final", nil}}}, "/dev/vda2"},
		{"the disk booted from never replies", Want{BootPart: "0000-b1"}, world{present: disks(other), reading: true, steps: []step{{"settled", nil}, {"final", nil}}}, ""},
		{"no machine's disk appears", Want{}, world{steps: []step{{"settled", nil}}}, ""},
	} {
		choice := c.world.search(t, c.want)
		got := choice.Device
		if choice.Twins != nil {
			got = "twins"
		}
		if got != c.is {
			t.Errorf("%s: %+v", c.name, choice)
		}
		if t.Failed() {
			t.Fatalf("in %q", c.name)
		}
	}
}

// The ordinary boot of a machine that has booted before must not become slower.
func TestADiskWithGUIDsOfItsOwnWaitsForNothing(t *testing.T) {
	w := world{present: disks(boot), reading: true, slowBus: true, coming: true}
	s := search{want: Want{BootPart: "0000-b1"}, disks: func() ([]blockdev.Disk, bool) { return w.present, w.reading }}
	if choice := s.run(); choice.Device != "/dev/sdb2" || !strings.HasPrefix(choice.Boot, "/dev/sdb") {
		t.Errorf("%+v", choice)
	}
}

// The kernel loads a driver only when every disk has replied: a dead one would hold up the search for minutes.
func TestADriverThatDoesNotLoadHoldsUpNoSearch(t *testing.T) {
	replies, begun := make(chan struct{}), make(chan struct{}, 8)
	load := within(10*time.Millisecond, func() error {
		begun <- struct{}{}
		<-replies
		return errors.New("it is done")
	})
	for range 3 {
		if err := load(); err != nil {
			t.Error(err)
		}
	}
	if len(begun) != 1 {
		t.Errorf("begun %d times", len(begun))
	}
	close(replies)
	load = within(time.Minute, func() error { return errors.New("it is done") })
	for range 2 {
		if err := load(); err == nil {
			t.Error("it was not waited for")
		}
	}
}

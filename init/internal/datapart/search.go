package datapart

import (
	"time"

	"kios.dev/init/internal/blockdev"
)

const (
	// patience bounds the wait for a disk that was named or booted from.
	patience = 10 * time.Second
	// boardPatience bounds it on a board that says from which kind of medium it started: that one is there.
	boardPatience = 60 * time.Second
	// noticeable is how long a search may take before the log says what it waits for.
	noticeable = 3 * time.Second
	// loading is how long a new device's driver may take to load before the search goes on: the kernel ends the load only
	// when every disk that it looks at replies.
	loading = 2 * time.Second
	// silence is how long a bus like USB has brought nothing when it is taken to be complete. A hub waits for less before
	// it reports what is plugged into it.
	silence = time.Second
)

// Drivers loads the modules of new devices and file systems.
type Drivers interface {
	LoadDevices() error
	LoadFS(name string) error
}

// Search finds the data partition. It runs while drivers are being loaded; settled is closed when they are. It waits
// only while another disk could change the result. A disk that replies slowly holds it up no longer than one that is
// not there. waits is told when it takes long: what is lacking, and the longest time that it is waited for.
func Search(want Want, drivers Drivers, settled <-chan struct{}, waits func(lacking string, longest time.Duration)) Choice {
	scanner, longest := blockdev.NewScanner(), patience
	if want.Board.Bus != "" {
		longest = boardPatience
	}
	s := search{
		want: want, disks: scanner.Disks, read: scanner.C, settled: settled, final: time.After(longest), slow: time.After(noticeable),
		loadDevices: within(loading, drivers.LoadDevices), hotplug: blockdev.Hotplug, after: time.After,
		waits: func() { waits(want.lacking(), longest) },
	}
	if events, err := blockdev.OpenUevents(); err == nil {
		defer events.Close()
		s.news = events.C
	}
	return s.run()
}

// search holds what a search sees of the world.
type search struct {
	want        Want
	disks       func() (disks []blockdev.Disk, reading bool)
	read, news  <-chan struct{} // a table was read; a device changed
	settled     <-chan struct{}
	final, slow <-chan time.Time
	waits       func()
	loadDevices func() error
	hotplug     func() (present, coming bool)
	after       func(time.Duration) <-chan time.Time

	stage  Stage
	silent <-chan time.Time // ends a silence that counts
}

func (s *search) run() Choice {
	quiet := false
	for {
		disks, reading := s.disks()
		if s.stage == Settled && quiet && !reading {
			s.stage = Quiet
		}
		choice, wait := Choose(disks, s.want, s.stage)
		if !wait {
			return choice
		}
		select {
		case <-s.read:
		case <-s.news:
			if s.stage >= Settled {
				s.loadDevices() // a new bus may have brought a disk; the first pass has reported failures
				quiet = s.listen(false)
			}
		case <-s.settled:
			s.stage, s.settled = Settled, nil
			quiet = s.listen(false)
		case <-s.silent:
			quiet = s.listen(true)
		case <-s.slow:
			s.waits()
		case <-s.final:
			s.stage = Final
		}
	}
}

// within returns a function that carries out do in the background and waits for its end, but not longer than limit.
// While it lasts, do is not begun again.
func within(limit time.Duration, do func() error) func() error {
	ended := make(chan struct{})
	close(ended)
	return func() error {
		late := time.After(limit)
		select {
		case <-ended:
		case <-late:
			return nil
		}
		running := make(chan struct{})
		ended = running
		var err error
		go func() { defer close(running); err = do() }()
		select {
		case <-running:
			return err
		case <-late:
			return nil
		}
	}
}

// listen returns true when no disk is about to appear, and otherwise begins to wait for silence. silent says that one
// has just ended.
func (s *search) listen(silent bool) bool {
	s.silent = nil
	present, coming := s.hotplug()
	if !present || silent && !coming {
		return true
	}
	s.silent = s.after(silence)
	return false
}

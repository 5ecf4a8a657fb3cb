package stage2

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/stage1"
)

// clockHost is a host whose clock is only told to change.
type clockHost struct {
	*host
	logs string
	set  []time.Time
}

func newClockHost(t *testing.T, refusal error) *clockHost {
	t.Helper()
	c := &clockHost{logs: t.TempDir()}
	log, err := eventlog.Open(c.logs, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.host = &host{
		log: log, phases: newPhases("", stage1.Times{}), release: release{BuildTime: time.Now().AddDate(0, 0, -1)},
		setClock: func(to time.Time) error {
			c.set = append(c.set, to)
			return refusal
		},
	}
	return c
}

func (c *clockHost) events(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.logs, "init.log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestABootBeginsNoEarlierThanTheSavedTime(t *testing.T) {
	saved := time.Now().AddDate(1, 0, 0).UTC().Truncate(time.Second)
	dir, h := t.TempDir(), newClockHost(t, nil)
	save(t, dir, saved.Format(time.RFC3339)+"\n")
	h.floorClockBySaved(dir)
	if len(h.set) != 1 || !h.set[0].Equal(saved) {
		t.Errorf("the clock was set to %v, not to %v", h.set, saved)
	}
	if !h.phases.state.ClockFloored {
		t.Error("boot.json does not say that the clock was set")
	}
	if log := h.events(t); !strings.Contains(log, `"ev":"clock.floored","bound":"saved","time":"`+saved.Format(time.RFC3339)) {
		t.Error(log)
	}
}

func TestAClockOfDecadesLaterIsAGuessFromThenOn(t *testing.T) {
	h := newClockHost(t, nil)
	h.release.BuildTime = time.Now().AddDate(-74, 0, 0)
	h.boundClock()
	if len(h.set) != 1 || !h.set[0].Equal(h.release.BuildTime) || !h.phases.state.ClockFloored {
		t.Errorf("set to %v; floored: %v", h.set, h.phases.state.ClockFloored)
	}
	if log := h.events(t); !strings.Contains(log, `"ev":"clock.floored","bound":"build"`) {
		t.Error(log)
	}
}

func TestAClockThatCanBeRightIsLeftAlone(t *testing.T) {
	h := newClockHost(t, nil)
	h.boundClock()
	if len(h.set) != 0 || h.phases.state.ClockFloored || h.events(t) != "" {
		t.Errorf("set to %v; %s", h.set, h.events(t))
	}
}

func TestAClockLaterThanTheSavedTimeStays(t *testing.T) {
	dir, h := t.TempDir(), newClockHost(t, nil)
	save(t, dir, time.Now().Add(-time.Hour).Format(time.RFC3339))
	h.floorClockBySaved(dir)
	if len(h.set) != 0 || h.phases.state.ClockFloored || h.events(t) != "" {
		t.Errorf("set to %v; %s", h.set, h.events(t))
	}
}

func TestAClockThatCannotBeSetIsLogged(t *testing.T) {
	dir, h := t.TempDir(), newClockHost(t, errors.New("not permitted"))
	save(t, dir, time.Now().AddDate(1, 0, 0).Format(time.RFC3339))
	h.floorClockBySaved(dir)
	if log := h.events(t); h.phases.state.ClockFloored || !strings.Contains(log, `"ev":"clock.failed","cause":"not permitted"`) {
		t.Error(log)
	}
}

func TestASavedTimeThatIsNoneIsIgnored(t *testing.T) {
	later := time.Now().AddDate(1, 0, 0).Format(time.RFC3339)
	elsewhere := filepath.Join(t.TempDir(), "time")
	if err := os.WriteFile(elsewhere, []byte(later), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func(file string) error{
		"in seconds of 1970": func(file string) error { return os.WriteFile(file, []byte("1800000000\n"), 0o644) },
		"of the far future":  func(file string) error { return os.WriteFile(file, []byte("9999-12-31T23:59:59Z\n"), 0o644) },
		"that is empty":      func(file string) error { return os.WriteFile(file, nil, 0o644) },
		"that does not end":  func(file string) error { return os.WriteFile(file, []byte(later+strings.Repeat("\n", 64)), 0o644) },
		"that is a FIFO":     func(file string) error { return unix.Mkfifo(file, 0o644) },
		"that is a folder":   func(file string) error { return os.Mkdir(file, 0o755) },
		"that lies outside":  func(file string) error { return os.Symlink(elsewhere, file) },
		"that is a device":   func(file string) error { return os.Symlink("/dev/zero", file) },
		"that leads nowhere": func(file string) error { return os.Symlink(file, file) },
	} {
		dir, h := t.TempDir(), newClockHost(t, nil)
		if err := put(filepath.Join(dir, "saved-time")); err != nil {
			t.Fatal(err)
		}
		h.floorClockBySaved(dir)
		if log := h.events(t); len(h.set) != 0 || h.phases.state.ClockFloored || !strings.Contains(log, `"ev":"clock.saved"`) {
			t.Errorf("a time %s: set to %v; %s", name, h.set, log)
		}
	}
}

func TestNoSavedTimeIsNoFault(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/nonexistent"} {
		h := newClockHost(t, nil)
		h.floorClockBySaved(dir)
		if len(h.set) != 0 || h.events(t) != "" {
			t.Errorf("%s: set to %v; %s", dir, h.set, h.events(t))
		}
	}
}

func save(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "saved-time"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

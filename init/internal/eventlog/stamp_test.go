package eventlog

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// clocks are those of a machine that a test sets.
type clocks struct {
	wall time.Time
	up   time.Duration
}

func (c *clocks) read() stamp { return stamp{c.wall, c.up} }

func (c *clocks) pass(d time.Duration) { c.wall, c.up = c.wall.Add(d), c.up+d }

// stepped returns a log whose clocks the test sets, and what init has logged so far.
func stepped(t *testing.T) (*Log, *clocks, func() []map[string]any) {
	t.Helper()
	dir := t.TempDir()
	l, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &clocks{time.Date(1970, 1, 1, 0, 0, 10, 0, time.UTC), 10 * time.Second}
	l.now, l.steps = c.read, steps{zero: c.read().zero()}
	return l, c, func() (events []map[string]any) {
		text, _ := os.ReadFile(dir + "/init.log")
		for line := range strings.Lines(string(text)) {
			var event map[string]any
			if err := json.Unmarshal([]byte(line), &event); err != nil {
				t.Fatal(err)
			}
			events = append(events, event)
		}
		return events
	}
}

func TestAStepOfTheClockIsToldBeforeTheNextLine(t *testing.T) {
	l, c, events := stepped(t)
	l.Info("a")
	c.pass(5 * time.Second)
	l.Info("b")
	c.wall = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	c.pass(time.Second)
	l.Info("c")
	c.pass(time.Hour)
	l.Info("d")

	got := events()
	if len(got) != 5 || got[2]["ev"] != "clock.stepped" || got[2]["bootedAt"] != "2026-07-01T11:59:45.000Z" {
		t.Fatalf("%v", got)
	}
	// From both columns and the time of the start follow the right times of the lines before.
	zero, _ := time.Parse(time.RFC3339Nano, got[2]["bootedAt"].(string))
	if at := zero.Add(time.Duration(got[1]["up"].(float64)) * time.Second); at.Format(time.RFC3339) != "2026-07-01T12:00:00Z" {
		t.Errorf("b was at %v", at)
	}
	if got[1]["t"] != "1970-01-01T00:00:15.000Z" || got[3]["t"] != "2026-07-01T12:00:01.000Z" {
		t.Errorf("%v", got)
	}
	if step := got[2]["seconds"].(float64); step < 56*365*86400 {
		t.Errorf("a step of %v s", step)
	}
}

func TestAStepBackIsToldToo(t *testing.T) {
	l, c, events := stepped(t)
	c.wall = c.wall.Add(-3 * time.Second)
	l.Info("a")
	if got := events(); len(got) != 2 || got[0]["seconds"] != -3.0 {
		t.Errorf("%v", got)
	}
}

func TestWhatAPauseOfTheMachineLooksLikeIsNoStep(t *testing.T) {
	l, c, events := stepped(t)
	for range 20 { // slewing, and stamps that are not exact
		c.pass(time.Second)
		c.wall = c.wall.Add(leastStep / 50)
		l.Info("a")
	}
	c.wall = c.wall.Add(-leastStep / 2)
	l.Info("b")
	if got := events(); len(got) != 21 {
		t.Errorf("%v", got)
	}
}

func TestTheClocksAreReadTogether(t *testing.T) {
	before := time.Now()
	s := readClocks()
	if s.wall.Before(before) || s.wall.After(time.Now()) || s.up <= 0 {
		t.Errorf("%v", s)
	}
	again := readClocks()
	if apart := again.zero().Sub(s.zero()).Abs(); apart > leastStep {
		t.Errorf("%v apart", apart)
	}
}

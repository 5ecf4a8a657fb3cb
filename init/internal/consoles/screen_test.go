package consoles

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestAScreenShowsLinesAndBelowNoDisplayOnlyKeepsThem(t *testing.T) {
	var to bytes.Buffer
	displayed, now := false, "starting"
	s := &screen{to: &to, status: func() string { return now }, isShown: func() bool { return displayed }}
	s.Write([]byte("one\n"))
	if got := to.String(); got != prepare+"one\n" {
		t.Errorf("%q", got)
	}
	to.Reset()
	displayed, now = true, "192.0.2.7"
	s.Write([]byte("two\n"))
	if got := to.String(); got != "two\n"+beginStatus+"192.0.2.7"+endStatus {
		t.Errorf("%q", got)
	}
}

func TestNoLineCommandsTheTerminal(t *testing.T) {
	var to bytes.Buffer
	s := &screen{to: &to, prepared: true, status: func() string { return "\x1bc" }, isShown: func() bool { return true }}
	s.Write([]byte("kubelet: \x1b[2J\u009b2J\xffü\ttab\n"))
	if got, want := to.String(), "kubelet:  [2J 2J\uFFFDü tab\n"+beginStatus+" c"+endStatus; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAScreenIsPreparedOnceItWorks(t *testing.T) {
	var to bytes.Buffer
	device := &failing{times: 1, to: &to}
	s := &screen{to: device, isShown: func() bool { return false }}
	if _, err := s.Write([]byte("one\n")); err == nil {
		t.Error("no error")
	}
	s.Write([]byte("two\n"))
	s.Write([]byte("three\n"))
	if got := to.String(); strings.Count(got, prepare) != 1 || !strings.HasSuffix(got, "two\nthree\n") {
		t.Errorf("%q", got)
	}
}

type failing struct {
	times int
	to    *bytes.Buffer
}

func (f *failing) Write(p []byte) (int, error) {
	if f.times--; f.times >= 0 {
		return 0, errors.New("EIO")
	}
	return f.to.Write(p)
}

func TestOnlyADummyIsNoDisplay(t *testing.T) {
	dummy := tree{"class/vtconsole/vtcon0/name": "(S) dummy device\n"}
	if hasDisplay(dummy.write(t)) || hasDisplay(t.TempDir()) {
		t.Error("a display")
	}
	if !hasDisplay(dummy.with(tree{"class/vtconsole/vtcon1/name": "(M) frame buffer device\n"}).write(t)) {
		t.Error("no display")
	}
}

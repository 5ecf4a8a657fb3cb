package supervise

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRunOnceReturnsTheOutputAndHowTheProgramEnded(t *testing.T) {
	reaper := reaper()
	for _, c := range []struct{ script, output, says string }{
		{"echo done", "done\n", ""},
		{"echo half; exit 3", "half\n", "status 3"},
		{"echo half; kill -SEGV $$", "half\n", "signal 11"},
		{"yes", "", "it ended"},
	} {
		output, err := reaper.RunOnce("/bin/sh", []string{"sh", "-c", c.script}, []string{"PATH=/bin:/usr/bin"}, 20*time.Second)
		if c.output != "" && string(output) != c.output {
			t.Errorf("%s: %q", c.script, output)
		}
		if got := errors.Join(err); (c.says == "") != (got == nil) || got != nil && !strings.Contains(got.Error(), c.says) {
			t.Errorf("%s: %v", c.script, err)
		}
	}
}

func TestRunOnceKillsAProgramWhoseTimeIsOver(t *testing.T) {
	start := time.Now()
	_, err := reaper().RunOnce("/bin/sh", []string{"sh", "-c", "exec sleep 60"}, []string{"PATH=/bin:/usr/bin"}, 50*time.Millisecond)
	if !errors.Is(err, ErrLate) || time.Since(start) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

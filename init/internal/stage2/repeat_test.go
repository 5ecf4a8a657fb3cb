package stage2

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/repeat"
)

func TestAFaultIsOneLineWithCodeCauseAndRemedy(t *testing.T) {
	var console bytes.Buffer
	log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
	if err != nil {
		t.Fatal(err)
	}
	faults := repeat.New()
	start := time.Unix(0, 0)
	faults.Starting("kubelet", 4, start)
	sayAgain(log, faults, start.Add(time.Second))
	sayAgain(log, faults, start.Add(2*time.Second))
	faults.Starting("kubelet", 0, start.Add(3*time.Second))
	faults.Ready("kubelet")
	sayAgain(log, faults, start.Add(4*time.Second))
	log.Flush(time.Second)
	lines := strings.Split(strings.TrimSpace(console.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", lines)
	}
	for _, part := range []string{`"ev":"fault"`, `"code":"KIOS_INIT_KUBELET"`, `"remedy":"Boot with`, `"cause":"run kubelet: it has ended 4 times in a row"`} {
		if !strings.Contains(lines[0], part) {
			t.Errorf("%s has no %s", lines[0], part)
		}
	}
	if !strings.Contains(lines[1], `"ev":"fault.over","code":"KIOS_INIT_KUBELET"`) {
		t.Error(lines[1])
	}
}

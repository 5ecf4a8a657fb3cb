package stage2

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/staticpods"
)

// failedPull is what kubelet logs when it cannot pull an image of a pod.
const failedPull = `E1127 1 pod_workers.go:1338] "Error syncing pod, skipping" err="failed to \"StartContainer\" for \"run\" with ErrImagePull: \"network is unreachable\"" pod="kube-system/dhcp-%s" podUID="1"` + "\n"

func TestTheImagesPodTakesOverWhenKubeletSaysThatAnImageCannotBePulled(t *testing.T) {
	const own, pinned = `{"metadata":{"name":"dhcp","namespace":"kube-system"}}`, "metadata: {name: dhcp}"
	image, etc, to := t.TempDir(), t.TempDir(), t.TempDir()
	for folder, content := range map[string]string{image: own, etc: pinned} {
		if err := os.WriteFile(filepath.Join(folder, "dhcp.yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var now atomic.Int64 // seconds
	yes := func(string) bool { return true }
	fallback, err := staticpods.NewFallback(image, staticpods.Node{Now: func() time.Time { return time.Unix(now.Load(), 0) }, Runs: yes, Stored: yes})
	if err != nil {
		t.Fatal(err)
	}
	var console bytes.Buffer
	log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
	if err != nil {
		t.Fatal(err)
	}
	h := &host{log: log, pods: staticpods.Folder{From: etc, To: to, Fallback: fallback}}
	expect := func(content string) {
		t.Helper()
		end := time.Now().Add(10 * time.Second)
		for found := ""; found != content; time.Sleep(time.Millisecond) {
			read, err := os.ReadFile(filepath.Join(to, "dhcp.yaml"))
			if found = string(read); time.Now().After(end) {
				t.Fatalf("%q is offered (%v), want %q", found, err, content)
			}
		}
	}
	node, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	follow := h.followPods()
	for round := range 12 {
		if err := h.pods.Sync(); err != nil {
			t.Fatal(err)
		}
		expect(pinned)
		follow(fmt.Appendf(nil, failedPull, "somewhere-else"))
		follow(fmt.Appendf(nil, failedPull, node))
		follow(fmt.Appendf(nil, failedPull, node))
		expect(own)
		log.Flush(time.Second)
		if said := strings.Count(console.String(), `"ev":"pods.fallback"`); said != min(round+1, 5) {
			t.Errorf("round %d: said %d times: %s", round, said, console.String())
		}
		now.Add(int64(staticpods.LongestPause.Seconds()))
	}
	line, _, _ := strings.Cut(console.String(), "\n")
	for _, part := range []string{`"manifest":"dhcp.yaml"`, `"seconds":30`, `"code":"KIOS_INIT_PULL"`, `pull an image of dhcp.yaml: network is unreachable`} {
		if !strings.Contains(line, part) {
			t.Errorf("%s is not in %s", part, line)
		}
	}
}

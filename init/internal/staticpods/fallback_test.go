package staticpods

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	ownDHCP = `{"metadata":{"name":"dhcp","namespace":"kube-system","uid":"u-1"}}`
	ownGrow = `{"metadata":{"name":"resize","namespace":"kube-system","uid":"u-3","annotations":{"kios.dev/start":"grown"}}}`
	pinned  = "metadata: {name: dhcp, namespace: kube-system}\n"
	newer   = "metadata: {name: dhcp, namespace: kube-system, labels: {v: two}}\n"
)

// nodeAt returns a node on which every pod runs and no image is stored.
func nodeAt(now *time.Time) Node {
	yes := func(string) bool { return true }
	no := func(string) bool { return false }
	return Node{Now: func() time.Time { return *now }, Runs: yes, Stored: no}
}

// withFallback returns a folder over an image with these manifests, and a clock for it.
func withFallback(t *testing.T, own, written map[string]string) (Folder, *time.Time) {
	t.Helper()
	image := t.TempDir()
	for name, content := range own {
		write(t, filepath.Join(image, name), content)
	}
	all := map[string]string{}
	for _, files := range []map[string]string{own, written} {
		for name, content := range files {
			all[name] = content
		}
	}
	f, now := folder(t, all), time.Unix(1000, 0)
	var err error
	if f.Fallback, err = NewFallback(image, nodeAt(&now)); err != nil {
		t.Fatal(err)
	}
	round(t, f)
	return f, &now
}

func round(t *testing.T, f Folder) {
	t.Helper()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// expectTurn fails unless the pod's place is taken by the image's own for that long.
func expectTurn(t *testing.T, f Folder, pod, file string, pause time.Duration) {
	t.Helper()
	if gotFile, gotPause := f.Fallback.Unpullable(pod, "node"); gotFile != file || gotPause != pause {
		t.Errorf("%s: %q for %v, want %q for %v", pod, gotFile, gotPause, file, pause)
	}
	round(t, f)
}

const dhcpPod = "kube-system/dhcp-node"

func TestTheImagesPodRunsWhileItsReplacementCannotBePulled(t *testing.T) {
	f, now := withFallback(t, map[string]string{"dhcp.yaml": ownDHCP, "cni.yaml": later}, map[string]string{"dhcp.yaml": pinned, "mine.yaml": yaml})
	others := map[string]string{"cni.yaml": later, "mine.yaml": yaml}
	with := func(content string) map[string]string {
		return map[string]string{"cni.yaml": others["cni.yaml"], "mine.yaml": others["mine.yaml"], "dhcp.yaml": content}
	}
	expectOffered(t, f, with(pinned))
	for _, pause := range []time.Duration{30, 60, 120, 240, 480, 600, 600} {
		expectTurn(t, f, dhcpPod, "dhcp.yaml", pause*time.Second)
		expectOffered(t, f, with(ownDHCP))
		*now = now.Add(pause*time.Second - 1)
		expectTurn(t, f, dhcpPod, "", 0) // what kubelet still says of the other
		expectOffered(t, f, with(ownDHCP))
		*now = now.Add(1)
		round(t, f)
		expectOffered(t, f, with(pinned))
	}
}

func TestAtBootOnlyWhatIsStoredIsOfferedInTheImagesPlace(t *testing.T) {
	const ownFirst = `{"metadata":{"name":"dhcp","namespace":"kube-system","uid":"u-1","annotations":{"kios.dev/start":"first"}}}`
	stored, missing := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	for name, row := range map[string]struct {
		replacement string
		waits       bool
	}{
		"an image that is stored":       {pinned + "# registry.test/dhcp:1@" + stored, false},
		"an image that is not":          {pinned + "# registry.test/dhcp:1@" + missing, true},
		"one of both":                   {pinned + "# x@" + stored + " y@" + missing, true},
		"an image without its digest":   {pinned + "# registry.test/dhcp:1", false},
		"the image's own, unknown here": {ownFirst, false},
	} {
		image, now := t.TempDir(), time.Unix(1000, 0)
		write(t, filepath.Join(image, "dhcp.yaml"), ownFirst)
		f := folder(t, map[string]string{"dhcp.yaml": row.replacement})
		var err error
		if f.Fallback, err = NewFallback(image, nodeAt(&now)); err != nil {
			t.Fatal(err)
		}
		f.Fallback.node.Stored = func(digest string) bool { return digest == stored }
		uids, err := f.OfferFirst()
		if isOwn := len(uids) == 1; err != nil || isOwn != (row.waits || row.replacement == ownFirst) || slices.Equal(f.Fallback.Waiting(), []string{"dhcp.yaml"}) != row.waits {
			t.Errorf("%s: uids %v, waiting %v, %v", name, uids, f.Fallback.Waiting(), err)
		}
		now = now.Add(firstPause)
		round(t, f)
		expectOffered(t, f, map[string]string{"dhcp.yaml": row.replacement})
		// A manifest that comes while there is a network is tried at once.
		write(t, filepath.Join(f.From, "dhcp.yaml"), newer+"# x@"+missing)
		round(t, f)
		expectOffered(t, f, map[string]string{"dhcp.yaml": newer + "# x@" + missing})
	}
}

// A machine may need minutes to start a pod, and a try would end it before it has done anything.
func TestAPauseBeginsWhenTheImagesPodRuns(t *testing.T) {
	f, now := withFallback(t, map[string]string{"dhcp.yaml": ownDHCP}, map[string]string{"dhcp.yaml": pinned})
	running := false
	f.Fallback.node.Runs = func(uid string) bool { return running && uid == "u-1" }
	expectTurn(t, f, dhcpPod, "dhcp.yaml", firstPause)
	*now = now.Add(5 * time.Minute)
	running = true
	round(t, f)
	*now = now.Add(firstPause - 1)
	round(t, f)
	expectOffered(t, f, map[string]string{"dhcp.yaml": ownDHCP})
	*now = now.Add(1)
	round(t, f)
	expectOffered(t, f, map[string]string{"dhcp.yaml": pinned})

	running = false
	expectTurn(t, f, dhcpPod, "dhcp.yaml", 2*firstPause)
	*now = now.Add(LongestPause - 1)
	round(t, f)
	expectOffered(t, f, map[string]string{"dhcp.yaml": ownDHCP})
	*now = now.Add(1)
	round(t, f)
	expectOffered(t, f, map[string]string{"dhcp.yaml": pinned})
}

func TestAnotherReplacementIsTriedAtOnce(t *testing.T) {
	f, _ := withFallback(t, map[string]string{"dhcp.yaml": ownDHCP}, map[string]string{"dhcp.yaml": pinned})
	expectTurn(t, f, dhcpPod, "dhcp.yaml", firstPause)
	write(t, filepath.Join(f.From, "dhcp.yaml"), newer)
	round(t, f)
	expectOffered(t, f, map[string]string{"dhcp.yaml": newer})
	expectTurn(t, f, dhcpPod, "dhcp.yaml", firstPause)
	write(t, filepath.Join(f.From, "dhcp.yaml"), ownDHCP)
	round(t, f)
	expectTurn(t, f, dhcpPod, "", 0)
}

func TestOnlyAReplacedPodFallsBack(t *testing.T) {
	f, _ := withFallback(t, map[string]string{"dhcp.yaml": ownDHCP, "gone.yaml": later}, map[string]string{"dhcp.yaml": pinned, "mine.yaml": yaml})
	if err := os.Remove(filepath.Join(f.From, "gone.yaml")); err != nil {
		t.Fatal(err)
	}
	round(t, f)
	for _, pod := range []string{"kube-system/dhcp-other", "kube-system/dhcp", "default/dhcp-node", "/cni-node", "kube-system/mine-node", ""} {
		expectTurn(t, f, pod, "", 0)
	}
	expectOffered(t, f, map[string]string{"dhcp.yaml": pinned, "mine.yaml": yaml})
}

func TestAPodThatWaitsForGrowthStillDoes(t *testing.T) {
	f, _ := withFallback(t, map[string]string{"resize.yaml": ownGrow}, map[string]string{"resize.yaml": pinned})
	expectTurn(t, f, "kube-system/resize-node", "resize.yaml", firstPause)
	expectOffered(t, f, map[string]string{})
}

func TestAnImageWithoutManifestsHasNothingToFallBackTo(t *testing.T) {
	fallback, err := NewFallback(filepath.Join(t.TempDir(), "none"), nodeAt(new(time.Time)))
	if err != nil {
		t.Fatal(err)
	}
	f := folder(t, map[string]string{"dhcp.yaml": pinned})
	f.Fallback = fallback
	round(t, f)
	expectTurn(t, f, dhcpPod, "", 0)
}

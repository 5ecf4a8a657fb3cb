package store

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"kios.dev/init/internal/testdisk"
)

var (
	dhcp1   = picture{"kios.invalid/dhcp:1", []string{"runtime 1", "dhcp 1"}}
	chrony1 = picture{"kios.invalid/chrony:1", []string{"runtime 1", "chrony 1"}}
	pause   = picture{"kios.invalid/pause:1", []string{"pause"}}
	dhcp2   = picture{"kios.invalid/dhcp:2", []string{"runtime 2", "dhcp 2"}}
	foreign = picture{"registry.test/app:1", []string{"debian", "app"}}
	// What a registry has of the agents.
	pulledDHCP = picture{"registry.test/dhcp:3", []string{"runtime 1", "dhcp 3"}}
	copied     = picture{"registry.test/copy:1", dhcp1.layers}
	older      = []picture{dhcp1, chrony1, pause}
	newer      = []picture{dhcp2, pause}
)

// node is a machine that has booted the older image once.
func node(t *testing.T) (from, to string) {
	from, to = filepath.Join(scratch(t), "store"), filepath.Join(scratch(t), "containerd")
	ship(t, from, older...)
	boot(t, from, to)
	return from, to
}

func has(t *testing.T, to string, wanted map[string]string) {
	t.Helper()
	found := names(t, to)
	for name, of := range wanted {
		if found[name] != of {
			t.Errorf("%s stands for %q", name, found[name])
		}
	}
}

func TestAPulledImageStaysInAllDirections(t *testing.T) {
	from, to := node(t)
	pull(t, to, foreign)
	run(t, to, "a container of the pulled image", foreign)
	before := state(t, to)
	run(t, to, "a container of the agent", dhcp1)
	for _, images := range [][]picture{newer, older, newer, older} {
		ship(t, from, images...)
		if a := boot(t, from, to); len(a.Lost) > 0 {
			t.Errorf("%+v", a)
		}
		wanted := map[string]string{foreign.name: foreign.manifest(), foreign.config(): foreign.manifest()}
		for _, p := range images {
			wanted[p.name], wanted[p.name+"@"+p.manifest()] = p.manifest(), p.manifest()
		}
		has(t, to, wanted)
		if found := names(t, to); len(found) != 2+3*len(images) {
			t.Errorf("%v", found)
		}
		pull(t, to, foreign) // containerd finds all that it needs
		check(t, to)
	}
	// All that has gone is what a container of the older image wrote; containerd removes its folder.
	after := state(t, to)
	delete(after, layersFolder+"/4")
	if !maps.Equal(before, after) {
		t.Errorf("%v", differences(after, before))
	}
}

func TestAnImageThatSharedALayerLosesItsNamesWithoutAnOrderlyStop(t *testing.T) {
	from, to := node(t)
	pull(t, to, pulledDHCP)
	pull(t, to, copied)
	pull(t, to, foreign)
	ship(t, from, newer...)
	if a := boot(t, from, to); !reflect.DeepEqual(a.Lost, []string{copied.name, pulledDHCP.name}) {
		t.Errorf("%+v", a)
	}
	has(t, to, map[string]string{foreign.name: foreign.manifest(), pulledDHCP.name: "", pulledDHCP.config(): "", copied.name: ""})
	pull(t, to, pulledDHCP)
	pull(t, to, copied)
	check(t, to)
}

func TestAnImageThatSharedALayerStaysAfterAnOrderlyStop(t *testing.T) {
	from, to := node(t)
	pull(t, to, pulledDHCP)
	pull(t, to, copied)
	k, err := Keep(from, to)
	// Two layers of the agent, its manifest and its configuration.
	if err != nil || k.Paths != 4 || k.Bytes == 0 {
		t.Fatalf("%+v %v", k, err)
	}
	check(t, to)
	if k, err := Keep(from, to); err != nil || k.Paths != 0 {
		t.Errorf("a second time: %+v %v", k, err)
	}
	for _, images := range [][]picture{newer, older, newer} {
		ship(t, from, images...)
		if a := boot(t, from, to); len(a.Lost) > 0 {
			t.Errorf("%+v", a)
		}
		has(t, to, map[string]string{pulledDHCP.name: pulledDHCP.manifest(), copied.name: copied.manifest()})
	}
}

// Images of the system before decision 68 linked each layer to its place in the root, and had no record of the folder.
func TestANodeWithLinksOfTheOlderKindGetsTheOthers(t *testing.T) {
	from, to := node(t)
	pull(t, to, foreign)
	pull(t, to, pulledDHCP)
	entries, err := os.ReadDir(filepath.Join(from, layersFolder))
	must(t, err)
	for _, entry := range entries {
		link := filepath.Join(to, layersFolder, entry.Name())
		must(t, os.Remove(link))
		must(t, os.Symlink(filepath.Join(from, layersFolder, entry.Name()), link))
	}
	must(t, os.Remove(filepath.Join(to, layersFolder, shippedLayers)))
	change(t, to, false, func(e edits) {
		must(t, e.at(e.meta, snapshotsAt).DeleteBucket([]byte(shippedRecord)))
		must(t, e.at(e.layers, layersAt).DeleteBucket([]byte("k8s.io/"+shippedLayers+"/"+shippedRecord)))
	})
	ship(t, from, dhcp1, pause) // of the same layers
	if a := boot(t, from, to); len(a.Lost) > 0 {
		t.Errorf("%+v", a)
	}
	has(t, to, map[string]string{foreign.name: foreign.manifest(), pulledDHCP.name: pulledDHCP.manifest()})
	for path, target := range state(t, to) {
		if strings.HasPrefix(path, layersFolder) && strings.HasPrefix(target, from) && !strings.HasSuffix(path, shippedLayers) {
			t.Errorf("%s still leads to %s", path, target)
		}
	}
	change(t, to, false, func(e edits) {
		if _, found := readSnapshots(e.meta)[shippedRecord]; !found {
			t.Error("no record of the folder")
		}
	})
}

func TestANodeWithoutPulledImagesHasNothingToKeep(t *testing.T) {
	from, to := node(t)
	pull(t, to, foreign)
	before := state(t, to)
	put(t, filepath.Join(to, copies, "7/fs/half"), "of a stop that exceeded its deadline")
	if k, err := Keep(from, to); err != nil || k != (Kept{}) {
		t.Errorf("%+v %v", k, err)
	}
	if exists(filepath.Join(to, copies)) {
		t.Error("half a copy remains")
	}
	if after := state(t, to); !maps.Equal(before, after) {
		t.Error("it changed something")
	}
}

func TestALayerThatWasPulledBeforeItIsShippedIsUsed(t *testing.T) {
	from, to := node(t)
	published := picture{"registry.test/dhcp:2", dhcp2.layers}
	pull(t, to, published)
	for _, images := range [][]picture{newer, older, newer} {
		ship(t, from, images...)
		if a := boot(t, from, to); len(a.Lost) > 0 {
			t.Errorf("%+v", a)
		}
		has(t, to, map[string]string{published.name: published.manifest()})
	}
	has(t, to, map[string]string{dhcp2.name: dhcp2.manifest()})
	change(t, to, false, func(e edits) {
		if name := readSnapshots(e.meta)[dhcp2.chains()[0]].name; name[:9] == "k8s.io/45" {
			t.Errorf("%s took the place of the pulled layer", name)
		}
	})
}

func TestANameThatAPullHasMovedStays(t *testing.T) {
	from, to := node(t)
	moved := picture{dhcp1.name, foreign.layers}
	pull(t, to, moved)
	same := picture{dhcp1.name, []string{"runtime 2", "dhcp 2 of the same version"}}
	for _, images := range [][]picture{{same, pause}, older} {
		ship(t, from, images...)
		boot(t, from, to)
		has(t, to, map[string]string{dhcp1.name: moved.manifest(), dhcp1.name + "@" + images[0].manifest(): images[0].manifest()})
	}
}

// cut returns an error at the n-th change, as a power cut would end the work there.
func cut(t *testing.T, n int) {
	count := 0
	beforeChange = func() error {
		if count++; count > n {
			return errCut
		}
		return nil
	}
	t.Cleanup(func() { beforeChange = func() error { return nil } })
}

var errCut = errors.New("power cut")

func TestAPowerCutAtAnyChangeIsFinishedByTheNextBoot(t *testing.T) {
	third := []picture{{"kios.invalid/dhcp:4", []string{"runtime 1", "dhcp 4"}}, pause}
	for _, next := range [][]picture{newer, older, third} {
		made := func(n int) map[string]string {
			root := scratch(t)
			from, to := filepath.Join(root, "store"), filepath.Join(root, "containerd")
			ship(t, from, older...)
			boot(t, from, to)
			pull(t, to, foreign)
			pull(t, to, picture{"registry.test/next:1", dhcp2.layers[:1]})
			if next[0].name != dhcp1.name { // else it stays when nothing was changed
				run(t, to, "a container", dhcp1)
			}
			ship(t, from, newer...)
			cut(t, n)
			_, err := Prepare(from, to, func() error { _, err := Adapt(from, to); return err })
			beforeChange = func() error { return nil }
			if err != nil && !errors.Is(err, errCut) {
				t.Fatal(err)
			}
			ship(t, from, next...)
			boot(t, from, to)
			has(t, to, map[string]string{foreign.name: foreign.manifest(), next[0].name: next[0].manifest()})
			found := map[string]string{}
			for key, value := range state(t, to) {
				found[key] = strings.ReplaceAll(value, root, "")
			}
			if err == nil {
				found["complete"] = "yes"
			}
			return found
		}
		whole := made(1000)
		n := 0
		for ; ; n++ {
			found := made(n)
			complete := found["complete"] == "yes"
			found["complete"] = "yes"
			if !maps.Equal(found, whole) {
				t.Errorf("cut at change %d: %v", n, differences(found, whole))
			}
			if complete {
				break
			}
		}
		if n < 10 {
			t.Errorf("only %d changes", n)
		}
	}
}

// differences lists some of what only one has.
func differences(a, b map[string]string) (found []string) {
	defer func() { found = found[:min(len(found), 6)] }()
	for key, value := range a {
		if other, ok := b[key]; !ok || other != value {
			found = append(found, "+"+key)
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			found = append(found, "-"+key)
		}
	}
	return found
}

func TestAPowerCutWhileLayersAreKept(t *testing.T) {
	for n := 0; n <= 4; n++ {
		from, to := node(t)
		pull(t, to, pulledDHCP)
		pull(t, to, copied)
		cut(t, n)
		if _, err := Keep(from, to); (n < 4) != errors.Is(err, errCut) {
			t.Fatalf("%d: %v", n, err)
		}
		beforeChange = func() error { return nil }
		check(t, to)
		if k, err := Keep(from, to); err != nil || k.Paths != 4-n {
			t.Errorf("%d: %+v %v", n, k, err)
		}
		ship(t, from, newer...)
		if a := boot(t, from, to); len(a.Lost) > 0 {
			t.Errorf("%d: %+v", n, a)
		}
	}
}

func TestADatabaseThatCannotBeEditedIsReportedAndLeftAlone(t *testing.T) {
	for name, spoil := range map[string]func(to string){
		"no database":     func(to string) { os.Remove(filepath.Join(to, layersFile)) },
		"not a database":  func(to string) { os.WriteFile(filepath.Join(to, metaFile), make([]byte, 16384), 0o600) },
		"an empty file":   func(to string) { os.Truncate(filepath.Join(to, metaFile), 0) },
		"another schema":  func(to string) { change(t, to, false, func(e edits) { e.put(e.make(e.meta, "v1"), "version", "5") }) },
		"a FIFO":          func(to string) { fifo(t, filepath.Join(to, metaFile)) },
		"a locked one":    func(to string) { lock(t, filepath.Join(to, metaFile)) },
		"no folder below": func(to string) { os.RemoveAll(filepath.Join(to, blobs)) },
	} {
		from, to := node(t)
		pull(t, to, foreign)
		ship(t, from, newer...)
		spoil(to)
		start := time.Now()
		r, err := Prepare(from, to, func() error { _, err := Adapt(from, to); return err })
		if err == nil || !r.Adapted || time.Since(start) > 10*time.Second {
			t.Errorf("%s: %+v %v after %v", name, r, err, time.Since(start))
		}
		if r, err := Prepare(from, to, nil); err != nil || !r.Fresh {
			t.Errorf("%s: emptied and filled: %+v %v", name, r, err)
		}
		show(t, from, to)
		check(t, to)
	}
}

// A damaged database kept containerd from working for ever: an equal image left it as it was.
func TestADoubtedStoreKeepsWhatCanBeRead(t *testing.T) {
	from, to := node(t)
	pull(t, to, foreign)
	must(t, Doubt(to))
	boot(t, from, to)
	has(t, to, map[string]string{foreign.name: foreign.manifest()})
	damaged := 0
	for _, file := range []string{metaFile, layersFile} {
		for page := int64(2); page < 6; page++ {
			from, to := node(t)
			pull(t, to, foreign)
			must(t, Doubt(to))
			path := filepath.Join(to, file)
			info, err := os.Stat(path)
			must(t, err)
			if info.Size() <= page*4096 {
				break
			}
			database, err := os.OpenFile(path, os.O_WRONLY, 0)
			must(t, err)
			_, err = database.WriteAt(bytes.Repeat([]byte{0xff}, 4096), page*4096)
			must(t, errors.Join(err, database.Close()))
			r, err := Prepare(from, to, func() error { _, err := Adapt(from, to); return err })
			if err == nil {
				boot(t, from, to) // the page was free
				continue
			}
			if damaged++; !r.Adapted {
				t.Errorf("%s, page %d: %+v %v", file, page, r, err)
			}
			if r, err := Prepare(from, to, nil); err != nil || !r.Fresh {
				t.Errorf("%s, page %d: %+v %v", file, page, r, err)
			}
			show(t, from, to)
			check(t, to)
		}
	}
	if damaged < 2 {
		t.Errorf("only %d damaged pages were noticed", damaged)
	}
	if err := Doubt(t.TempDir()); err != nil {
		t.Error(err)
	}
}

func lock(t *testing.T, path string) {
	db, err := bolt.Open(path, 0o600, nil)
	must(t, err)
	t.Cleanup(func() { db.Close() })
}

func TestWithoutRoomNothingIsLost(t *testing.T) {
	testdisk.Require(t)
	from, to := small(t, "size=512k")
	pull(t, to, foreign)
	pull(t, to, pulledDHCP)
	before := state(t, to)
	fill(t, filepath.Dir(to)+"/hog")
	if _, err := Keep(from, to); err == nil {
		t.Error("layers were copied to a full disk")
	}
	ship(t, from, newer...)
	if _, err := Adapt(from, to); err == nil {
		t.Error("a store was adapted on a full disk")
	}
	must(t, os.Remove(filepath.Dir(to)+"/hog"))
	if after := state(t, to); !maps.Equal(before, after) {
		t.Errorf("%v", differences(after, before))
	}
	boot(t, from, to)
	has(t, to, map[string]string{foreign.name: foreign.manifest()})
}

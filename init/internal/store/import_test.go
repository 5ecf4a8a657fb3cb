package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/ocitest"
	"kios.dev/init/internal/testdisk"
)

const (
	app       = "registry.example/team/app:1"
	appDigest = "registry.example/team/app@"
)

// medium is a node with a store, and a folder of archives.
type medium struct {
	t                  *testing.T
	from, to, archives string
}

func newMedium(t *testing.T) medium { return newMediumIn(t, scratch(t)) }

func newMediumIn(t *testing.T, dir string) medium {
	m := medium{t, dir + "/from", dir + "/to", dir + "/images"}
	ship(t, m.from, picture{"kios.invalid/dhcp:1", []string{"runtime"}})
	boot(t, m.from, m.to)
	return m
}

func (m medium) save(name string, layout *ocitest.Layout) {
	m.t.Helper()
	ocitest.Write(m.t, m.archives, name, layout.Tar("index.json"))
}

func (m medium) boot() Imported {
	m.t.Helper()
	done, err := Import(m.from, m.to, m.archives, "amd64")
	must(m.t, err)
	m.check()
	return done
}

// check fails unless all that a name of the medium leads to is recorded and there, as its digest says.
func (m medium) check() {
	m.t.Helper()
	change(m.t, m.to, false, func(e edits) {
		ways := reach{e.at(e.meta, blobsAt)}
		for name, record := range inner(e.at(e.meta, imagesAt)) {
			digest, _ := target(record)
			if label(record, mediumLabel) != digest {
				continue
			}
			if label(record, pinnedLabel) != pinned || label(record, managedLabel) != managed {
				m.t.Errorf("%s is not pinned", name)
			}
			content, _ := ways.from(digest)
			if len(content) < 3 {
				m.t.Errorf("%s leads to %v", name, content)
			}
			for of := range content {
				if text, err := os.ReadFile(filepath.Join(m.to, blobPath(of))); err != nil || ocitest.Digest(string(text)) != of {
					m.t.Errorf("%s: %q %v", of, text, err)
				}
			}
		}
	})
}

func (m medium) names() []string {
	var found []string
	for name := range names(m.t, m.to) {
		if !strings.HasPrefix(name, "kios.invalid/") {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

func (m medium) has(digest string) bool { return exists(filepath.Join(m.to, blobPath(digest))) }

// digestOf returns the digest that a name stands for.
func (m medium) digestOf(name string) string { return names(m.t, m.to)[name] }

func causes(done Imported) string {
	var all []string
	for _, each := range done.Faults {
		all = append(all, each.File+": "+each.Error)
	}
	return strings.Join(all, "\n")
}

func TestAnArchiveIsImportedOnce(t *testing.T) {
	m := newMedium(t)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	first := m.boot()
	if want := []string{app, appDigest + m.digestOf(app)}; first.Bytes == 0 || len(first.Faults) > 0 || !slices.Equal(first.Images, want) || !slices.Equal(m.names(), want) {
		t.Fatalf("%+v %v", first, m.names())
	}
	if !slices.Equal(first.Repositories, []string{"registry.example/team/app"}) {
		t.Error(first.Repositories)
	}
	if info, err := os.Stat(filepath.Join(m.to, blobPath(ocitest.Digest("layer 1")))); err != nil || info.Mode().Perm() != 0o444 {
		t.Error(info, err)
	}
	before := state(t, m.to)
	changes := 0
	beforeChange = func() error { changes++; return nil }
	defer func() { beforeChange = func() error { return nil } }()
	if second := m.boot(); second.Bytes != 0 || len(second.Images) > 0 || changes != 0 || !slices.Equal(second.Repositories, first.Repositories) {
		t.Errorf("%+v with %d changes", second, changes)
	}
	if after := state(t, m.to); len(after) != len(before) {
		t.Error(after)
	}
}

func TestWithoutTheMediumItsImagesStay(t *testing.T) {
	m := newMedium(t)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	first := m.boot()
	done, err := Import(m.from, m.to, "", "amd64")
	if err != nil || !slices.Equal(done.Repositories, first.Repositories) || len(m.names()) != 2 {
		t.Error(done, err, m.names())
	}
}

func TestAnArchiveThatIsTakenAwayTakesItsImagesAlong(t *testing.T) {
	m := newMedium(t)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	m.save("b.tar", ocitest.New(t).Image("b.example/b:1", "amd64", "layer 1"))
	m.boot()
	must(t, os.Remove(m.archives+"/app.tar"))
	if done := m.boot(); len(done.Removed) != 2 || len(m.names()) != 2 || !HasImported(m.to) {
		t.Error(done, m.names())
	}
	must(t, os.RemoveAll(m.archives))
	if done := m.boot(); len(done.Removed) != 2 || len(m.names()) != 0 || HasImported(m.to) || len(done.Repositories) != 0 {
		t.Error(done, m.names())
	}
}

func TestANewerArchiveReplacesItsImage(t *testing.T) {
	m := newMedium(t)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	m.boot()
	before := m.digestOf(app)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 2"))
	if done := m.boot(); !slices.Equal(done.Removed, []string{appDigest + before}) || m.digestOf(app) == before || len(m.names()) != 2 {
		t.Error(done, m.names())
	}
}

func TestARefusedArchiveKeepsNoNames(t *testing.T) {
	m := newMedium(t)
	m.save("a.tar", ocitest.New(t).Image(app, "amd64", "of a"))
	m.save("b.tar", ocitest.New(t).Image("b.example/b:1", "amd64", "of b").Image(app, "amd64", "another"))
	m.save("c.tar", ocitest.New(t).Image("b.example/b:1", "amd64", "of c"))
	done := m.boot()
	if len(done.Faults) != 1 || done.Faults[0].File != "b.tar" || m.digestOf("b.example/b:1") == "" {
		t.Error(m.names(), causes(done))
	}
}

func TestAFaultCostsItsArchiveAlone(t *testing.T) {
	m := newMedium(t)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	damaged := ocitest.New(t).Image("b.example/b:1", "amd64", "of b", "layer 1").Tar()
	at := strings.Index(string(damaged), "of b\x00")
	damaged[at] = 'O'
	ocitest.Write(t, m.archives, "b.tar", damaged)
	m.save("c.tar", ocitest.New(t).Image(app, "amd64", "of c"))
	m.save("d.tar", ocitest.New(t).Image("d.example/d:1", "arm64", "of d"))
	must(t, os.Mkdir(m.archives+"/e.tar", 0o755))
	must(t, os.Symlink("/etc/hostname", m.archives+"/f.tar"))
	ocitest.Write(t, m.archives, ".hidden.tar", nil)
	ocitest.Write(t, m.archives, "notes.txt", nil)
	done := m.boot()
	if len(m.names()) != 2 || len(done.Faults) != 5 {
		t.Error(m.names(), causes(done))
	}
	for _, cause := range []string{"b.tar: " + ocitest.Digest("of b") + " is damaged", "c.tar: app.tar has another image named " + app, "d.tar: it is for linux/arm64", "e.tar: ", "f.tar: "} {
		if !strings.Contains(causes(done), cause) {
			t.Errorf("%s, want %s", causes(done), cause)
		}
	}
	if m.has(ocitest.Digest("of b")) || exists(m.to+"/"+copies) {
		t.Error("parts of an archive that is not whole stay")
	}
}

func TestADamagedSuccessorKeepsWhatWasThere(t *testing.T) {
	m := newMedium(t)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	m.boot()
	ocitest.Write(t, m.archives, "app.tar", []byte("half"))
	if done := m.boot(); len(done.Faults) != 1 || len(m.names()) != 2 || len(done.Repositories) != 1 {
		t.Error(done, m.names())
	}
}

func TestTwoArchivesShareALayer(t *testing.T) {
	m := newMedium(t)
	layer := strings.Repeat("layer 1", 1000)
	m.save("a.tar", ocitest.New(t).Image("a.example/a:1", "amd64", layer))
	m.save("b.tar", ocitest.New(t).Image("b.example/b:1", "amd64", layer, "of b").Image("b.example/c:1", "amd64", layer, layer))
	if done := m.boot(); len(m.names()) != 6 || done.Bytes > int64(2*len(layer)) {
		t.Error(m.names(), done)
	}
	must(t, os.Remove(m.archives+"/a.tar"))
	if m.boot(); len(m.names()) != 4 || !m.has(ocitest.Digest(layer)) {
		t.Error(m.names())
	}
}

func TestAHalfWrittenBlobIsWrittenAgain(t *testing.T) {
	m := newMedium(t)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	put(t, filepath.Join(m.to, blobPath(ocitest.Digest("layer 1"))), "lay")
	put(t, m.to+"/"+copies+"/"+ocitest.Digest("layer 1"), "lay")
	if done := m.boot(); len(done.Faults) > 0 || len(m.names()) != 2 {
		t.Error(done, m.names())
	}
}

func TestAnImportMayBeCutOffAnywhere(t *testing.T) {
	defer func() { beforeChange = func() error { return nil } }()
	cut := errors.New("the power fails")
	for _, taken := range []bool{false, true} {
		for at := 0; ; at++ {
			m := newMedium(t)
			m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1", "layer 2"))
			if taken {
				m.boot()
				must(t, os.Remove(m.archives+"/app.tar"))
			}
			left := at
			beforeChange = func() error {
				if left--; left < 0 {
					return cut
				}
				return nil
			}
			done, err := Import(m.from, m.to, m.archives, "amd64")
			beforeChange = func() error { return nil }
			m.check()
			if !taken && err != nil && !HasImported(m.to) && len(m.names()) > 0 {
				t.Fatal("names without a memo")
			}
			m.boot()
			if want := map[bool]int{false: 2, true: 0}[taken]; len(m.names()) != want || HasImported(m.to) == taken {
				t.Fatalf("cut off at %d: %v", at, m.names())
			}
			if err == nil && len(done.Faults) == 0 {
				if at < 2 {
					t.Fatalf("only %d changes", at)
				}
				break
			}
		}
	}
}

func TestANameThatAPullHasMovedStaysMoved(t *testing.T) {
	m := newMedium(t)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	m.boot()
	given := m.digestOf(app)
	pulled := picture{app, []string{"pulled"}}
	pull(t, m.to, pulled)
	if m.boot(); m.digestOf(app) != pulled.manifest() || m.digestOf(appDigest+given) != given {
		t.Error(names(t, m.to))
	}
	must(t, os.RemoveAll(m.archives))
	m.boot()
	change(t, m.to, false, func(e edits) {
		record := e.at(e.meta, imagesAt, app)
		if digest, _ := target(record); digest != pulled.manifest() || label(record, pinnedLabel) != "" || label(record, mediumLabel) != "" {
			t.Error(digest, label(record, pinnedLabel))
		}
	})
	if exists := m.digestOf(appDigest + given); exists != "" {
		t.Error(exists)
	}
}

func TestAnArchiveComesBeforeTheSystemsImage(t *testing.T) {
	m := newMedium(t)
	built := picture{app, []string{"built"}}
	ship(t, m.from, built)
	boot(t, m.from, m.to)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	if m.boot(); m.digestOf(app) == built.manifest() || m.digestOf(appDigest+built.manifest()) != built.manifest() {
		t.Error(names(t, m.to))
	}
	must(t, os.RemoveAll(m.archives))
	if m.boot(); m.digestOf(app) != built.manifest() || len(m.names()) != 3 {
		t.Error(names(t, m.to))
	}
}

func TestAChangeOfTheSystemKeepsTheMediumsImages(t *testing.T) {
	m := newMedium(t)
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	m.boot()
	ship(t, m.from, picture{"kios.invalid/dhcp:2", []string{"another"}})
	var lost []string
	_, err := Prepare(m.from, m.to, func() error {
		adapted, err := Adapt(m.from, m.to)
		lost = adapted.Lost
		return err
	})
	must(t, err)
	if done := m.boot(); len(lost) > 0 || len(done.Images) > 0 || done.Bytes > 0 || len(m.names()) != 2 {
		t.Error(lost, done, m.names())
	}
}

func TestAnArchiveLeavesHalfOfWhatIsFree(t *testing.T) {
	testdisk.Require(t)
	disk := t.TempDir()
	must(t, unix.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"))
	t.Cleanup(func() { unix.Unmount(disk, 0) })
	m := newMediumIn(t, disk)
	m.archives = t.TempDir()
	m.save("app.tar", ocitest.New(t).Image(app, "amd64", "layer 1"))
	m.save("big.tar", ocitest.New(t).Image("big.example/big:1", "amd64", strings.Repeat("x", 3<<20)))
	done := m.boot()
	if len(done.Faults) != 1 || done.Faults[0].File != "big.tar" || !done.Faults[0].Full || len(m.names()) != 2 {
		t.Errorf("%s %v", causes(done), m.names())
	}
}

package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// picture is an image of a test: a name and its layers, the lowest first.
type picture struct {
	name   string
	layers []string
}

func digest(of ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(of, " ")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// chains returns the ChainIDs of the layers.
func (p picture) chains() []string {
	var all []string
	for i := range p.layers {
		all = append(all, digest(p.layers[:i+1]...))
	}
	return all
}

func (p picture) config() string   { return digest("config of", strings.Join(p.layers, " ")) }
func (p picture) manifest() string { return digest("manifest of", strings.Join(p.layers, " ")) }

// edits are open transactions on both databases of a folder.
type edits struct {
	t            *testing.T
	folder       string
	meta, layers *bolt.Tx
	shipped      bool
}

// change edits the databases of a folder, which it makes if they are not there.
func change(t *testing.T, folder string, shipped bool, do func(e edits)) {
	t.Helper()
	open := func(path string) *bolt.DB {
		os.MkdirAll(filepath.Dir(filepath.Join(folder, path)), 0o755)
		db, err := bolt.Open(filepath.Join(folder, path), 0o600, &bolt.Options{NoSync: true, Timeout: time.Second})
		must(t, err)
		return db
	}
	meta, layers := open(metaFile), open(layersFile)
	defer meta.Close()
	defer layers.Close()
	must(t, meta.Update(func(m *bolt.Tx) error {
		return layers.Update(func(l *bolt.Tx) error { do(edits{t, folder, m, l, shipped}); return nil })
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (e edits) make(tx *bolt.Tx, path ...string) *bolt.Bucket {
	made, err := makeBucket(tx, path)
	must(e.t, err)
	return made
}

func (e edits) at(tx *bolt.Tx, where []string, more ...string) *bolt.Bucket {
	return e.make(tx, append(slices.Clone(where), more...)...)
}

func (e edits) put(in *bolt.Bucket, key, value string) {
	must(e.t, in.Put([]byte(key), []byte(value)))
}

func (e edits) blob(of string, labels map[string]string) {
	record := e.at(e.meta, blobsAt, of)
	e.put(record, "size", "size")
	for key, value := range labels {
		e.put(e.at(e.meta, blobsAt, of, "labels"), key, value)
	}
	if path := filepath.Join(e.folder, blobPath(of)); !exists(path) {
		put(e.t, path, "blob "+of)
	}
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// snapshot adds a snapshot as containerd does: with the next numbers, or for a shipped layer with one of its own.
func (e edits) snapshot(key, parent string) {
	snapshots := e.at(e.meta, snapshotsAt)
	if snapshots.Bucket([]byte(key)) != nil {
		return
	}
	id := 1<<52 + uint64(binary.BigEndian.Uint32([]byte(strings.TrimPrefix(key, "sha256:"))))
	number := id
	if !e.shipped {
		number, _ = snapshots.NextSequence()
		id, _ = e.at(e.layers, layersAt).NextSequence()
	}
	name := fmt.Sprintf("k8s.io/%d/%s", number, key)
	e.put(e.at(e.meta, snapshotsAt, key), "name", name)
	record := e.at(e.layers, layersAt, name)
	must(e.t, record.Put([]byte("id"), binary.AppendUvarint(nil, id)))
	if parent != "" {
		e.put(e.at(e.meta, snapshotsAt, key), "parent", parent)
		must(e.t, e.at(e.meta, snapshotsAt, parent, "children").Put([]byte(key), nil))
		below := string(e.at(e.meta, snapshotsAt, parent).Get([]byte("name")))
		e.put(record, "parent", below)
		parentID, _ := binary.Uvarint(e.at(e.layers, layersAt, below).Get([]byte("id")))
		must(e.t, e.at(e.layers, parentsAt).Put(parentKey(parentID, id), []byte(name)))
	}
	put(e.t, filepath.Join(e.folder, layerPath(id), "fs/file"), key)
}

func (e edits) image(name, of string) {
	record := e.at(e.meta, imagesAt, name)
	e.put(e.at(e.meta, imagesAt, name, "target"), "digest", of)
	e.put(record, "updatedat", "time")
	if e.shipped {
		e.put(e.at(e.meta, imagesAt, name, "labels"), shippedLabel, of)
	}
}

func (e edits) add(p picture, names ...string) {
	e.put(e.make(e.meta, "v1"), "version", "4")
	parent := ""
	for _, chain := range p.chains() {
		e.snapshot(chain, parent)
		parent = chain
	}
	e.blob(p.config(), map[string]string{"containerd.io/gc.ref.snapshot.overlayfs": parent})
	e.blob(p.manifest(), map[string]string{"containerd.io/gc.ref.content.config": p.config(), "containerd.io/gc.ref.content.l.0": digest("a layer's blob")})
	for _, name := range names {
		e.image(name, p.manifest())
	}
}

// shippedRecord is the record of the folder in which the image's layers are mounted.
const shippedRecord = "kios-shipped-layers"

func (e edits) shippedFolder() {
	name := "k8s.io/" + shippedLayers + "/" + shippedRecord
	e.put(e.at(e.meta, snapshotsAt, shippedRecord), "name", name)
	id, err := strconv.ParseUint(shippedLayers, 10, 64)
	must(e.t, err)
	must(e.t, e.at(e.layers, layersAt, name).Put([]byte("id"), binary.AppendUvarint(nil, id)))
}

// ship makes an image of the system with these images in its store. It replaces the one at `from`.
func ship(t *testing.T, from string, pictures ...picture) {
	t.Helper()
	must(t, os.RemoveAll(from))
	change(t, from, true, func(e edits) {
		for _, p := range pictures {
			e.add(p, p.name, strings.Split(p.name, ":")[0]+"@"+p.manifest(), p.name+"@"+p.manifest())
		}
		e.shippedFolder()
	})
	put(t, from+"/store.json", fmt.Sprintf(`{"v":1,"id":"%s"}`, digest(fmt.Sprint(pictures))))
}

// pull adds an image as a pull does.
func pull(t *testing.T, to string, p picture) {
	t.Helper()
	change(t, to, false, func(e edits) { e.add(p, p.name, p.config()) })
}

// run adds the snapshot of a container.
func run(t *testing.T, to, id string, p picture) {
	t.Helper()
	change(t, to, false, func(e edits) { e.snapshot(id, p.chains()[len(p.layers)-1]) })
}

// boot prepares the store, as init does, and checks that containerd can use it.
func boot(t *testing.T, from, to string) Adapted {
	t.Helper()
	var adapted Adapted
	_, err := Prepare(from, to, func() (err error) { adapted, err = Adapt(from, to); return err })
	must(t, err)
	show(t, from, to)
	check(t, to)
	return adapted
}

// show has the effect of Mount without its right: a link in the place of the mount, which the next Adapt removes.
func show(t *testing.T, from, to string) {
	t.Helper()
	err := os.Symlink(filepath.Join(from, layersFolder), filepath.Join(to, layersFolder, shippedLayers))
	if !errors.Is(err, os.ErrExist) {
		must(t, err)
	}
}

// names returns the names of images with what each stands for.
func names(t *testing.T, to string) map[string]string {
	found := map[string]string{}
	change(t, to, false, func(e edits) {
		for name, record := range inner(e.at(e.meta, imagesAt)) {
			found[name], _ = target(record)
		}
	})
	return found
}

// scratch returns a folder, in memory if possible: these tests sync often.
func scratch(t *testing.T) string {
	folder, err := os.MkdirTemp("/dev/shm", "kios-store-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// dump describes what a bucket holds.
func dump(into map[string]string, path string, of *bolt.Bucket) {
	of.ForEach(func(key, value []byte) error {
		if value == nil && of.Bucket(key) != nil {
			dump(into, path+"/"+string(key), of.Bucket(key))
		} else {
			into[path+"/"+string(key)] = string(value)
		}
		return nil
	})
}

// state describes containerd's folder: its databases and its files.
func state(t *testing.T, to string) map[string]string {
	found := map[string]string{}
	change(t, to, false, func(e edits) {
		dump(found, "meta", e.make(e.meta, "v1"))
		dump(found, "layers", e.make(e.layers, "v1"))
	})
	for _, folder := range []string{blobs, layersFolder} {
		entries, err := os.ReadDir(filepath.Join(to, folder))
		must(t, err)
		for _, entry := range entries {
			target, _ := os.Readlink(filepath.Join(to, folder, entry.Name()))
			found[folder+"/"+entry.Name()] = target
		}
	}
	return found
}

// check fails unless all that containerd's databases say is there and agrees.
func check(t *testing.T, to string) {
	t.Helper()
	change(t, to, false, func(e edits) {
		snapshots, layers := readSnapshots(e.meta), readLayers(e.layers)
		children, links := map[string]bool{}, map[string]bool{}
		for key, s := range snapshots {
			l, ok := layers[s.name]
			if !ok || l.parent != snapshots[s.parent].name {
				t.Errorf("%s: %+v with the layer %+v", key, s, l)
			}
			if key == shippedRecord {
				continue
			}
			if text, err := os.ReadFile(filepath.Join(to, layerPath(l.id), "fs/file")); err != nil || string(text) != key {
				t.Errorf("%s: %q %v", key, text, err)
			}
			if s.parent != "" {
				children[s.parent+" "+key] = true
			}
		}
		for key, record := range inner(e.at(e.meta, snapshotsAt)) {
			if below := record.Bucket([]byte("children")); below != nil {
				below.ForEach(func(child, _ []byte) error {
					if pair := key + " " + string(child); !children[pair] {
						t.Errorf("%s is no child", pair)
					}
					delete(children, key+" "+string(child))
					return nil
				})
			}
		}
		if len(children) > 0 {
			t.Errorf("parents do not know %v", slices.Collect(maps.Keys(children)))
		}
		for name, l := range layers {
			if l.parent != "" {
				links[string(parentKey(layers[l.parent].id, l.id))+name] = true
			}
		}
		e.at(e.layers, parentsAt).ForEach(func(key, child []byte) error {
			if !links[string(key)+string(child)] {
				t.Errorf("%q leads to %s", key, child)
			}
			delete(links, string(key)+string(child))
			return nil
		})
		if len(links) > 0 {
			t.Errorf("no parent leads to %q", slices.Collect(maps.Keys(links)))
		}
		ways := reach{e.at(e.meta, blobsAt)}
		for name, record := range inner(e.at(e.meta, imagesAt)) {
			of, _ := target(record)
			content, keys := ways.from(of)
			if len(content) != 2 || len(keys) != 1 {
				t.Errorf("%s leads to %v and %v", name, content, keys)
			}
			for key := range keys {
				if _, ok := snapshots[key]; !ok {
					t.Errorf("%s leads to no snapshot %s", name, key)
				}
			}
		}
		for of := range inner(e.at(e.meta, blobsAt)) {
			if text, err := os.ReadFile(filepath.Join(to, blobPath(of))); err != nil || string(text) != "blob "+of {
				t.Errorf("%s: %q %v", of, text, err)
			}
		}
	})
}

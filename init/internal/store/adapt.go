package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// Adapted says what Adapt did.
type Adapted struct {
	Lost []string // names of pulled images that shared files with the image before and cannot be whole any more
}

// Adapt turns containerd's folder, filled from the store of another image, into one of the store `from`. Pulled images
// stay. It may be interrupted at any point and run again, also with another store: each of the two databases changes in
// one transaction, and what is the image's own can be told from the records and links themselves.
func Adapt(from, to string) (Adapted, error) {
	f := folders{from, to}
	image, err := openDatabases(from, true)
	if err != nil {
		return Adapted{}, err
	}
	defer image.Close()
	node, err := openDatabases(to, false)
	if err != nil {
		return Adapted{}, err
	}
	defer node.Close()
	if err := errors.Join(sound(node.meta), sound(node.layers)); err != nil {
		return Adapted{}, err
	}
	content, done, err := readContent(image)
	if err != nil {
		return Adapted{}, err
	}
	defer done()
	a := adaption{folders: f, image: content, names: map[string]string{}}
	err = node.layers.View(func(tx *bolt.Tx) error { a.whole = a.wholeLayers(readLayers(tx)); return nil })
	if err == nil {
		err = edit(node.meta, a.editMetadata)
	}
	if err == nil {
		err = edit(node.layers, a.editLayers)
	}
	if err == nil {
		err = a.relinkAll()
	}
	if err == nil {
		err = os.RemoveAll(filepath.Join(to, copies))
	}
	if err == nil {
		err = syncFS(to)
	}
	slices.Sort(a.lost)
	return Adapted{a.lost}, err
}

// sound returns the first fault in the pages of a database.
func sound(db *bolt.DB) (first error) {
	err := db.View(func(tx *bolt.Tx) error {
		for fault := range tx.Check() { // all of them have to be taken
			if first == nil {
				first = fmt.Errorf("%s is damaged: %w", db.Path(), fault)
			}
		}
		return nil
	})
	return errors.Join(first, err)
}

// beforeChange is called before each change on the disk. A test lets it fail, as a power cut would end the work there.
var beforeChange = func() error { return nil }

func edit(db *bolt.DB, change func(*bolt.Tx) error) error {
	if err := beforeChange(); err != nil {
		return err
	}
	return db.Update(change)
}

// content is what the image ships.
type content struct {
	meta, layers *bolt.Tx
	snapshots    map[string]snapshot
	order        []string // keys of snapshots, each after its parent
	records      map[string]layer
}

// readContent reads the databases of the image. The second result ends the reading.
func readContent(image *databases) (*content, func(), error) {
	meta, err := image.meta.Begin(false)
	if err != nil {
		return nil, nil, err
	}
	layers, err := image.layers.Begin(false)
	if err != nil {
		meta.Rollback()
		return nil, nil, err
	}
	c := &content{meta: meta, layers: layers, snapshots: readSnapshots(meta), records: readLayers(layers)}
	c.order = sorted(c.snapshots, func(s snapshot) string { return s.parent })
	return c, func() { layers.Rollback(); meta.Rollback() }, nil
}

// ships reports whether the image has a layer, by its key in the snapshotter's database.
func (c *content) ships(name string) bool { _, ok := c.records[name]; return ok }

// adaption is the work of Adapt.
type adaption struct {
	folders
	image *content
	whole map[string]bool   // layers of the node that have their files
	names map[string]string // each shipped ChainID → key in the snapshotter's database, which may be that of a pulled layer
	lost  []string
}

// wholeLayers returns the keys of the layers that have their files and those of all their ancestors, once the links of
// the image are made.
func (a *adaption) wholeLayers(all map[string]layer) map[string]bool {
	whole := map[string]bool{}
	for _, key := range sorted(all, func(l layer) string { return l.parent }) {
		l := all[key]
		if (a.image.ships(key) || a.layer(l.id) == own) && (l.parent == "" || whole[l.parent]) {
			whole[key] = true
		}
	}
	return whole
}

// editLayers edits the snapshotter's database.
func (a *adaption) editLayers(tx *bolt.Tx) error {
	layers, err := makeBucket(tx, layersAt)
	if err != nil {
		return err
	}
	parents, err := makeBucket(tx, parentsAt)
	if err != nil {
		return err
	}
	added := map[string]bool{} // the keys of the image's layers that are not a pulled one
	for _, name := range a.names {
		added[name] = a.image.ships(name)
	}
	for key := range inner(layers) {
		if a.whole[key] && !added[key] {
			continue
		}
		if err := layers.DeleteBucket([]byte(key)); err != nil {
			return err
		}
	}
	var stale [][]byte
	parents.ForEach(func(key, child []byte) error {
		if !a.whole[string(child)] || added[string(child)] {
			stale = append(stale, bytes.Clone(key))
		}
		return nil
	})
	for _, key := range stale {
		if err := parents.Delete(key); err != nil {
			return err
		}
	}
	for _, chain := range a.image.order {
		if name := a.names[chain]; added[name] {
			if err := a.addLayer(layers, parents, name, a.names[a.image.snapshots[chain].parent]); err != nil {
				return err
			}
		}
	}
	return nil
}

// addLayer copies the record of a shipped layer. Its parent may be a pulled layer with the same files.
func (a *adaption) addLayer(layers, parents *bolt.Bucket, name, parent string) error {
	record := bucket(a.image.layers, layersAt).Bucket([]byte(name))
	if err := replace(layers, name, record); err != nil || parent == "" {
		return err
	}
	below := layers.Bucket([]byte(parent))
	if below == nil {
		return errors.New("no record of " + parent)
	}
	if err := layers.Bucket([]byte(name)).Put([]byte("parent"), []byte(parent)); err != nil {
		return err
	}
	id, _ := binary.Uvarint(below.Get([]byte("id")))
	return parents.Put(parentKey(id, a.image.records[name].id), []byte(name))
}

func (a *adaption) relinkAll() error {
	wanted := map[string]bool{}
	for _, name := range a.names {
		if l, ok := a.image.records[name]; ok && layerPath(l.id) != filepath.Join(layersFolder, shippedLayers) {
			wanted[layerPath(l.id)] = true
		}
	}
	if err := a.relink(layersFolder, wanted); err != nil {
		return err
	}
	wanted = map[string]bool{}
	for digest := range inner(bucket(a.image.meta, blobsAt)) {
		wanted[blobPath(digest)] = true
	}
	return a.relink(blobs, wanted)
}

// named returns the names of images that people know; containerd also names each image by its id.
func named(all map[string]bool) []string {
	names := slices.Collect(maps.Keys(all))
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "sha256:") })
}

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	metaFile   = meta + "/meta.db"
	layersFile = snapshotter + "/metadata.db"
	// lockWait bounds the wait for a database that another process still has open.
	lockWait = 2 * time.Second
)

// The buckets of containerd that init reads or edits (core/metadata/buckets.go, core/snapshots/storage/bolt.go).
var (
	imagesAt    = []string{"v1", "k8s.io", "images"}
	blobsAt     = []string{"v1", "k8s.io", "content", "blob"}
	snapshotsAt = []string{"v1", "k8s.io", "snapshots", "overlayfs"}
	layersAt    = []string{"v1", "snapshots"}
	parentsAt   = []string{"v1", "parents"}
)

// databases are containerd's two: what it knows, and what its snapshotter knows.
type databases struct{ meta, layers *bolt.DB }

func openDatabases(folder string, readOnly bool) (*databases, error) {
	meta, err := openDatabase(filepath.Join(folder, metaFile), readOnly)
	if err != nil {
		return nil, err
	}
	layers, err := openDatabase(filepath.Join(folder, layersFile), readOnly)
	if err != nil {
		meta.Close()
		return nil, err
	}
	return &databases{meta, layers}, nil
}

func (d *databases) Close() error { return errors.Join(d.meta.Close(), d.layers.Close()) }

func openDatabase(path string, readOnly bool) (*bolt.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err // the library would make a new one
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, ReadOnly: readOnly})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

// bucket returns the bucket at a path, or nil.
func bucket(tx *bolt.Tx, path []string) *bolt.Bucket {
	found := tx.Bucket([]byte(path[0]))
	for _, name := range path[1:] {
		if found == nil {
			return nil
		}
		found = found.Bucket([]byte(name))
	}
	return found
}

// makeBucket returns the bucket at a path, which it makes if it is not there.
func makeBucket(tx *bolt.Tx, path []string) (*bolt.Bucket, error) {
	made, err := tx.CreateBucketIfNotExists([]byte(path[0]))
	for _, name := range path[1:] {
		if err != nil {
			break
		}
		made, err = made.CreateBucketIfNotExists([]byte(name))
	}
	return made, err
}

// inner returns the buckets in a bucket by name.
func inner(of *bolt.Bucket) map[string]*bolt.Bucket {
	found := map[string]*bolt.Bucket{}
	if of != nil {
		of.ForEachBucket(func(name []byte) error {
			found[string(name)] = of.Bucket(name)
			return nil
		})
	}
	return found
}

// replace gives a bucket the content of another, without the inner buckets that are left out.
func replace(in *bolt.Bucket, name string, content *bolt.Bucket, without ...string) error {
	if in.Bucket([]byte(name)) != nil {
		if err := in.DeleteBucket([]byte(name)); err != nil {
			return err
		}
	}
	made, err := in.CreateBucket([]byte(name))
	if err != nil {
		return err
	}
	return merge(made, content, without...)
}

// merge adds the content of a bucket to another.
func merge(into, from *bolt.Bucket, without ...string) error {
	return from.ForEach(func(key, value []byte) error {
		if value != nil {
			return into.Put(key, value)
		}
		if slices.Contains(without, string(key)) {
			return nil
		}
		made, err := into.CreateBucketIfNotExists(key)
		if err != nil {
			return err
		}
		return merge(made, from.Bucket(key))
	})
}

// snapshot is a record of containerd: of a layer, whose key is its ChainID, or of a container.
type snapshot struct {
	name   string // its key in the snapshotter's database
	parent string // key of a snapshot, or ""
}

func readSnapshots(tx *bolt.Tx) map[string]snapshot {
	found := map[string]snapshot{}
	for key, record := range inner(bucket(tx, snapshotsAt)) {
		found[key] = snapshot{string(record.Get([]byte("name"))), string(record.Get([]byte("parent")))}
	}
	return found
}

// layer is a record of the snapshotter. Its files are in the folder snapshots/<id>.
type layer struct {
	id     uint64
	parent string // key of a layer, or ""
}

func readLayers(tx *bolt.Tx) map[string]layer {
	found := map[string]layer{}
	for key, record := range inner(bucket(tx, layersAt)) {
		id, _ := binary.Uvarint(record.Get([]byte("id")))
		found[key] = layer{id, string(record.Get([]byte("parent")))}
	}
	return found
}

// parentKey is the key of the entry that leads from a layer to one above it.
func parentKey(parent, child uint64) []byte {
	key := append(binary.AppendUvarint(nil, parent), 0)
	return binary.AppendUvarint(key, child)
}

// sorted returns the keys in an order in which each follows its parent. A key whose ancestors are not all there, or are
// a circle, is left out.
func sorted[V any](all map[string]V, parent func(V) string) []string {
	var order []string
	placed := map[string]bool{"": true}
	keys := slices.Sorted(maps.Keys(all))
	for before := -1; before < len(order); {
		before = len(order)
		for _, key := range keys {
			if !placed[key] && placed[parent(all[key])] {
				placed[key] = true
				order = append(order, key)
			}
		}
	}
	return order
}

// Labels of a blob that say what containerd keeps as long as the blob.
const (
	contentLabel  = "containerd.io/gc.ref.content"
	snapshotLabel = "containerd.io/gc.ref.snapshot.overlayfs"
)

// references calls the functions with what a blob's labels refer to, as containerd's garbage collection reads them.
func references(blob *bolt.Bucket, content, snapshots func(key string)) {
	labels := blob.Bucket([]byte("labels"))
	if labels == nil {
		return
	}
	labels.ForEach(func(key, value []byte) error {
		switch {
		case isLabel(string(key), contentLabel):
			content(string(value))
		case isLabel(string(key), snapshotLabel):
			snapshots(string(value))
		}
		return nil
	})
}

// isLabel reports whether a key is the label, or the label with a name of its own behind a dot or slash.
func isLabel(key, label string) bool {
	rest, ok := strings.CutPrefix(key, label)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '/')
}

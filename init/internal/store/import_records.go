package store

import (
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"kios.dev/init/internal/ociarchive"
)

// mediumLabel of an image's name holds the digest that an archive of the medium gave it. A pull that moves the name
// leaves the label.
const mediumLabel = "kios.dev/medium"

// The labels that the CRI plugin gives a name: it manages the image, and kubelet's garbage collection leaves it alone.
const (
	managedLabel, managed = "io.cri-containerd.image", "managed"
	pinnedLabel, pinned   = "io.cri-containerd.pinned", "pinned"
)

// record makes containerd's database agree with the archives. The memo is there before the first label and after the
// last, so that a boot without archives knows that there is something to take away.
func (i *importing) record() error {
	if len(i.wanted) > 0 {
		if err := i.writeMemo(); err != nil {
			return err
		}
	} else if len(i.memo) == 0 && !HasImported(i.to) {
		return nil
	}
	image, err := openDatabase(filepath.Join(i.from, metaFile), true)
	if err != nil {
		return err
	}
	defer image.Close()
	node, err := openDatabase(filepath.Join(i.to, metaFile), false)
	if err != nil {
		return err
	}
	defer node.Close()
	if err := image.View(func(shipped *bolt.Tx) error { return i.update(node, shipped) }); err != nil || len(i.wanted) > 0 {
		return err
	}
	if err := beforeChange(); err != nil {
		return err
	}
	return os.Remove(filepath.Join(i.to, memoFile))
}

// update commits only a change, because a commit waits for the disk.
func (i *importing) update(node *bolt.DB, shipped *bolt.Tx) error {
	tx, err := node.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	e := editing{tx: tx, shipped: shipped, now: stamp(time.Now())}
	if err := e.edit(i.images()); err != nil || !e.changed {
		return err
	}
	if err := beforeChange(); err != nil {
		return err
	}
	i.done.Images, i.done.Removed = e.added, e.removed
	return tx.Commit()
}

// images returns all wanted images, the first archive's first.
func (i *importing) images() []ociarchive.Image {
	var all []ociarchive.Image
	for _, file := range slices.Sorted(maps.Keys(i.wanted)) {
		all = append(all, i.wanted[file]...)
	}
	return all
}

// editing is one transaction on the database of a node.
type editing struct {
	tx, shipped    *bolt.Tx
	now            []byte
	changed        bool
	added, removed []string
}

func (e *editing) edit(images []ociarchive.Image) error {
	if err := sameSchema(e.tx, e.shipped); err != nil {
		return err
	}
	blobs, err := makeBucket(e.tx, blobsAt)
	if err != nil {
		return err
	}
	names, err := makeBucket(e.tx, imagesAt)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, image := range images {
		for _, blob := range image.Blobs {
			if err := e.addBlob(blobs, blob); err != nil {
				return err
			}
		}
		for _, name := range image.Name.In(image.Target.Digest) {
			wanted[name] = true
			if err := e.addName(names, name, image.Target); err != nil {
				return err
			}
		}
	}
	return e.removeOthers(names, wanted)
}

// put gives a bucket an entry, unless it has that one.
func (e *editing) put(in *bolt.Bucket, key string, value []byte) error {
	if string(in.Get([]byte(key))) == string(value) && in.Get([]byte(key)) != nil {
		return nil
	}
	e.changed = true
	return in.Put([]byte(key), value)
}

func (e *editing) putLabels(in *bolt.Bucket, labels map[string]string) error {
	if len(labels) == 0 {
		return nil
	}
	bucket, err := in.CreateBucketIfNotExists([]byte("labels"))
	for key, value := range labels {
		if err == nil {
			err = e.put(bucket, key, []byte(value))
		}
	}
	return err
}

// create makes a record with its times.
func (e *editing) create(in *bolt.Bucket, name string) (*bolt.Bucket, error) {
	e.changed = true
	record, err := in.CreateBucket([]byte(name))
	for _, key := range []string{"createdat", "updatedat"} {
		if err == nil {
			err = record.Put([]byte(key), e.now)
		}
	}
	return record, err
}

// addBlob adds a record, or what labels one lacks that a pull has made.
func (e *editing) addBlob(blobs *bolt.Bucket, blob ociarchive.Blob) (err error) {
	record := blobs.Bucket([]byte(blob.Digest))
	if record == nil {
		if record, err = e.create(blobs, blob.Digest); err != nil {
			return err
		}
	}
	if err := e.put(record, "size", binary.AppendVarint(nil, blob.Size)); err != nil {
		return err
	}
	return e.putLabels(record, blob.Labels)
}

// addName lets a name stand for an image. A name that a pull has moved since the archive gave it stays moved.
func (e *editing) addName(names *bolt.Bucket, name string, to ociarchive.Descriptor) error {
	if record := names.Bucket([]byte(name)); record != nil {
		digest, ofImage := target(record)
		if ofImage && digest == to.Digest || label(record, mediumLabel) == to.Digest {
			return nil
		}
		if err := names.DeleteBucket([]byte(name)); err != nil {
			return err
		}
	}
	record, err := e.create(names, name)
	if err != nil {
		return err
	}
	into, err := record.CreateBucket([]byte("target"))
	if err != nil {
		return err
	}
	e.added = append(e.added, name)
	for key, value := range map[string][]byte{
		"digest": []byte(to.Digest), "mediatype": []byte(to.MediaType), "size": binary.AppendVarint(nil, to.Size),
	} {
		if err := into.Put([]byte(key), value); err != nil {
			return err
		}
	}
	return e.putLabels(record, map[string]string{managedLabel: managed, pinnedLabel: pinned, mediumLabel: to.Digest})
}

// removeOthers takes away the names of archives that are gone. One that the system's image has too is the image's
// again, and one that a pull has moved is an ordinary one.
func (e *editing) removeOthers(names *bolt.Bucket, wanted map[string]bool) error {
	for name, record := range inner(names) {
		digest, _ := target(record)
		given := label(record, mediumLabel)
		if given == "" || wanted[name] {
			continue
		}
		e.changed = true
		if given != digest {
			labels := record.Bucket([]byte("labels"))
			for _, key := range []string{mediumLabel, pinnedLabel} {
				if err := labels.Delete([]byte(key)); err != nil {
					return err
				}
			}
			continue
		}
		if err := e.remove(names, name); err != nil {
			return err
		}
	}
	slices.Sort(e.removed)
	return nil
}

func (e *editing) remove(names *bolt.Bucket, name string) error {
	if shipped := bucket(e.shipped, imagesAt); shipped != nil {
		if record := shipped.Bucket([]byte(name)); record != nil {
			return replace(names, name, record)
		}
	}
	e.removed = append(e.removed, name)
	return names.DeleteBucket([]byte(name))
}

// stamp encodes a time as containerd does.
func stamp(at time.Time) []byte {
	text, _ := at.UTC().MarshalBinary() // it fails for zones with odd seconds
	return text
}

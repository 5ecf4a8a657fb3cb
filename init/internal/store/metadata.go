package store

import (
	"bytes"
	"errors"

	bolt "go.etcd.io/bbolt"
)

// shippedLabel of an image's name holds the digest that the system's image gave it. A pull that moves the name leaves
// the label, so a name with another digest is a user's.
const shippedLabel = "kios.dev/shipped"

// errSchema means that another version of containerd wrote the database.
var errSchema = errors.New("containerd's database has another schema than the image's")

func sameSchema(node, image *bolt.Tx) error {
	there, wanted := bucket(node, []string{"v1"}), bucket(image, []string{"v1"})
	if there == nil || wanted == nil || !bytes.Equal(there.Get([]byte("version")), wanted.Get([]byte("version"))) {
		return errSchema
	}
	return nil
}

// editMetadata edits the database of images, blobs and snapshots.
func (a *adaption) editMetadata(tx *bolt.Tx) error {
	if err := sameSchema(tx, a.image.meta); err != nil {
		return err
	}
	before := readSnapshots(tx)
	kept := a.keptSnapshots(before)
	if err := a.editImages(tx, kept); err != nil {
		return err
	}
	if err := a.editBlobs(tx); err != nil {
		return err
	}
	return a.editSnapshots(tx, before, kept)
}

// keptSnapshots returns the keys of the snapshots that have their files, and fills a.names.
func (a *adaption) keptSnapshots(all map[string]snapshot) map[string]bool {
	kept := map[string]bool{}
	for _, key := range sorted(all, func(s snapshot) string { return s.parent }) {
		s := all[key]
		if (a.whole[s.name] || a.image.ships(s.name)) && (s.parent == "" || kept[s.parent]) {
			kept[key] = true
		}
	}
	for chain, s := range a.image.snapshots {
		a.names[chain] = s.name
		if kept[chain] {
			a.names[chain] = all[chain].name
		}
	}
	return kept
}

// lacksBlob reports whether the node has a record of a blob and no file for it.
func (a *adaption) lacksBlob(digest string) bool {
	return a.blob(digest) == gone && bucket(a.image.meta, blobsAt).Bucket([]byte(digest)) == nil
}

// editImages removes the names of the image before, and those of pulled images that are not whole any more, and adds
// the image's names. A name that a pull has moved stays.
func (a *adaption) editImages(tx *bolt.Tx, kept map[string]bool) error {
	images, err := makeBucket(tx, imagesAt)
	if err != nil {
		return err
	}
	ways := reach{blobs: bucket(tx, blobsAt)}
	lost := map[string]bool{}
	for name, record := range inner(images) {
		digest, ofImage := target(record)
		if !ofImage {
			content, snapshots := ways.from(digest)
			for key := range content {
				lost[name] = lost[name] || a.lacksBlob(key)
			}
			for key := range snapshots {
				lost[name] = lost[name] || !kept[key] && a.names[key] == ""
			}
			if !lost[name] {
				delete(lost, name)
				continue
			}
			if label(record, mediumLabel) != "" {
				delete(lost, name) // Import follows, which brings it again
			}
		}
		if err := images.DeleteBucket([]byte(name)); err != nil {
			return err
		}
	}
	a.lost = named(lost)
	for name, record := range inner(bucket(a.image.meta, imagesAt)) {
		if there := images.Bucket([]byte(name)); there != nil {
			wanted, _ := target(record)
			if digest, _ := target(there); digest != wanted {
				continue
			}
		}
		if err := replace(images, name, record); err != nil {
			return err
		}
	}
	return nil
}

// target returns the digest that a name of an image stands for, and whether the system's image gave it.
func target(record *bolt.Bucket) (digest string, ofImage bool) {
	if to := record.Bucket([]byte("target")); to != nil {
		digest = string(to.Get([]byte("digest")))
	}
	return digest, digest != "" && label(record, shippedLabel) == digest
}

// label returns the value of a record's label, or "".
func label(record *bolt.Bucket, key string) string {
	if labels := record.Bucket([]byte("labels")); labels != nil {
		return string(labels.Get([]byte(key)))
	}
	return ""
}

// reach follows references between blobs.
type reach struct{ blobs *bolt.Bucket }

// from returns the blobs and snapshots to which a blob leads, itself included. A manifest also refers to what was never
// fetched, so only blobs with a record are among them.
func (r reach) from(digest string) (content, snapshots map[string]bool) {
	content, snapshots = map[string]bool{}, map[string]bool{}
	var follow func(key string)
	follow = func(key string) {
		if r.blobs == nil || content[key] {
			return
		}
		if record := r.blobs.Bucket([]byte(key)); record != nil {
			content[key] = true
			references(record, follow, func(key string) { snapshots[key] = true })
		}
	}
	follow(digest)
	return content, snapshots
}

func (a *adaption) editBlobs(tx *bolt.Tx) error {
	blobs, err := makeBucket(tx, blobsAt)
	if err != nil {
		return err
	}
	for digest := range inner(blobs) {
		if a.lacksBlob(digest) {
			if err := blobs.DeleteBucket([]byte(digest)); err != nil {
				return err
			}
		}
	}
	for digest, record := range inner(bucket(a.image.meta, blobsAt)) {
		there, err := blobs.CreateBucketIfNotExists([]byte(digest))
		if err == nil {
			err = merge(there, record) // a pulled manifest has labels of its own
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *adaption) editSnapshots(tx *bolt.Tx, before map[string]snapshot, kept map[string]bool) error {
	snapshots, err := makeBucket(tx, snapshotsAt)
	if err != nil {
		return err
	}
	for key, s := range before {
		if kept[key] {
			continue
		}
		if err := snapshots.DeleteBucket([]byte(key)); err != nil {
			return err
		}
		if kept[s.parent] {
			if children := snapshots.Bucket([]byte(s.parent)).Bucket([]byte("children")); children != nil {
				if err := children.Delete([]byte(key)); err != nil {
					return err
				}
			}
		}
	}
	shipped := bucket(a.image.meta, snapshotsAt)
	for _, chain := range a.image.order {
		if kept[chain] {
			continue
		}
		if err := replace(snapshots, chain, shipped.Bucket([]byte(chain)), "children"); err != nil {
			return err
		}
		if parent := a.image.snapshots[chain].parent; parent != "" {
			children, err := snapshots.Bucket([]byte(parent)).CreateBucketIfNotExists([]byte("children"))
			if err == nil {
				err = children.Put([]byte(chain), nil)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

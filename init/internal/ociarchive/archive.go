// Package ociarchive reads images from OCI archives of people: tar files with an OCI image layout (image-spec 1.1,
// image-layout.md). Nothing of an archive is held in memory but its small documents.
package ociarchive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"kios.dev/init/internal/plainfile"
)

const (
	// Ending is that of the names of archives.
	Ending = ".tar"

	indexFile  = "index.json"
	dockerFile = "manifest.json"
	blobFolder = "blobs/sha256/"

	// maxFiles bounds the files whose places are remembered.
	maxFiles = 16384
	// maxDocument is the size of an index, a manifest or a configuration, in bytes.
	maxDocument = 4 << 20
)

var (
	errNoTar  = errors.New("it is no tar archive, or it is cut short")
	errZipped = errors.New("it is compressed; unpack it with gunzip, or let ./kios configure --image copy it")
	errDocker = errors.New("it is a Docker archive of the old form, without " + indexFile)
)

// Archive is an open archive.
type Archive struct {
	file   *os.File
	places map[string]place // of the files that count, by name
}

// place says where the content of a file is, in bytes of the archive.
type place struct{ offset, size int64 }

// Open opens the archive name in a folder.
func Open(folder, name string) (*Archive, error) {
	file, err := plainfile.Open(folder, name)
	if err != nil {
		return nil, err
	}
	a := &Archive{file, map[string]place{}}
	if err := a.look(); err != nil {
		file.Close()
		return nil, err
	}
	return a, nil
}

func (a *Archive) Close() error { return a.file.Close() }

// look finds the places of all files that count. Of two files with one name the last counts, as for tar(1).
func (a *Archive) look() error {
	info, err := a.file.Stat()
	if err != nil {
		return err
	}
	err = walkTar(a.file, info.Size(), func(name string, at place) error {
		if name == indexFile || name == dockerFile || strings.HasPrefix(name, blobFolder) {
			a.places[name] = at
		}
		if len(a.places) > maxFiles {
			return fmt.Errorf("it has more than %d files", maxFiles)
		}
		return nil
	})
	_, isLayout := a.places[indexFile]
	_, isDocker := a.places[dockerFile]
	switch {
	case a.isZipped():
		return errZipped
	case errors.Is(err, errHeader) || errors.Is(err, errShort):
		return errNoTar
	case err != nil || isLayout:
		return err
	case isDocker:
		return errDocker
	}
	return errors.New("it has no file " + indexFile)
}

// isZipped recognises gzip by its first bytes (RFC 1952 section 2.3.1).
func (a *Archive) isZipped() bool {
	var magic [2]byte
	_, err := a.file.ReadAt(magic[:], 0)
	return err == nil && magic == [2]byte{0x1f, 0x8b}
}

func (a *Archive) content(at place) io.Reader { return io.NewSectionReader(a.file, at.offset, at.size) }

// index reads index.json.
func (a *Archive) index(into any) error {
	at := a.places[indexFile]
	if at.size > maxDocument {
		return tooLong(indexFile, at.size)
	}
	text, err := io.ReadAll(a.content(at))
	if err != nil {
		return err
	}
	return parse(indexFile, text, into)
}

// document reads an index, a manifest or a configuration, which it compares with its digest.
func (a *Archive) document(of Descriptor, into any) error {
	if of.Size > maxDocument {
		return tooLong(of.Digest, of.Size)
	}
	var text bytes.Buffer
	if err := a.Copy(of, &text); err != nil {
		return err
	}
	return parse(of.Digest, text.Bytes(), into)
}

func tooLong(name string, bytes int64) error {
	return fmt.Errorf("%s has %d bytes: at most %d are allowed", name, bytes, maxDocument)
}

func parse(name string, text []byte, into any) error {
	if json.Unmarshal(text, into) != nil {
		return errors.New(name + " is not what OCI's image-spec asks for")
	}
	return nil
}

// find returns the place of a blob.
func (a *Archive) find(of Descriptor) (place, error) {
	hex, isDigest := strings.CutPrefix(of.Digest, "sha256:")
	if !isDigest || len(hex) != 2*sha256.Size || strings.Trim(hex, "0123456789abcdef") != "" {
		return place{}, fmt.Errorf("%q is no SHA-256 digest", of.Digest)
	}
	at, ok := a.places[blobFolder+hex]
	switch {
	case !ok:
		return at, errors.New("it lacks " + of.Digest)
	case at.size != of.Size:
		return at, errDamaged(of)
	}
	return at, nil
}

func errDamaged(of Descriptor) error { return errors.New(of.Digest + " is damaged") }

// Copy writes a blob, which it compares with its size and digest. After an error what was written does not count.
func (a *Archive) Copy(of Descriptor, to io.Writer) error {
	at, err := a.find(of)
	if err != nil {
		return err
	}
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, hash), a.content(at)); err != nil {
		return err
	}
	if "sha256:"+hex.EncodeToString(hash.Sum(nil)) != of.Digest {
		return errDamaged(of)
	}
	return nil
}

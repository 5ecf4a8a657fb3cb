package ociarchive

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Descriptor says what a blob is (image-spec, descriptor.md).
type Descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
}

type index struct {
	Manifests []Descriptor `json:"manifests"`
}

type manifest struct {
	Config Descriptor   `json:"config"`
	Layers []Descriptor `json:"layers"`
}

// Blob is a blob with the labels that containerd gives it in a pull (core/images/mediatypes.go, ChildGCLabels).
type Blob struct {
	Descriptor
	Labels map[string]string `json:"labels,omitempty"`
}

// Image is an image of an archive for one architecture.
type Image struct {
	Name   Name       `json:"name"`
	Target Descriptor `json:"target"` // of an index over architectures, or of the manifest
	Blobs  []Blob     `json:"blobs"`
}

// annotations in which programs that save images write the name: BuildKit and Docker the first, podman the second.
var annotations = []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"}

var indexes = []string{"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
var manifests = []string{"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}

const label = "containerd.io/gc.ref.content."

// Images returns all images of the archive. One that is not for the architecture is a fault of the archive.
func (a *Archive) Images(architecture string) ([]Image, error) {
	var all index
	if err := a.index(&all); err != nil {
		return nil, err
	}
	if len(all.Manifests) == 0 {
		return nil, errors.New("it holds no image")
	}
	var images []Image
	for _, top := range all.Manifests {
		name, err := nameOf(top)
		if err != nil {
			return nil, err
		}
		blobs, err := a.blobs(top, architecture)
		if err != nil {
			return nil, err
		}
		images = append(images, Image{name, Descriptor{MediaType: top.MediaType, Digest: top.Digest, Size: top.Size}, blobs})
	}
	return images, nil
}

func nameOf(top Descriptor) (Name, error) {
	for _, key := range annotations {
		// A name without a slash is a tag alone, which says nothing about the image.
		if text := top.Annotations[key]; strings.Contains(text, "/") {
			return ParseName(text)
		}
	}
	return Name{}, fmt.Errorf("an image in it has no name (%s)", annotations[0])
}

// blobs returns the blobs of an image, from the descriptor of its index or manifest on.
func (a *Archive) blobs(top Descriptor, architecture string) ([]Blob, error) {
	var found []Blob
	add := func(of Descriptor, labels map[string]string) {
		found = append(found, Blob{Descriptor{MediaType: of.MediaType, Digest: of.Digest, Size: of.Size}, labels})
	}
	at := top
	for slices.Contains(indexes, at.MediaType) {
		inner, err := a.choose(at, architecture)
		if err != nil {
			return nil, err
		}
		add(at, map[string]string{label + "m.0": inner.Digest})
		at = inner
	}
	if !slices.Contains(manifests, at.MediaType) {
		return nil, fmt.Errorf("%s is no image", at.MediaType)
	}
	var m manifest
	if err := a.document(at, &m); err != nil {
		return nil, err
	}
	var made platform
	if err := a.document(m.Config, &made); err != nil {
		return nil, err
	}
	if made != (platform{"linux", architecture}) {
		return nil, fmt.Errorf("it is for %s/%s, the node linux/%s", made.OS, made.Architecture, architecture)
	}
	labels := map[string]string{label + "config": m.Config.Digest}
	for n, layer := range m.Layers {
		labels[label+"l."+strconv.Itoa(n)] = layer.Digest
		if _, err := a.find(layer); err != nil {
			return nil, err
		}
		add(layer, nil)
	}
	add(m.Config, nil)
	add(at, labels)
	return found, nil
}

// choose returns the entry of an index that is for an architecture, which an entry need not say.
func (a *Archive) choose(of Descriptor, architecture string) (Descriptor, error) {
	var inner index
	if err := a.document(of, &inner); err != nil {
		return Descriptor{}, err
	}
	for _, each := range inner.Manifests {
		isImage := slices.Contains(indexes, each.MediaType) || slices.Contains(manifests, each.MediaType)
		if isImage && (each.Platform == nil || *each.Platform == platform{"linux", architecture}) {
			return each, nil
		}
	}
	return Descriptor{}, fmt.Errorf("it has nothing for linux/%s", architecture)
}

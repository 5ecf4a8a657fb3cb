// Package ocitest makes OCI archives for tests.
package ocitest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Media types of image-spec.
const (
	Index    = "application/vnd.oci.image.index.v1+json"
	Manifest = "application/vnd.oci.image.manifest.v1+json"
)

// Digest returns the SHA-256 digest of a content.
func Digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Layout is an OCI layout: files by name.
type Layout struct {
	t       *testing.T
	Files   map[string]string
	entries []any
}

// New returns an empty layout.
func New(t *testing.T) *Layout {
	return &Layout{t: t, Files: map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`}}
}

func (l *Layout) json(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// Blob adds a blob and returns its descriptor.
func (l *Layout) Blob(mediaType, content string) map[string]any {
	l.Files["blobs/sha256/"+strings.TrimPrefix(Digest(content), "sha256:")] = content
	return map[string]any{"mediaType": mediaType, "digest": Digest(content), "size": len(content)}
}

// Manifest adds the manifest of an image and returns its descriptor.
func (l *Layout) Manifest(architecture string, layers ...string) map[string]any {
	all, digests := []any{}, []string{}
	for _, layer := range layers {
		digests = append(digests, Digest(layer))
		all = append(all, l.Blob("application/vnd.oci.image.layer.v1.tar", layer))
	}
	config := l.Blob("application/vnd.oci.image.config.v1+json", l.json(map[string]any{"os": "linux", "architecture": architecture, "of": digests}))
	return l.Blob(Manifest, l.json(map[string]any{"schemaVersion": 2, "config": config, "layers": all}))
}

// Nest adds an index with entries for architectures and returns its descriptor.
func (l *Layout) Nest(entries map[string]map[string]any) map[string]any {
	all := []any{}
	for _, architecture := range slices.Sorted(maps.Keys(entries)) {
		entry := maps.Clone(entries[architecture])
		entry["platform"] = map[string]any{"os": "linux", "architecture": architecture}
		all = append(all, entry)
	}
	return l.Blob(Index, l.json(map[string]any{"schemaVersion": 2, "manifests": all}))
}

// Name lists an image under a name; without one it has none.
func (l *Layout) Name(name string, of map[string]any) *Layout {
	of = maps.Clone(of)
	if name != "" {
		of["annotations"] = map[string]any{"io.containerd.image.name": name}
	}
	l.entries = append(l.entries, of)
	l.Files["index.json"] = l.json(map[string]any{"schemaVersion": 2, "manifests": l.entries})
	return l
}

// Image adds an image with one manifest and a name.
func (l *Layout) Image(name, architecture string, layers ...string) *Layout {
	return l.Name(name, l.Manifest(architecture, layers...))
}

// Tar returns the layout as an archive, whose files are in the order of their names but for those that come last.
func (l *Layout) Tar(last ...string) []byte {
	names := slices.Sorted(maps.Keys(l.Files))
	names = append(slices.DeleteFunc(names, func(name string) bool { return slices.Contains(last, name) }), last...)
	headers := []tar.Header{{Typeflag: tar.TypeDir, Name: "./"}}
	for _, name := range names {
		headers = append(headers, tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: 0o644})
	}
	return Pack(l.t, headers, l.Files)
}

// Pack returns a tar file with these entries, and the contents of those that are files.
func Pack(t *testing.T, headers []tar.Header, contents map[string]string) []byte {
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	for _, header := range headers {
		content := ""
		if header.Typeflag == tar.TypeReg {
			content = contents[strings.TrimPrefix(header.Name, "./")]
		}
		header.Size = int64(len(content))
		if err := writer.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// Write writes an archive into a folder, which it makes.
func Write(t *testing.T, folder, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

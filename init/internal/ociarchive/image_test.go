package ociarchive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/ocitest"
)

const name = "registry.example/team/app:1"

// read returns the images of an archive for amd64.
func read(t *testing.T, content []byte) ([]Image, *Archive, error) {
	t.Helper()
	folder := t.TempDir()
	ocitest.Write(t, folder, "app.tar", content)
	archive, err := Open(folder, "app.tar")
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { archive.Close() })
	images, err := archive.Images("amd64")
	return images, archive, err
}

func digests(image Image) (all []string) {
	for _, blob := range image.Blobs {
		all = append(all, blob.Digest)
	}
	slices.Sort(all)
	return all
}

func TestAnImageIsFoundWhereverItsIndexLies(t *testing.T) {
	layout := ocitest.New(t).Image(name, "amd64", "layer 1", "layer 2")
	for _, last := range []string{"index.json", "oci-layout"} {
		images, archive, err := read(t, layout.Tar(last))
		if err != nil || len(images) != 1 {
			t.Fatal(images, err)
		}
		image := images[0]
		if image.Name != (Name{"registry.example/team/app", "1", ""}) || len(image.Blobs) != 4 {
			t.Errorf("%+v", image)
		}
		labels := image.Blobs[len(image.Blobs)-1].Labels
		if labels[label+"l.0"] != ocitest.Digest("layer 1") || labels[label+"l.1"] != ocitest.Digest("layer 2") || labels[label+"config"] == "" {
			t.Error(labels)
		}
		for _, blob := range image.Blobs {
			if err := archive.Copy(blob.Descriptor, io.Discard); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestOfANestedIndexTheNodesArchitectureCounts(t *testing.T) {
	layout := ocitest.New(t)
	amd64 := layout.Manifest("amd64", "ours")
	top := layout.Nest(map[string]map[string]any{"amd64": amd64, "arm64": layout.Manifest("arm64", "theirs")})
	images, _, err := read(t, layout.Name(name, layout.Nest(map[string]map[string]any{"amd64": top})).Tar())
	if err != nil {
		t.Fatal(err)
	}
	if found := digests(images[0]); len(found) != 5 || !slices.Contains(found, ocitest.Digest("ours")) || slices.Contains(found, ocitest.Digest("theirs")) {
		t.Error(found)
	}
	if images[0].Blobs[1].Labels[label+"m.0"] != amd64["digest"] {
		t.Error(images[0].Blobs[1])
	}
}

func TestWhatAnArchiveLacks(t *testing.T) {
	layout := func() *ocitest.Layout { return ocitest.New(t).Image(name, "amd64", "layer 1") }
	layer := "blobs/sha256/" + strings.TrimPrefix(ocitest.Digest("layer 1"), "sha256:")
	without := layout()
	delete(without.Files, layer)
	shorter := layout()
	shorter.Files[layer] = "layer"
	damaged := layout()
	for file, text := range damaged.Files {
		damaged.Files[file] = strings.ReplaceAll(text, `"os":"linux"`, `"os":"Linux"`)
	}
	docker := ocitest.New(t)
	docker.Files = map[string]string{"manifest.json": "[]"}
	none := ocitest.New(t)
	none.Files["index.json"] = `{"manifests":[]}`
	broken := ocitest.New(t)
	broken.Files["index.json"] = `{`
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	zip.Write(layout().Tar())
	zip.Close()
	nested := ocitest.New(t)
	nested.Name(name, nested.Nest(map[string]map[string]any{"arm64": nested.Manifest("arm64")}))
	link := layout()
	delete(link.Files, layer)
	outside := ocitest.Pack(t, []tar.Header{
		{Typeflag: tar.TypeReg, Name: "index.json"}, {Typeflag: tar.TypeReg, Name: "blobs/sha256/../../index.json"},
	}, map[string]string{"index.json": link.Files["index.json"]})

	for _, each := range []struct {
		content []byte
		cause   string
	}{
		{without.Tar(), "it lacks " + ocitest.Digest("layer 1")},
		{shorter.Tar(), ocitest.Digest("layer 1") + " is damaged"},
		{damaged.Tar(), "is damaged"},
		{docker.Tar(), "a Docker archive of the old form"},
		{none.Tar(), "it holds no image"},
		{broken.Tar(), "index.json is not what OCI's image-spec asks for"},
		{ocitest.New(t).Tar(), "it has no file index.json"},
		{zipped.Bytes(), "it is compressed"},
		{ocitest.New(t).Image("", "amd64").Tar(), "has no name"},
		{ocitest.New(t).Image("app/b c", "amd64").Tar(), "no reference to an image"},
		{ocitest.New(t).Image("kios.invalid/dhcp:1", "amd64").Tar(), "the node's own images"},
		{ocitest.New(t).Image(name, "arm64").Tar(), "it is for linux/arm64, the node linux/amd64"},
		{nested.Tar(), "it has nothing for linux/amd64"},
		{ocitest.New(t).Name(name, map[string]any{"mediaType": ocitest.Manifest, "digest": "sha256:../../index.json", "size": 1}).Tar(), "is no SHA-256 digest"},
		{ocitest.New(t).Name(name, map[string]any{"mediaType": "text/plain"}).Tar(), "text/plain is no image"},
		{outside, "it lacks sha256:"},
		{[]byte("no archive"), "it is no tar archive"},
		{nil, "it is no tar archive"},
		{bytes.Repeat([]byte("no archive "), 100), "it is no tar archive"},
	} {
		if images, _, err := read(t, each.content); err == nil || !strings.Contains(err.Error(), each.cause) {
			t.Errorf("%v %v, want %s", images, err, each.cause)
		}
	}
}

func TestAnArchiveThatIsCutShortIsNone(t *testing.T) {
	whole := ocitest.New(t).Image(name, "amd64", "layer 1").Tar("index.json")
	ends := bytes.Index(whole, bytes.Repeat([]byte{0}, 1024))
	for bytes := 0; bytes < ends; bytes += 100 {
		if _, _, err := read(t, whole[:bytes]); err == nil || !strings.Contains(err.Error(), "no tar archive") {
			t.Fatalf("%d bytes: %v", bytes, err)
		}
	}
}

func TestALinkIsNoBlob(t *testing.T) {
	layout := ocitest.New(t).Image(name, "amd64", "layer 1")
	layer := "blobs/sha256/" + strings.TrimPrefix(ocitest.Digest("layer 1"), "sha256:")
	delete(layout.Files, layer)
	headers := []tar.Header{{Typeflag: tar.TypeSymlink, Name: layer, Linkname: "/etc/passwd"}, {Typeflag: tar.TypeLink, Name: layer, Linkname: "index.json"}}
	for file := range layout.Files {
		headers = append(headers, tar.Header{Typeflag: tar.TypeReg, Name: file})
	}
	if _, _, err := read(t, ocitest.Pack(t, headers, layout.Files)); err == nil || !strings.Contains(err.Error(), "it lacks") {
		t.Error(err)
	}
}

func TestOfTwoFilesWithOneNameTheLastCounts(t *testing.T) {
	first, second := ocitest.New(t).Image(name, "amd64", "layer 1"), ocitest.New(t).Image("registry.example/b:2", "amd64", "layer 2")
	both := append(bytes.TrimRight(first.Tar(), "\x00"), bytes.Repeat([]byte{0}, 512)...)
	both = append(both[:len(both)/512*512], second.Tar()...)
	images, _, err := read(t, both)
	if err != nil || len(images) != 1 || images[0].Name.Tag != "2" {
		t.Error(images, err)
	}
}

func TestADamagedBlobIsNoticedWhileItIsCopied(t *testing.T) {
	content := ocitest.New(t).Image(name, "amd64", "layer 1").Tar()
	at := bytes.Index(content, []byte("layer 1\x00"))
	content[at] = 'L'
	images, archive, err := read(t, content)
	if err != nil {
		t.Fatal(err)
	}
	for _, blob := range images[0].Blobs {
		err := archive.Copy(blob.Descriptor, io.Discard)
		if isLayer := blob.Digest == ocitest.Digest("layer 1"); isLayer != (err != nil) {
			t.Error(blob.Digest, err)
		}
	}
}

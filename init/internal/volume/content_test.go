package volume

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/testdisk"
)

// The images were made by mkfs.xfs, cryptsetup, mkswap and the tools of TestIdentifyReadsImagesOfOtherTools.
func TestTheContentIsWhatBlkidSays(t *testing.T) {
	for _, name := range []string{"xfs", "luks2", "swap", "ext4", "fat12", "fat12-renamed", "fat32", "noname", "iso9660"} {
		data := image(t, name)
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, 512<<20); err != nil { // blkid wants the size that the superblock tells of
			t.Fatal(err)
		}
		blkid := map[string]string{}
		for line := range strings.Lines(testdisk.Run(t, "blkid", "-p", "-o", "export", file)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			blkid[key] = strings.ReplaceAll(value, "\\", "")
		}
		got, err := ReadContent(bytes.NewReader(data), 512<<20)
		if err != nil || got.Kind != blkid["TYPE"] || got.UUID != blkid["UUID"] || got.Label != blkid["LABEL"] {
			t.Errorf("%s: %+v, %v, blkid: %v", name, got, err, blkid)
		}
	}
}

// physicalVolume is the first KiB of an LVM physical volume (lib/format_text/layout.h).
func physicalVolume() []byte {
	b := make([]byte, 1024)
	copy(b[512:], "LABELONE")
	b[512+20] = 32
	copy(b[512+24:], "LVM2 001")
	copy(b[512+32:], "aaaaaabbbbccccddddeeeeffffgggggg")
	return b
}

func TestAPhysicalVolumeHasAnIdentifierOfItsOwn(t *testing.T) {
	want := Content{Kind: "LVM2_member", PV: "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg"}
	if got, err := ReadContent(bytes.NewReader(physicalVolume()), 1<<20); got != want || err != nil {
		t.Errorf("%+v %v", got, err)
	}
}

func TestSeveralSignaturesAreNone(t *testing.T) {
	both := image(t, "xfs")
	copy(both[1024:2048], image(t, "ext4")[1024:])
	if got, _ := ReadContent(bytes.NewReader(both), 512<<20); got != (Content{}) {
		t.Errorf("%+v", got)
	}
	for name, at := range map[string]int{"1.1": 0, "1.2": 4096, "1.0": 1<<20 - 8192, "0.90": 1<<20 - 65536} {
		member := append(slices.Clone(image(t, "ext4")), make([]byte, 1<<20)...)[:1<<20]
		copy(member[at:], "\xfc\x4e\x2b\xa9")
		if got, _ := ReadContent(bytes.NewReader(member), 1<<20); got != (Content{}) {
			t.Errorf("a member of an array of format %s: %+v", name, got)
		}
	}
}

func FuzzReadContent(f *testing.F) {
	for _, name := range []string{"xfs", "luks2", "ext4", "fat12"} {
		f.Add(image(f, name)[:2048])
	}
	f.Add(physicalVolume())
	f.Fuzz(func(t *testing.T, data []byte) {
		content, err := ReadContent(bytes.NewReader(data), int64(len(data)))
		if err != nil || len(content.Label) > 256 || len(content.UUID) > 40 {
			t.Errorf("%+v %v", content, err)
		}
	})
}

package volume

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"
)

// The images were made by mkfs.fat, mke2fs, genisoimage and mkudffs and cut after the last byte that is read. The label
// of fat12-renamed was changed as a PC changes it.
func TestIdentifyReadsImagesOfOtherTools(t *testing.T) {
	for name, want := range map[string]Volume{
		"fat12":           {FS: "vfat", Label: "CIDATA"},
		"fat12-renamed":   {FS: "vfat", Label: "CONFIG-2"},
		"fat32":           {FS: "vfat", Label: "KIOS"},
		"noname":          {FS: "vfat", Label: ""},
		"iso9660":         {FS: "iso9660", Label: "config-2"},
		"ext4":            {FS: "ext4", Label: "cidata"},
		"udf":             {FS: "udf", UDF: true},
		"udf-and-iso9660": {FS: "iso9660", Label: "rd_rdfe_test", UDF: true},
	} {
		if got := Identify(bytes.NewReader(image(t, name))); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func image(t testing.TB, name string) []byte {
	file, err := os.Open("testdata/" + name + ".img.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestIdentifyReturnsNothingForOtherData(t *testing.T) {
	mbr := make([]byte, 4096)
	mbr[510], mbr[511] = 0x55, 0xaa
	zeroCluster := image(t, "fat12")[:4096]
	zeroCluster[13] = 0
	for name, data := range map[string][]byte{
		"nothing": nil, "zeroes": make([]byte, 64<<10), "a boot sector without FAT": mbr,
		"short": []byte("EFI PART"), "FAT with clusters of no sectors": zeroCluster,
	} {
		if got := Identify(bytes.NewReader(data)); got != (Volume{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	for _, name := range []string{"fat12", "noname", "ext4"} {
		f.Add(image(f, name)[:4096])
	}
	f.Add(image(f, "udf-and-iso9660")[:48<<10])
	f.Fuzz(func(t *testing.T, data []byte) { Identify(bytes.NewReader(data)) })
}

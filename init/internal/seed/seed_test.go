package seed

import (
	"testing"

	"kios.dev/init/internal/volume"
)

func TestOfDistinguishesSeedsFromOtherVolumes(t *testing.T) {
	for _, row := range []struct {
		name    string
		volume  volume.Volume
		chassis string
		want    Seed
	}{
		{"NoCloud", volume.Volume{FS: "vfat", Label: "CIDATA"}, "", Seed{Folder: "cidata", FS: "vfat"}},
		{"ConfigDrive", volume.Volume{FS: "iso9660", Label: "config-2"}, "", Seed{Folder: "config-2", FS: "iso9660"}},
		{"NoCloud on a disc with both", volume.Volume{FS: "iso9660", Label: "cidata", UDF: true}, azureTag, Seed{Folder: "cidata", FS: "iso9660"}},
		{"a disk with the label of a seed", volume.Volume{FS: "ext4", Label: "cidata"}, "", Seed{}},
		{"another disk", volume.Volume{FS: "vfat", Label: "EFI"}, azureTag, Seed{}},
		{"Azure", volume.Volume{FS: "udf", UDF: true}, azureTag, Seed{"azure", "udf", "ovf-env.xml"}},
		{"Azure on a disc with both", volume.Volume{FS: "iso9660", Label: "rd_rdfe", UDF: true}, azureTag, Seed{"azure", "udf", "ovf-env.xml"}},
		{"UDF on another machine", volume.Volume{FS: "udf", UDF: true}, "No Asset Tag", Seed{}},
	} {
		if got := Of(row.volume, row.chassis); got != row.want {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
}

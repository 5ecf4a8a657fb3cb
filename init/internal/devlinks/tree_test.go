package devlinks

import (
	"os"
	"path/filepath"
	"testing"
)

func newTree(t *testing.T) (*tree, string) {
	t.Helper()
	folder := t.TempDir()
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return &tree{root, map[string]string{}}, folder
}

func TestLinksFollowTheDevices(t *testing.T) {
	tree, folder := newTree(t)
	link := filepath.Join(folder, "disk/by-id/x")
	foreign := filepath.Join(folder, "disk/by-id/another-programs")
	for _, device := range []string{"sda", "sdb", "cciss!c0d0"} {
		if err := tree.apply(map[string]string{"by-id/x": device, "azure/scsi1/lun0": device}); err != nil {
			t.Fatal(err)
		}
		os.Symlink("../../zero", foreign)
		want := map[string]string{"cciss!c0d0": "../../cciss/c0d0"}[device]
		if want == "" {
			want = "../../" + device
		}
		if got, _ := os.Readlink(link); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got, _ := os.Readlink(filepath.Join(folder, "disk/azure/scsi1/lun0")); got != "../"+want {
			t.Errorf("%q", got)
		}
	}
	os.Remove(link) // by a pod
	if err := tree.apply(map[string]string{"by-id/x": "sda"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.Readlink(link); got != "../../sda" {
		t.Errorf("a link that somebody removed is not there again: %q", got)
	}
	if err := tree.apply(map[string]string{"by-path/p-part/by-partnum/1": "sda1", "by-path/p-part/by-uuid/u": "sda1"}); err != nil {
		t.Fatal(err)
	}
	if err := tree.apply(map[string]string{"by-path/p-part/by-partnum/1": "sda1"}); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(filepath.Join(folder, "disk/by-path/p-part")); len(entries) != 1 {
		t.Errorf("folders of a partition: %v", entries)
	}
	if err := tree.apply(nil); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(filepath.Join(folder, "disk/by-path")); err != nil || len(entries) != 0 {
		t.Errorf("an empty folder: %v %v", entries, err)
	}
	if entries, _ := os.ReadDir(filepath.Join(folder, "disk/by-id")); len(entries) != 1 || entries[0].Name() != "another-programs" {
		t.Errorf("left: %v", entries)
	}
}

func TestALinkOutsideOfTheFolderDiskComesAndGoes(t *testing.T) {
	tree, folder := newTree(t)
	if err := tree.apply(map[string]string{"/oracleoci/oraclevda": "sda", "by-id/x": "sda"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.Readlink(filepath.Join(folder, "oracleoci/oraclevda")); got != "../sda" {
		t.Errorf("%q", got)
	}
	if err := tree.apply(map[string]string{"by-id/x": "sda"}); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 1 || entries[0].Name() != "disk" {
		t.Errorf("left: %v", entries)
	}
}

func TestACutBetweenTwoStepsIsMendedByTheNext(t *testing.T) {
	tree, folder := newTree(t)
	os.MkdirAll(filepath.Join(folder, "disk/by-id"), 0o755)
	os.Symlink("../../old", filepath.Join(folder, "disk/by-id/.#x"))
	if err := tree.apply(map[string]string{"by-id/x": "sda"}); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(filepath.Join(folder, "disk/by-id")); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
}

func TestALinkInTheWayLeadsNowhere(t *testing.T) {
	tree, folder := newTree(t)
	outside := t.TempDir()
	os.MkdirAll(filepath.Join(folder, "disk"), 0o755)
	os.Symlink(outside, filepath.Join(folder, "disk/by-id"))
	if err := tree.apply(map[string]string{"by-id/x": "sda", "by-uuid/u": "sda"}); err == nil {
		t.Error("no error")
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("made outside of /dev: %v", entries)
	}
	if _, err := os.Readlink(filepath.Join(folder, "disk/by-uuid/u")); err != nil {
		t.Error(err)
	}
}

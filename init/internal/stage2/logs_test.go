package stage2

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/mounts"
)

func TestLogsAreShownReadOnlyAndThoseOfEarlierBootsWithThem(t *testing.T) {
	if rows := logMounts(false); len(rows) != 1 || rows[0].Source != "/run/kios/log" || rows[0].Target != "/var/log/kios" {
		t.Errorf("%+v", rows)
	}
	rows := logMounts(true)
	if len(rows) != 2 || rows[0].Source != "/lib/kios/data/meta/boots" || rows[0].Target != "/run/kios/log/boots" || rows[1].Target != "/var/log/kios" {
		t.Fatalf("%+v", rows)
	}
	for _, row := range rows {
		// kubelet's NodeLogQuery follows no link out of /var/log, so both are mounts.
		if want := uintptr(unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY | mounts.Hard); row.Flags != want {
			t.Errorf("%s: flags %x", row.Target, row.Flags)
		}
	}
	made := false
	for _, dir := range mounts.StateDirs(dataDir) {
		made = made || dir.Path == keptBoots
	}
	if !made {
		t.Error("nobody makes the folder of kept boots")
	}
}

func TestTheLinkOfEarlierImagesGoesAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	link, folder := filepath.Join(dir, "link"), filepath.Join(dir, "folder")
	if err := os.Symlink("/run/kios/log", link); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	removeLink(link)
	removeLink(folder)
	removeLink(filepath.Join(dir, "none"))
	if entries, _ := os.ReadDir(dir); len(entries) != 1 || entries[0].Name() != "folder" {
		t.Errorf("%v", entries)
	}
}

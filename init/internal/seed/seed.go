// Package seed mounts the volumes on which a machine may find its first configuration, read-only, under /run/kios/seed.
package seed

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/datapart"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/volume"
)

const (
	dir      = "/run/kios/seed"
	readOnly = unix.MS_RDONLY | mounts.Hard
)

// Log is the part of the event log that mounting needs.
type Log interface {
	Info(event string, fields ...any)
	Warn(event string, fields ...any)
}

// Folder answers the folder name for a volume, "" when it is no seed. NoCloud and ConfigDrive name the labels.
func Folder(v volume.Volume) string {
	label := strings.ToLower(v.Label)
	if (label == "cidata" || label == "config-2") && (v.FS == "vfat" || v.FS == "iso9660") {
		return label
	}
	return ""
}

// MountAll mounts every seed volume and the `kios` folder of the partition booted from.
func MountAll(bootPart string, loadFS func(string) error, log Log) {
	mountLabelled(loadFS, log)
	if part := datapart.Find(blockdev.Disks(), bootPart); part != nil {
		if there, err := mountBoot(part.Device, loadFS); there {
			tell(log, "boot", part.Device, err)
		}
	}
}

// mountLabelled takes the first of two volumes with one label.
func mountLabelled(loadFS func(string) error, log Log) {
	taken := map[string]string{} // folder → kernel name
	for _, device := range blockdev.Devices() {
		path := blockdev.Path(device.Name)
		v := identify(path)
		folder := Folder(v)
		if folder == "" {
			continue
		}
		if other, ok := taken[folder]; ok {
			// The boot code of a FAT volume on a whole disk may look like a partition table; that is no second volume.
			if device.Disk != other {
				log.Warn("seed.ignored", "label", folder, "device", path, "cause", "another volume has the same label")
			}
			continue
		}
		row := mounts.Mount{Source: path, Target: dir + "/" + folder, FS: v.FS, Flags: readOnly}
		if tell(log, folder, path, mounts.One(row, loadFS)) {
			taken[folder] = device.Name
		}
	}
}

func tell(log Log, label, device string, err error) bool {
	if err != nil {
		log.Warn("seed.failed", "label", label, "device", device, "cause",
			fault.New(fault.Seed, "mount "+device, "the volume must be FAT or ISO 9660 and undamaged", err))
		return false
	}
	log.Info("seed.mounted", "label", label, "device", device)
	return true
}

func identify(path string) volume.Volume {
	file, err := os.Open(path)
	if err != nil {
		return volume.Volume{}
	}
	defer file.Close()
	return volume.Identify(file)
}

// mountBoot shows only the folder `kios`: the rest of the partition is the boot loader's, and no pod's business.
func mountBoot(device string, loadFS func(string) error) (there bool, err error) {
	const whole, shown = "/run/kios/.esp", dir + "/boot"
	defer os.Remove(whole)
	if err := mounts.One(mounts.Mount{Source: device, Target: whole, FS: "vfat", Flags: readOnly}, loadFS); err != nil {
		return true, err
	}
	defer unix.Unmount(whole, unix.MNT_DETACH)
	if info, err := os.Stat(whole + "/kios"); err != nil || !info.IsDir() {
		return false, nil
	}
	return true, mounts.One(mounts.Mount{Source: whole + "/kios", Target: shown, Flags: unix.MS_BIND | readOnly}, nil)
}

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

const (
	// azureTag is what the firmware of Azure's machines says of the chassis.
	azureTag = "7783-7084-3265-9085-8269-3286-77"
	// azureFile tells the disc that Azure gives a machine from others; its label changes with Azure's releases.
	azureFile = "ovf-env.xml"
)

// Seed is a volume to be looked at, and where it goes.
type Seed struct {
	Folder string // below /run/kios/seed
	FS     string
	Needs  string // a file without which the volume is no seed
}

// Of answers what a volume may be as a seed; no Folder when it is none. NoCloud and ConfigDrive name the labels. Only Azure gives a
// machine UDF, and elsewhere no driver is made to read a stranger's.
func Of(v volume.Volume, chassis string) Seed {
	label := strings.ToLower(v.Label)
	switch {
	case (label == "cidata" || label == "config-2") && (v.FS == "vfat" || v.FS == "iso9660"):
		return Seed{Folder: label, FS: v.FS}
	case v.UDF && chassis == azureTag:
		return Seed{Folder: "azure", FS: "udf", Needs: azureFile}
	}
	return Seed{}
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
	chassis := chassisTag()
	for _, device := range blockdev.Devices() {
		path := blockdev.Path(device.Name)
		found := Of(identify(path), chassis)
		if found.Folder == "" {
			continue
		}
		if other, ok := taken[found.Folder]; ok {
			// The boot code of a FAT volume on a whole disk may look like a partition table; that is no second volume.
			if device.Disk != other {
				log.Warn("seed.ignored", "label", found.Folder, "device", path, "cause", "another volume has the same label")
			}
			continue
		}
		there, err := mountSeed(path, found, loadFS)
		if there && tell(log, found.Folder, path, err) {
			taken[found.Folder] = device.Name
		}
	}
}

// mountSeed answers false, and leaves nothing mounted, when the volume is not the seed that it looked like.
func mountSeed(device string, found Seed, loadFS func(string) error) (there bool, err error) {
	target := dir + "/" + found.Folder
	err = mounts.One(mounts.Mount{Source: device, Target: target, FS: found.FS, Flags: readOnly}, loadFS)
	if err != nil || found.Needs == "" {
		return true, err
	}
	if _, err := os.Stat(target + "/" + found.Needs); err == nil {
		return true, nil
	}
	if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
		return true, err
	}
	return false, os.Remove(target)
}

func tell(log Log, label, device string, err error) bool {
	if err != nil {
		log.Warn("seed.failed", "label", label, "device", device, "cause",
			fault.New(fault.Seed, "mount "+device, "the volume must be FAT, ISO 9660 or UDF and undamaged", err))
		return false
	}
	log.Info("seed.mounted", "label", label, "device", device)
	return true
}

// chassisTag is what the firmware says of the chassis, "" where it says nothing: no machine but Azure's needs one.
func chassisTag() string {
	tag, _ := os.ReadFile("/sys/class/dmi/id/chassis_asset_tag")
	return strings.TrimSpace(string(tag))
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

// Package seed mounts the volumes that may hold a machine's first configuration read-only under /run/kios/seed.
package seed

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/datapart"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/volume"
)

const (
	dir = "/run/kios/seed"
	// noCloud is the folder of NoCloud's files, and the label of its volumes in lower case.
	noCloud = "cidata"
	// configDrive is both of OpenStack's config drive.
	configDrive = "config-2"
	readOnly    = unix.MS_RDONLY | mounts.Hard
	// tablePatience bounds the wait for partition tables.
	tablePatience = 5 * time.Second
)

// Log is the part of the event log that mounting needs.
type Log interface {
	Info(event string, fields ...any)
	Warn(event string, fields ...any)
}

const (
	// azureTag is the chassis asset tag of Azure's machines.
	azureTag = "7783-7084-3265-9085-8269-3286-77"
	// azureFile identifies the disc that Azure attaches to a machine. Its label changes with Azure's releases.
	azureFile = "ovf-env.xml"
)

// Seed says how a volume is mounted.
type Seed struct {
	Folder string // below /run/kios/seed
	FS     string
	Needs  string // a file that the volume must have to be a seed
}

// Of returns the seed that a volume may be, without a Folder when it is not one. NoCloud and ConfigDrive define the
// labels. Only Azure uses UDF: on other machines the UDF driver does not parse foreign discs.
func Of(v volume.Volume, chassis string) Seed {
	label := strings.ToLower(v.Label)
	switch {
	case (label == noCloud || label == configDrive) && (v.FS == "vfat" || v.FS == "iso9660"):
		return Seed{Folder: label, FS: v.FS}
	case v.UDF && chassis == azureTag:
		return Seed{Folder: "azure", FS: "udf", Needs: azureFile}
	}
	return Seed{}
}

// From says which devices may hold a seed.
type From struct {
	BootPart string // GUID of the partition booted from, or "" when it is unknown
	Boot     string // its device, or "" when its disk was not present yet
	Disk     string // kernel name of the disk that belongs to the machine, or ""
	OnlyDisk bool   // no other disk may hold one
	Named    bool   // a person says where the machine's user data comes from, so that the firmware does not
	// Look may read of the top of the partition booted from while that is mounted. It is called once, with "" where there
	// is none.
	Look func(top string)
}

// MountAll mounts every seed volume and shows what people have put on the partition booted from. It returns the network
// file of all of these that counts.
func MountAll(from From, loadFS func(string) error, log Log) (network Network) {
	taken := mountLabelled(from, loadFS, log)
	counts := func(label string) bool { return from.Named || givesNetwork(label, dmiField) }
	volume := func(label string) string {
		if taken[label] == "" || !counts(label) {
			return ""
		}
		return dir + "/" + label
	}
	disks := func() []blockdev.Disk { return blockdev.Disks(tablePatience) }
	looked := false
	look := func(top string) {
		looked = true
		cidata := volume(noCloud)
		if taken[noCloud] == "" && counts(noCloud) {
			cidata = top
		}
		network = findNetwork(networkPlaces(BootDir, cidata, volume(configDrive)), log)
		from.Look(top)
	}
	if device := from.bootDevice(disks, log); device != "" {
		showBoot(device, taken[noCloud] == "", loadFS, log, look)
	}
	if !looked {
		look("")
	}
	return network
}

// bootDevice returns the partition booted from, if it is only one.
func (f From) bootDevice(disks func() []blockdev.Disk, log Log) string {
	if f.Boot != "" || f.BootPart == "" {
		return f.Boot
	}
	switch devices := datapart.WithGUID(disks(), f.BootPart); len(devices) {
	case 0:
		return ""
	case 1:
		return devices[0]
	default:
		log.Warn("seed.ignored", "label", "boot", "devices", devices, "cause", fault.New(fault.DataTwice, "choose the partition booted from",
			"Detach all of these devices but one.", fmt.Errorf("%s cannot be told apart", strings.Join(devices, " and "))))
		return ""
	}
}

// mountLabelled mounts every seed volume, the first one of those with the same label. It returns the kernel names of
// their devices by folder.
func mountLabelled(from From, loadFS func(string) error, log Log) (taken map[string]string) {
	taken = map[string]string{}
	chassis := dmiField("chassis_asset_tag") // only Azure's machines need one
	for _, device := range blockdev.Devices() {
		path := blockdev.Path(device.Name)
		found := Of(identify(path), chassis)
		if found.Folder == "" {
			continue
		}
		if cause := from.refuse(device); cause != "" {
			log.Warn("seed.ignored", "label", found.Folder, "device", path, "cause", cause)
			continue
		}
		if other, ok := taken[found.Folder]; ok {
			// The boot code of a FAT volume on a whole disk may look like a partition table, which is not a second
			// volume.
			if device.Disk != other {
				log.Warn("seed.ignored", "label", found.Folder, "device", path, "cause", "another volume has the same label")
			}
			continue
		}
		there, err := mountSeed(path, found, loadFS)
		if there && report(log, found.Folder, path, err) {
			taken[found.Folder] = device.Name
		}
	}
	return taken
}

// refuse returns why a device may not hold a seed, or "".
func (f From) refuse(device blockdev.Device) string {
	if !f.OnlyDisk || f.Disk != "" && (device.Name == f.Disk || device.Disk == f.Disk) {
		return ""
	}
	return "the node has joined a cluster, and this is not the disk it booted from"
}

// mountSeed returns false, and leaves nothing mounted, when the volume lacks the file that a seed needs.
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

// report logs the outcome of a mount, and returns whether it succeeded.
func report(log Log, label, device string, err error) bool {
	if err != nil {
		log.Warn("seed.failed", "label", label, "device", device, "cause",
			fault.New(fault.Seed, "mount "+device, "Use an undamaged volume with FAT, ISO 9660 or UDF.", err))
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

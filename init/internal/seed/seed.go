// Package seed mounts the volumes that may hold a machine's first configuration read-only under /run/kios/seed.
package seed

import (
	"cmp"
	"fmt"
	"os"
	"slices"
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
	// labelPatience bounds the wait for disks to say what they hold; the boot waits a little longer for all seeds.
	labelPatience = 7 * time.Second
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
	l := labelled{from, loadFS, log, dmiField("chassis_asset_tag"), map[string]string{}} // only Azure's machines need one
	early, late := identifyAll(blockdev.Devices(), identify, time.After(labelPatience))
	l.mountEarly(early)
	if late.disks > 0 {
		log.Warn("seed.late", "disks", late.disks, "note", "these disks do not reply; a volume on one of them is mounted once it does")
		defer func() { go l.mountLate(late) }()
	}
	taken := l.taken
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

// labelled mounts volumes by their labels, the first one of those with the same label.
type labelled struct {
	from    From
	loadFS  func(string) error
	log     Log
	chassis string
	taken   map[string]string // kernel names of their devices by folder
}

func (l *labelled) mountEarly(found []identified) {
	for _, each := range found {
		l.mount(each)
	}
}

// mountLate mounts what disks hold that reply late, unless its folder has something else by then.
func (l *labelled) mountLate(late lateDisks) {
	for range late.disks {
		for _, each := range <-late.replies {
			folder := Of(each.volume, l.chassis).Folder
			if _, err := os.Stat(dir + "/" + folder); folder == "" || err != nil {
				l.mount(each)
			} else {
				l.log.Warn("seed.ignored", "label", folder, "device", blockdev.Path(each.device.Name), "cause", "the disk replied too late")
			}
		}
	}
}

func (l *labelled) mount(of identified) {
	path, found := blockdev.Path(of.device.Name), Of(of.volume, l.chassis)
	if found.Folder == "" {
		return
	}
	if cause := l.from.refuse(of.device); cause != "" {
		l.log.Warn("seed.ignored", "label", found.Folder, "device", path, "cause", cause)
		return
	}
	if other, ok := l.taken[found.Folder]; ok {
		// The boot code of a FAT volume on a whole disk may look like a partition table, which is not a second volume.
		if of.device.Disk != other {
			l.log.Warn("seed.ignored", "label", found.Folder, "device", path, "cause", "another volume has the same label")
		}
		return
	}
	there, err := mountSeed(path, found, l.loadFS)
	if there && report(l.log, found.Folder, path, err) {
		l.taken[found.Folder] = of.device.Name
	}
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

// identified is a device and what it holds.
type identified struct {
	device blockdev.Device
	volume volume.Volume
}

// lateDisks have not replied yet. Each of them sends its devices once.
type lateDisks struct {
	disks   int
	replies <-chan []identified
}

// identifyAll looks at disks side by side: one that never replies holds up no other. It returns the devices of those
// that replied in time, in their order.
func identifyAll(devices []blockdev.Device, identify func(path string) volume.Volume, over <-chan time.Time) ([]identified, lateDisks) {
	disks := map[string][]identified{}
	for _, device := range devices {
		name := cmp.Or(device.Disk, device.Name)
		disks[name] = append(disks[name], identified{device: device})
	}
	replies := make(chan []identified, len(disks))
	for _, disk := range disks {
		go func() {
			for i := range disk {
				disk[i].volume = identify(blockdev.Path(disk[i].device.Name))
			}
			replies <- disk
		}()
	}
	var found []identified
	inOrder := func(a, b identified) int { return cmp.Compare(a.device.Name, b.device.Name) }
	for left := len(disks); left > 0; left-- {
		select {
		case disk := <-replies:
			found = append(found, disk...)
		case <-over:
			slices.SortFunc(found, inOrder)
			return found, lateDisks{left, replies}
		}
	}
	slices.SortFunc(found, inOrder)
	return found, lateDisks{}
}

func identify(path string) volume.Volume {
	file, err := os.Open(path)
	if err != nil {
		return volume.Volume{}
	}
	defer file.Close()
	return volume.Identify(file)
}

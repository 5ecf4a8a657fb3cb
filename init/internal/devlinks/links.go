// Package devlinks keeps the links below /dev/disk that udev makes elsewhere, by which storage drivers find a volume.
package devlinks

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"kios.dev/init/internal/volume"
)

// Device is a disk or a partition as sysfs shows it. Attributes of a partition's disk are in Parent.
type Device struct {
	Name    string // the kernel's, as "nvme0n1p2"; a slash in it is an exclamation mark
	Seq     int64  // diskseq: the order in which disks appeared
	Size    int64  // in bytes
	Number  int    // of a partition, or 0 for a disk
	Parent  *Device
	Content volume.Content // of its superblock; the zero Content until it has been read

	// Attr holds the files of sysfs that tell what the disk is, by their names in attributes, without trailing
	// whitespace; pages of vital product data are binary.
	Attr map[string]string
	// Ancestors are the devices above the disk, from the nearest to the root.
	Ancestors []Ancestor

	PartUUID, PartName string // of the partition table's entry
	VendorText         string // what the vendor of a namespace says of it in its identify data
}

// Ancestor is a device above a disk.
type Ancestor struct {
	Name, Subsystem string
	Attr            map[string]string
}

// disk returns the device that has the identity: the disk of a partition.
func (d *Device) disk() *Device {
	if d.Parent != nil {
		return d.Parent
	}
	return d
}

// claims returns the names of a device (see inDev), as 60-persistent-storage.rules and the rules of clouds give them. A
// name that a hostile disk could use to leave its folder is left out.
func claims(d *Device) []string {
	suffix := ""
	if d.Number > 0 {
		suffix = "-part" + strconv.Itoa(d.Number)
	}
	var all names
	for _, id := range identities(d.disk()) {
		all.add("by-id", id+suffix)
	}
	found := paths(d.disk())
	for _, path := range found {
		all.add("by-path", path+suffix)
	}
	for _, name := range azure(d.disk()) {
		folder, base, _ := cutLast(name)
		all.add(folder, base+suffix)
	}
	if name := oracle(d.disk()); name != "" {
		all.add("/oracleoci", name+strings.TrimPrefix(suffix, "-part"))
	}
	all.addContent("", d)
	if d.Number > 0 && len(found) > 0 && len(found[0]+"-part") <= maxName {
		folder := "by-path/" + found[0] + "-part/"
		all.add(folder+"by-partnum", strconv.Itoa(d.Number))
		all.addContent(folder, d)
	}
	if d.Content.Kind == "LVM2_member" {
		all.add("by-id", "lvm-pv-uuid-"+escape(d.Content.PV))
	}
	return all
}

// names are paths of links, as inDev takes them.
type names []string

func (n *names) add(folder, name string) {
	if name != "" && name != "." && name != ".." && len(name) <= maxName && !strings.ContainsAny(name, "/\x00") {
		*n = append(*n, folder+"/"+name)
	}
}

// addContent adds what a device's superblock and its entry in the partition table say.
func (n *names) addContent(folder string, d *Device) {
	n.add(folder+"by-uuid", escape(d.Content.UUID))
	n.add(folder+"by-label", escape(d.Content.Label))
	n.add(folder+"by-partuuid", escape(strings.ToLower(d.PartUUID)))
	n.add(folder+"by-partlabel", escape(d.PartName))
}

// maxName leaves room in a file name of 255 bytes for the mark of an unfinished link.
const maxName = 250

// Links returns for each link (see inDev) the device it points to. Of several devices that claim one link, the one that
// has it keeps it; udev would give it to the newest, so that a copy of a disk would take the name of the original.
// Without an owner the disk that came first gets it.
func Links(devices []*Device, owners map[string]string) map[string]string {
	claimed := map[string][]*Device{}
	for _, device := range devices {
		for _, name := range claims(device) {
			claimed[name] = append(claimed[name], device)
		}
	}
	links := make(map[string]string, len(claimed))
	for name, claimants := range claimed {
		owner := slices.MinFunc(claimants, func(a, b *Device) int {
			return cmp.Or(
				cmp.Compare(priority(b), priority(a)),
				cmp.Compare(owns(owners[name], b), owns(owners[name], a)),
				cmp.Compare(a.disk().Seq, b.disk().Seq),
				cmp.Compare(a.Number, b.Number),
				cmp.Compare(a.Name, b.Name),
			)
		})
		links[name] = owner.Name
	}
	dropFolders(links)
	return links
}

// priority is udev's: a multipath device goes before its paths, which show the same volume.
func priority(device *Device) int {
	if strings.HasPrefix(device.disk().Attr["dm/uuid"], "mpath-") {
		return 50
	}
	return 0
}

func owns(owner string, device *Device) int {
	if owner == device.Name {
		return 1
	}
	return 0
}

// dropFolders removes a link in the place of a folder of other links.
func dropFolders(links map[string]string) {
	for name := range maps.Clone(links) {
		for folder, _, found := cutLast(name); found; folder, _, found = cutLast(folder) {
			delete(links, folder)
		}
	}
}

func cutLast(name string) (folder, base string, found bool) {
	if at := strings.LastIndexByte(name, '/'); at >= 0 {
		return name[:at], name[at+1:], true
	}
	return "", name, false
}

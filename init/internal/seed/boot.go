package seed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/ociarchive"
	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/staticpods"
)

const (
	// BootDir shows the folder `kios` of the partition booted from.
	BootDir = dir + "/boot"
	// whole is the mount point of the partition while init reads it.
	whole = "/run/kios/.esp"
	// maxNoCloud is the size of NoCloud's files, in bytes; the bootstrap agent takes no more.
	maxNoCloud = 256 << 10
	// maxNames is how many entries of a folder are looked at.
	maxNames = 1024
	// spelledOut is how many names a line of the log has.
	spelledOut = 8
)

const networkConfig = "network-config"

// noCloudFiles are the files that programs such as Raspberry Pi Imager write at the top of the partition.
var noCloudFiles = []string{"meta-data", "user-data", networkConfig}

// known are the names in the folder `kios`, in lower case because FAT does not tell them apart, each with the endings
// of the names that may be in it if it is a folder. packages/host-api/vectors/boot-folder.json holds the same.
var known = map[string][]string{
	"readme.txt": nil, "bootstrap.yaml": nil, "bootstrap.yaml.example": nil, "cmdline.txt": nil, "dhcp.yaml": nil, "encrypt": nil, "modules.erofs": nil, "network.yaml": nil, "recovery-key": nil, "sysctl.conf": nil, "token": nil,
	"manifests": staticpods.Endings,
	"images":    {ociarchive.Ending},
}

// showBoot shows the folder `kios`, and copies NoCloud's files if no volume has them. The rest of the partition is the
// boot loader's and not for pods. While the partition is mounted, look may read of its top.
func showBoot(device string, copyNoCloud bool, loadFS func(string) error, log Log, look func(top string)) {
	unmount, err := mountWhole(device, loadFS)
	if err != nil {
		report(log, "boot", device, err)
		return
	}
	defer unmount()
	showMounted(whole, device, copyNoCloud, log)
	look(whole)
}

// WithBoot lets a function read the folder `kios`, before anything else of the partition counts. Nothing stays mounted.
func WithBoot(device string, loadFS func(string) error, read func(folder string) error) error {
	unmount, err := mountWhole(device, loadFS)
	if err != nil {
		return err
	}
	defer unmount()
	return read(whole + "/kios")
}

func mountWhole(device string, loadFS func(string) error) (unmount func(), err error) {
	err = mounts.One(mounts.Mount{Source: device, Target: whole, FS: "vfat", Flags: readOnly, Data: mounts.FAT}, loadFS)
	if err != nil {
		os.Remove(whole)
		return nil, err
	}
	return func() {
		unix.Unmount(whole, unix.MNT_DETACH)
		os.Remove(whole)
	}, nil
}

func showMounted(whole, device string, copyNoCloud bool, log Log) {
	if info, err := os.Stat(whole + "/kios"); err == nil && info.IsDir() {
		err := mounts.One(mounts.Mount{Source: whole + "/kios", Target: BootDir, Flags: unix.MS_BIND | readOnly}, nil)
		if report(log, "boot", device, err) {
			reportUnknown(BootDir, log)
		}
	}
	if !copyNoCloud {
		return
	}
	if there, err := takeNoCloud(whole, filepath.Join(dir, noCloud)); there {
		report(log, noCloud, device, err)
	}
}

// takeNoCloud copies NoCloud's files from the top of a partition. It reports whether there are any that make a seed.
func takeNoCloud(from, to string) (there bool, err error) {
	contents := map[string][]byte{}
	for _, name := range noCloudFiles {
		content, err := plainfile.Read(from, name, maxNoCloud)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return true, err
		}
		contents[name] = content
	}
	if contents["meta-data"] == nil && contents["user-data"] == nil {
		return false, nil
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return true, err
	}
	for name, content := range contents {
		if err := atomicfile.Write(filepath.Join(to, name), content, 0o600); err != nil {
			return true, err
		}
	}
	return true, nil
}

// reportUnknown names what lies in the folder `kios` and has no effect, because of a typing error or because it is for
// another version.
func reportUnknown(folder string, log Log) {
	names, err := unknownIn(folder)
	if len(names) == 0 && err == nil {
		return
	}
	if err == nil {
		err = fmt.Errorf("no part of the node reads %s%s", strings.Join(shorten(names), ", "), endingsOf(names))
	}
	log.Warn("seed.unknown", "label", "boot", "names", shorten(names), "cause", fault.New(fault.SeedUnknown, "use all of the folder kios on the medium",
		"Correct the name or remove the file; README.txt beside it has the names.", err))
}

// endingsOf says how files must end in the folders that these paths name.
func endingsOf(names []string) string {
	said := ""
	for _, folder := range []string{"manifests", "images"} {
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(strings.ToLower(name), folder+"/") }) {
			said += ": a file in " + folder + " must end in " + oneOf(known[folder])
		}
	}
	return said
}

func oneOf(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// unknownIn returns the paths in the folder that mean nothing. Names with a leading dot are those of other systems.
func unknownIn(folder string) (unknown []string, err error) {
	names, err := shownNames(folder)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		endings, ok := known[strings.ToLower(name)]
		info, err := os.Lstat(filepath.Join(folder, name))
		switch {
		case err != nil:
			return unknown, err
		case !ok || info.IsDir() != (endings != nil):
			unknown = append(unknown, name)
		case endings != nil:
			below, err := shownNames(filepath.Join(folder, name))
			if err != nil {
				return unknown, err
			}
			for _, file := range below {
				if !slices.Contains(endings, strings.ToLower(filepath.Ext(file))) {
					unknown = append(unknown, name+"/"+file)
				}
			}
		}
	}
	return unknown, nil
}

func shownNames(folder string) ([]string, error) {
	names, err := plainfile.Names(folder, maxNames)
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") })
	slices.Sort(names)
	return names, err
}

func shorten(names []string) []string {
	if len(names) <= spelledOut {
		return names
	}
	return append(slices.Clone(names[:spelledOut]), fmt.Sprintf("and %d more", len(names)-spelledOut))
}

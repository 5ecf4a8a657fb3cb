package stage2

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/modules"
	"kios.dev/init/internal/seed"
	"kios.dev/init/internal/slots"
)

// modulesDigest is the file of the root with the SHA-256 of the modules.erofs that was made with it.
const modulesDigest = "/lib/kios/modules.sha256"

// moduleSettings is where a person's settings for the module loader are.
const moduleSettings = "/etc/kios/modules"

// modulesFile is a place where the modules of all of a kernel may be.
type modulesFile struct{ folder, name string }

// modulesFiles returns those places, in order: with the running generation on the partition booted from, whose top is
// there, where people put them on the medium, or on the data partition. Its own one comes first, because that of people
// is of the system that was flashed.
func modulesFiles(top string, start slots.Start) []modulesFile {
	files := []modulesFile{{seed.BootDir, modules.ImageName}, {"/var/lib/kios", modules.ImageName}}
	if top == "" || start.Running == 0 {
		return files
	}
	folder, name := start.ModulesFile()
	return append([]modulesFile{{filepath.Join(top, folder), name}}, files...)
}

// loadNetworkCards loads the drivers of network cards where no card works yet: a link takes seconds to come up, and it
// is to be up when the first pod asks for an address.
func (h *host) loadNetworkCards() {
	started := time.Now()
	files, err := modules.NewCards(modules.CardsTable, modules.Dir(), moduleSettings, strings.Fields(readLine("/proc/cmdline"))).Load()
	if err != nil {
		h.log.Warn("modules.failed", "cause", fault.New(fault.Module, "load drivers of network cards", "See what the module loader says of them: it tries again.", err))
	}
	if files > 0 {
		h.log.Info("modules.network", "files", files, "ms", time.Since(started).Milliseconds())
	}
}

// mountModules mounts all modules of the kernel over those of the root, if the machine has the file with them. It comes
// before the first pod, which is to see them, and after the drivers of disks, which are all in the root. Top is that of
// the partition booted from, or "": the file stays open when it goes.
func (h *host) mountModules(top string) {
	digest := readLine(modulesDigest)
	if digest == "" {
		return
	}
	dir := modules.Dir()
	h.mountModulesFrom(modulesFiles(top, h.versions.start), modules.Image{
		SHA256: digest, Release: filepath.Base(dir), Modules: dir, Firmware: "/lib/firmware", Scratch: runDir + "/.modules",
	})
}

// mountModulesFrom mounts the first image that can be. If none can, those that are there are named: the root's modules
// stay in use.
func (h *host) mountModulesFrom(files []modulesFile, image modules.Image) {
	var refused []func()
	for _, f := range files {
		started := time.Now()
		file := filepath.Join(f.folder, f.name)
		bytes, err := image.MountFrom(f.folder, f.name)
		switch {
		case err == nil:
			h.versions.hasModules.Store(true)
			h.log.Info("modules.mounted", "file", file, "bytes", bytes, "ms", time.Since(started).Milliseconds())
			return
		case errors.Is(err, os.ErrNotExist):
		default:
			refused = append(refused, func() { h.refuseModules(f, err) })
		}
	}
	for _, tell := range refused {
		tell()
	}
}

func (h *host) refuseModules(f modulesFile, err error) {
	file, doing := filepath.Join(f.folder, f.name), "mount "
	remedy := "Copy the file again."
	if errors.Is(err, modules.ErrForeign) {
		doing, remedy = "use ", "Take the "+modules.ImageName+" that was built together with the node's EFI file, or remove it."
	}
	if f.name != modules.ImageName { // an update wrote it, and read it back
		remedy = "Put the " + modules.ImageName + " of the same build into the folder kios of the medium, or update the node to another version; check the medium."
	}
	h.log.Warn("modules.refused", "file", file, "cause", fault.New(fault.ModulesImage, doing+file, remedy+" Until then the node has the modules of its root.", err))
}

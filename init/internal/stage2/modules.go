package stage2

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/modules"
	"kios.dev/init/internal/seed"
)

// modulesDigest is the file of the root with the SHA-256 of the modules.erofs that was made with it.
const modulesDigest = "/lib/kios/modules.sha256"

// imageFolders are where modules.erofs may be: on the medium, or on the data partition.
var imageFolders = []string{seed.BootDir, "/var/lib/kios"}

// mountModules mounts all modules of the kernel over those of the root, if the machine has the file with them. It comes
// before the first pod, which is to see them, and after the drivers of disks, which are all in the root.
func (h *host) mountModules() {
	digest := readLine(modulesDigest)
	if digest == "" {
		return
	}
	dir := modules.Dir()
	h.mountModulesFrom(imageFolders, modules.Image{
		SHA256: digest, Release: filepath.Base(dir), Modules: dir, Firmware: "/lib/firmware", Scratch: runDir + "/.modules",
	})
}

// mountModulesFrom mounts the first image that can be, and names those that cannot: the root's modules stay in use.
func (h *host) mountModulesFrom(folders []string, image modules.Image) {
	for _, folder := range folders {
		started := time.Now()
		file := filepath.Join(folder, modules.ImageName)
		bytes, err := image.MountFrom(folder)
		switch {
		case err == nil:
			h.log.Info("modules.mounted", "file", file, "bytes", bytes, "ms", time.Since(started).Milliseconds())
			return
		case errors.Is(err, os.ErrNotExist):
		case errors.Is(err, modules.ErrForeign):
			h.log.Warn("modules.refused", "file", file, "cause", fault.New(fault.ModulesImage, "use "+file,
				"Take the "+modules.ImageName+" that was built together with the node's EFI file, or remove it. Until then the node has the modules of its root.", err))
		default:
			h.log.Warn("modules.refused", "file", file, "cause", fault.New(fault.ModulesImage, "mount "+file,
				"Copy the file again. Until then the node has the modules of its root.", err))
		}
	}
}

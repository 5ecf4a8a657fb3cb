package stage2

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/seed"
	"kios.dev/init/internal/store"
)

const (
	// archivesFolder, in the folder for people, holds archives of images.
	archivesFolder = "images"
	// importLimit bounds the reading of archives. The next boot goes on where it ended.
	importLimit = 10 * time.Minute
)

// archiveRemedy goes with an archive that cannot be imported.
const archiveRemedy = "Save it again as an OCI archive that holds the named image for the node's architecture; docs/preload.md says how. The node runs without it, or with what a file of that name held before."

func hasArchives(folder string) bool {
	info, err := os.Stat(folder + "/" + archivesFolder)
	return err == nil && info.IsDir()
}

// importImages gives containerd the images of the medium, before it starts. Without the folder, and without images of
// an earlier boot, nothing is mounted and nothing runs.
func (h *host) importImages() {
	if !h.archivesThere && !store.HasImported(containerdDir) {
		return
	}
	h.log.Info("images.reading")
	start := time.Now()
	var r store.Report
	var err error
	run := func(folder string) { r, err = h.runStore(importLimit, store.ImportVerb, folder) }
	seen := false
	if h.bootDevice != "" {
		seed.WithBoot(h.bootDevice, h.modules.LoadFS, func(folder string) error { // what fails here is told with the seeds
			seen = true
			run(folder + "/" + archivesFolder)
			return nil
		})
	}
	if !seen {
		run("") // without the medium its images stay
	}
	h.imported = r.Repositories
	h.refuseArchives(r.Faults, err)
	if err != nil { // the images of earlier boots are there, and pods may use them
		kept, _ := h.runStore(storeAdaptLimit, store.ImportVerb, "")
		h.imported = kept.Repositories
	}
	h.log.Info("images.ready", "added", firstOf(r.Images), "removed", firstOf(r.Removed), "bytes", r.Bytes, "ms", time.Since(start).Milliseconds())
}

// reportLateArchives names archives on a medium that appeared after containerd's start.
func (h *host) reportLateArchives(folder string) {
	if !h.archivesThere && hasArchives(folder) {
		h.refuseArchives(nil, errors.New("the medium appeared too late"))
	}
}

// firstOf returns names for the log, where none are an empty list.
func firstOf(names []string) []string {
	return append([]string{}, names[:min(len(names), namesLogged)]...)
}

// refuseArchives names what has no effect. Err is the failure of all of it, or nil.
func (h *host) refuseArchives(faults []store.ArchiveFault, err error) {
	for _, each := range faults {
		file := "kios/" + archivesFolder + "/" + each.File
		cause, remedy := errors.New(each.Error), archiveRemedy
		if each.Full {
			cause = fmt.Errorf("%w (%w)", cause, unix.ENOSPC)
			remedy = "An archive may take half of what is free. Give the node a larger data partition, or free space on it."
		}
		h.log.Warn("images.refused", "file", file, "cause", fault.New(fault.Images, "take the images of "+file, remedy, cause))
	}
	if err != nil {
		h.log.Error("images.refused", "file", "kios/"+archivesFolder, "cause", fault.New(fault.Images, "take the images of the medium",
			"Restart the node; if it happens again, report this with the archives' sizes. Images of earlier boots are there.", err))
	}
}

// allowedImages returns the part of kubelet's drop-in that lets every pod use the images of the medium.
func (h *host) allowedImages() string {
	if len(h.imported) == 0 {
		return ""
	}
	text, err := os.ReadFile(kubelet.ConfigFile)
	if err != nil {
		h.log.Warn("images.refused", "file", kubelet.ConfigFile, "cause", err)
	}
	return kubelet.Allow(string(text), h.imported)
}

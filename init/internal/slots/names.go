// Package slots decides about the versions of the system that lie side by side on the EFI system partition: which one
// runs, whether it is on trial, what is wrong with the loader's entries, and when a trial is over. It only decides;
// package esp changes the partition.
package slots

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Places on the EFI system partition.
const (
	LoaderDir  = "loader"
	EntriesDir = LoaderDir + "/entries"
	ImagesDir  = "EFI/kios"
	// Temporary is the name of an entry that is being written. The loader takes only names that end in .conf.
	Temporary = "k.tmp"
	// maxGeneration is the last one that four digits hold.
	maxGeneration = 9999
)

// Entry is the name of a loader entry of ours: `kios-NNNN.conf`, or `kios-NNNN+LEFT-DONE.conf` while its generation is
// on trial. systemd-boot counts before each start, and renames the file.
type Entry struct {
	Generation int
	Counted    bool
	Left, Done int // starts that are left, and that were made; 0 without a counter
}

var entryName = regexp.MustCompile(`^kios-([0-9]{4})(?:\+([0-9]{1,9})(?:-([0-9]{1,9}))?)?\.conf$`)

// ParseEntry reads a name. FAT does not tell capitals apart.
func ParseEntry(name string) (Entry, bool) {
	parts := entryName.FindStringSubmatch(strings.ToLower(name))
	if parts == nil {
		return Entry{}, false
	}
	e := Entry{Generation: number(parts[1]), Counted: parts[2] != "", Left: number(parts[2]), Done: number(parts[3])}
	return e, e.Generation > 0
}

// Name returns the file's name in the folder of entries.
func (e Entry) Name() string {
	if !e.Counted {
		return fmt.Sprintf("kios-%04d.conf", e.Generation)
	}
	return fmt.Sprintf("kios-%04d+%d-%d.conf", e.Generation, e.Left, e.Done)
}

// Blessed returns the entry without its counter.
func (e Entry) Blessed() Entry { return Entry{Generation: e.Generation} }

// Spent returns the entry as it is when no start is left.
func (e Entry) Spent() Entry { return Entry{e.Generation, true, 0, e.Done + e.Left} }

// counted returns the entry after one more start.
func (e Entry) counted() Entry { return Entry{e.Generation, true, e.Left - 1, e.Done + 1} }

var imageName = regexp.MustCompile(`^([0-9]{4})\.efi$`)

// ParseImage reads the name of a file in the folder of images.
func ParseImage(name string) (generation int, ok bool) {
	parts := imageName.FindStringSubmatch(strings.ToLower(name))
	if parts == nil {
		return 0, false
	}
	generation = number(parts[1])
	return generation, generation > 0
}

// ImageName returns the name of a generation's file in the folder of images.
func ImageName(generation int) string { return fmt.Sprintf("%04d.efi", generation) }

// ModulesName returns the name of the modules of a generation's kernel, beside its file.
func ModulesName(generation int) string { return fmt.Sprintf("%04d.mod", generation) }

// Content returns what an entry holds. It never has `options`, which would replace the image's own command line, and
// its `version` is the generation, so that going back to an older version is an ordinary update.
func Content(generation int, version string) []byte {
	title := "kiOS"
	if version != "" {
		title += " " + version
	}
	return fmt.Appendf(nil, "title %s\nversion %04d\nsort-key kios\nlinux /%s/%s\n", title, generation, ImagesDir, ImageName(generation))
}

var titleLine = regexp.MustCompile(`(?m)^title kiOS ([0-9A-Za-z.+~-]{1,64})\r?$`)

// VersionIn returns the version that an entry's title names, or "".
func VersionIn(content []byte) string {
	parts := titleLine.FindSubmatch(content)
	if parts == nil {
		return ""
	}
	return string(parts[1])
}

// generationOf returns the generation that a path of EFI ends in, as `\EFI\kios\0002.efi` does, or 0.
func generationOf(path string) int {
	name, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(path, `\`, "/")), "/"+strings.ToLower(ImagesDir)+"/")
	if !ok {
		return 0
	}
	generation, _ := ParseImage(name)
	return generation
}

// entryAt returns the entry that a path of EFI ends in, as `\loader\entries\kios-0002+2-1.conf` does.
func entryAt(path string) (Entry, bool) {
	return ParseEntry(path[strings.LastIndexAny(path, `\/`)+1:])
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

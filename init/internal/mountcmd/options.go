// Package mountcmd implements mount(8), mount.nfs(8) and umount(8) as kubelet calls them.
package mountcmd

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Options holds the arguments of mount(2) for a comma-separated option list.
type Options struct {
	Flags       uintptr
	Propagation uintptr
	Data        string
}

type effect struct {
	set, clear uintptr
}

// table maps options to flags. Other options go to the file system as data.
var table = map[string]effect{
	"defaults": {}, "rw": {0, unix.MS_RDONLY}, "ro": {unix.MS_RDONLY, 0},
	"suid": {0, unix.MS_NOSUID}, "nosuid": {unix.MS_NOSUID, 0},
	"dev": {0, unix.MS_NODEV}, "nodev": {unix.MS_NODEV, 0},
	"exec": {0, unix.MS_NOEXEC}, "noexec": {unix.MS_NOEXEC, 0},
	"sync": {unix.MS_SYNCHRONOUS, 0}, "async": {0, unix.MS_SYNCHRONOUS}, "dirsync": {unix.MS_DIRSYNC, 0},
	"atime": {0, unix.MS_NOATIME}, "noatime": {unix.MS_NOATIME, 0},
	"diratime": {0, unix.MS_NODIRATIME}, "nodiratime": {unix.MS_NODIRATIME, 0},
	"relatime": {unix.MS_RELATIME, 0}, "norelatime": {0, unix.MS_RELATIME},
	"strictatime": {unix.MS_STRICTATIME, 0}, "nostrictatime": {0, unix.MS_STRICTATIME},
	"lazytime": {unix.MS_LAZYTIME, 0}, "nolazytime": {0, unix.MS_LAZYTIME},
	"silent": {unix.MS_SILENT, 0}, "loud": {0, unix.MS_SILENT},
	"nosymfollow": {unix.MS_NOSYMFOLLOW, 0}, "symfollow": {0, unix.MS_NOSYMFOLLOW},
	"remount": {unix.MS_REMOUNT, 0}, "bind": {unix.MS_BIND, 0}, "rbind": {unix.MS_BIND | unix.MS_REC, 0},
	// For fstab and mount(8) itself. The kernel does not get them.
	"auto": {}, "noauto": {}, "user": {}, "nouser": {}, "nofail": {}, "_netdev": {},
}

var propagations = map[string]uintptr{
	"shared": unix.MS_SHARED, "rshared": unix.MS_SHARED | unix.MS_REC,
	"slave": unix.MS_SLAVE, "rslave": unix.MS_SLAVE | unix.MS_REC,
	"private": unix.MS_PRIVATE, "rprivate": unix.MS_PRIVATE | unix.MS_REC,
	"unbindable": unix.MS_UNBINDABLE, "runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
}

// ParseOptions merges an option list into o. Later words win over earlier ones.
func (o *Options) ParseOptions(list string) error {
	var data []string
	if o.Data != "" {
		data = append(data, o.Data)
	}
	words, err := splitOptions(list)
	if err != nil {
		return err
	}
	for _, word := range words {
		if e, ok := table[word]; ok {
			o.Flags = o.Flags&^e.clear | e.set
		} else if p, ok := propagations[word]; ok {
			o.Propagation = p
		} else if !strings.HasPrefix(word, "x-") && !strings.HasPrefix(word, "comment=") {
			data = append(data, word)
		}
	}
	o.Data = strings.Join(data, ",")
	return nil
}

// splitOptions cuts at commas outside double quotes, because an SELinux context may contain commas. It keeps the
// quotes, which the kernel needs.
func splitOptions(list string) ([]string, error) {
	var words []string
	start, quoted := 0, false
	for i := 0; i <= len(list); i++ {
		switch {
		case i == len(list) && quoted:
			return nil, fmt.Errorf("options %q: quote is not closed", list)
		case i == len(list), list[i] == ',' && !quoted:
			if i > start {
				words = append(words, list[start:i])
			}
			start = i + 1
		case list[i] == '"':
			quoted = !quoted
		}
	}
	return words, nil
}

package mountcmd

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Exit codes of mount(8).
const (
	exitOK    = 0
	exitUsage = 1
	exitFail  = 32
)

// Mount runs `mount [-t TYPE] [-o OPTIONS] [SOURCE] TARGET`, or lists the mounts when args is empty. It returns the
// exit code.
func Mount(args []string, out, errOut io.Writer) int {
	if len(args) == 0 {
		return list(out, errOut)
	}
	r, err := parseMount(args)
	if err != nil {
		fmt.Fprintf(errOut, "mount: bad usage: %v\n", err)
		return exitUsage
	}
	if err := r.apply(); err != nil {
		fmt.Fprintf(errOut, "mount: %s: cannot %s: %v.\n", r.target, r.action(), err)
		return exitFail
	}
	return exitOK
}

// action returns the request as verb and object.
func (r request) action() string {
	if r.fsType != "" {
		return "mount " + r.source + " as " + r.fsType
	}
	return "mount " + r.source
}

func (r request) apply() error {
	if r.source != "" || r.fsType != "" || r.opts.Flags&unix.MS_REMOUNT != 0 {
		if err := r.attach(); err != nil {
			return err
		}
	} else if r.opts.Propagation == 0 {
		return errors.New("name a source, because there is no fstab")
	}
	if r.opts.Propagation != 0 {
		return unix.Mount("", r.target, "", r.opts.Propagation, "")
	}
	return nil
}

func (r request) attach() error {
	flags := r.opts.Flags
	if flags&unix.MS_BIND == 0 || flags&unix.MS_REMOUNT != 0 {
		return r.attachFileSystem()
	}
	// The kernel ignores other flags in the call that binds, so they need a second call, as in mount(8).
	if err := unix.Mount(r.source, r.target, "", flags&(unix.MS_BIND|unix.MS_REC), ""); err != nil {
		return err
	}
	rest := flags &^ (unix.MS_BIND | unix.MS_REC | unix.MS_SILENT)
	if rest == 0 {
		return nil
	}
	if err := unix.Mount("", r.target, "", rest|unix.MS_BIND|unix.MS_REMOUNT, ""); err != nil {
		unix.Unmount(r.target, unix.MNT_DETACH) // never leave a weaker mount than requested
		return err
	}
	return nil
}

func (r request) attachFileSystem() error {
	mount := func(data string) error { return unix.Mount(r.source, r.target, r.fsType, r.opts.Flags, data) }
	if r.opts.Flags&unix.MS_REMOUNT == 0 {
		switch r.fsType {
		case "":
			return errors.New("name the file system's type with -t")
		case "nfs", "nfs4":
			return attachNFS(r, dialNFS, mount)
		}
	}
	return mount(r.opts.Data)
}

func list(out, errOut io.Writer) int {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		fmt.Fprintf(errOut, "mount: %v\n", err)
		return exitFail
	}
	out.Write(text)
	return exitOK
}

// Umount runs `umount [-f] [-l] TARGET…` and returns the exit code.
func Umount(args []string, errOut io.Writer) int {
	flags, targets, err := parseUmount(args)
	if err != nil {
		fmt.Fprintf(errOut, "umount: bad usage: %v\n", err)
		return exitUsage
	}
	code := exitOK
	for _, target := range targets {
		if err := unix.Unmount(target, flags); err != nil {
			fmt.Fprintf(errOut, "umount: %s: %s.\n", target, reason(err))
			code = exitFail
		}
	}
	return code
}

// reason returns err in the words of umount(8), because kubelet searches its output for them.
func reason(err error) string {
	switch {
	case errors.Is(err, unix.EINVAL):
		return "not mounted"
	case errors.Is(err, unix.ENOENT):
		return "no mount point specified"
	case errors.Is(err, unix.EBUSY):
		return "target is busy"
	}
	return err.Error()
}

func parseUmount(args []string) (flags int, targets []string, err error) {
	for _, word := range args {
		switch word {
		case "-f", "--force":
			flags |= unix.MNT_FORCE
		case "-l", "--lazy":
			flags |= unix.MNT_DETACH
		case "-c", "--no-canonicalize", "-n", "-i", "--":
		default:
			if len(word) > 1 && word[0] == '-' {
				return 0, nil, fmt.Errorf("option %s is not known", word)
			}
			targets = append(targets, word)
		}
	}
	if len(targets) == 0 {
		return 0, nil, errors.New("no mount point given")
	}
	return flags, targets, nil
}

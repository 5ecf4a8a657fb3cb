// Command init is kiOS's process 1, in the initramfs and in the root. Called as mount, umount, journalctl, node-log,
// kios-store, kios-lan or portmap, it is that program. Executed as modprobe, it serves the kernel.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"kios.dev/init/internal/hostports"
	"kios.dev/init/internal/journal"
	"kios.dev/init/internal/lanplugin"
	"kios.dev/init/internal/modprobe"
	"kios.dev/init/internal/mountcmd"
	"kios.dev/init/internal/stage1"
	"kios.dev/init/internal/stage2"
	"kios.dev/init/internal/store"
	"kios.dev/init/internal/watchdog"
)

func main() {
	if modprobe.Called() { // whatever the arguments say
		os.Exit(modprobe.Command(os.Args))
	}
	switch name := os.Args[0]; filepath.Base(name) {
	case "mount":
		os.Exit(mountcmd.Mount(os.Args[1:], os.Stdout, os.Stderr))
	case "umount":
		os.Exit(mountcmd.Umount(os.Args[1:], os.Stderr))
	case journal.CommandName:
		os.Exit(journal.Command(os.Args[1:], os.Stdout, os.Stderr))
	case journal.FollowName:
		os.Exit(journal.Follow(os.Args[1:], os.Stdout, os.Stderr))
	case store.CommandName:
		os.Exit(store.Command(os.Args[1:], os.Stdout))
	case lanplugin.CommandName:
		os.Exit(lanplugin.New(os.Getenv).Command(os.Stdin, os.Stdout))
	case hostports.CommandName:
		os.Exit(hostports.New(os.Getenv).Command(os.Stdin, os.Stdout))
	default:
		if os.Getpid() != 1 {
			fmt.Fprintln(os.Stderr, "init: cannot start: it runs only as process 1 of a kiOS node")
			os.Exit(1)
		}
		var handover stage1.Handover
		var device *watchdog.Device
		if name == "/init" { // the name under which the kernel starts the program of the initramfs, and nothing else
			var err error
			device = watchdog.Early()
			if handover, err = stage1.Run(); err != nil {
				stage2.Fatal(nil, err)
			}
		}
		stage2.Run(handover, device)
	}
}

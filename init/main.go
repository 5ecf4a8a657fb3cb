// Command init is kiOS's pid 1, in the initramfs and in the root, and mount(8) and umount(8) under those names.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"kios.dev/init/internal/mountcmd"
	"kios.dev/init/internal/stage1"
	"kios.dev/init/internal/stage2"
)

func main() {
	switch name := os.Args[0]; filepath.Base(name) {
	case "mount":
		os.Exit(mountcmd.Mount(os.Args[1:], os.Stdout, os.Stderr))
	case "umount":
		os.Exit(mountcmd.Umount(os.Args[1:], os.Stderr))
	default:
		if os.Getpid() != 1 {
			fmt.Fprintln(os.Stderr, "init: this is process 1 of a kiOS node; it does nothing elsewhere")
			os.Exit(1)
		}
		var times stage1.Times
		if name == "/init" { // as the kernel starts the initramfs's program, and only that
			var err error
			if times, err = stage1.Run(); err != nil {
				stage2.Fatal(nil, err)
			}
		}
		stage2.Run(times)
	}
}

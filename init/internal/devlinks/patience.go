package devlinks

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// patience is how long a request may take, in milliseconds, to volumes that a cloud serves over its network. With the
// kernel's 30 seconds a slow volume fails, and its file system becomes read-only. Amazon and Alibaba recommend the
// largest value, which is no limit; Azure's rule for udev has 240 seconds (80-azure-disk.rules).
var patience = map[string]string{
	"Amazon Elastic Block Store":          "4294967295",
	"Alibaba Cloud Elastic Block Storage": "4294967295",
	"MSFT NVMe Accelerator v1.0":          "240000",
	azureDirectDisk:                       "240000",
	azureDirectDisk + " v2":               "240000",
}

// bePatient gives a disk that has appeared the patience of its kind. A disk that is gone by now needs none.
func bePatient(sys string, disk *Device) error {
	limit, ok := patience[strings.TrimSpace(disk.Attr["device/model"])]
	if !ok || !strings.HasPrefix(disk.Name, "nvme") {
		return nil
	}
	file, err := os.OpenFile(filepath.Join(sys, "class/block", disk.Name, "queue/io_timeout"), os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(limit)
	return errors.Join(err, file.Close())
}

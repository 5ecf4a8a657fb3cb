package devlinks

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOnlyVolumesOfACloudsNetworkGetMorePatience(t *testing.T) {
	for _, test := range []struct{ name, model, want string }{
		{"nvme1n1", "Amazon Elastic Block Store", "4294967295"},
		{"nvme0n2", "MSFT NVMe Accelerator v1.0", "240000"},
		{"nvme2n1", "Microsoft NVMe Direct Disk v2", "240000"},
		{"nvme0n1", "Amazon EC2 NVMe Instance Storage", "30000"},
		{"nvme0n1", "Samsung SSD 990", "30000"},
		{"sda", "Amazon Elastic Block Store", "30000"}, // another bus has a time of its own
	} {
		sys := t.TempDir()
		file := filepath.Join(sys, "class/block", test.name, "queue/io_timeout")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("30000"), 0o644); err != nil {
			t.Fatal(err)
		}
		err := bePatient(sys, &Device{Name: test.name, Attr: map[string]string{"device/model": test.model}})
		if got, _ := os.ReadFile(file); err != nil || string(got[:len(test.want)]) != test.want {
			t.Errorf("%s, %s: %s, %v", test.name, test.model, got, err)
		}
	}
}

func TestADiskThatIsGoneIsNoFault(t *testing.T) {
	disk := &Device{Name: "nvme1n1", Attr: map[string]string{"device/model": "Amazon Elastic Block Store"}}
	if err := bePatient(t.TempDir(), disk); err != nil {
		t.Error(err)
	}
}

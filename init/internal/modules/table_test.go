package modules

import (
	"reflect"
	"strings"
	"testing"
)

const sample = `# made by the image builder
always kernel/lib/libcrc32c.ko kernel/fs/erofs/erofs.ko
alias pci:v00001AF4d00001042sv*sd*bc*sc*i* v.ko pci.ko   # virtio block
alias virtio:d00000002v* v.ko blk.ko
fs vfat nls.ko fat.ko vfat.ko

fs efivarfs efivarfs.ko
`

func TestParseReadsEveryRule(t *testing.T) {
	table, err := Parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	want := Table{
		Always: []string{"kernel/lib/libcrc32c.ko", "kernel/fs/erofs/erofs.ko"},
		Alias: []Rule{
			{"pci:v00001AF4d00001042sv*sd*bc*sc*i*", []string{"v.ko", "pci.ko"}},
			{"virtio:d00000002v*", []string{"v.ko", "blk.ko"}},
		},
		FS: map[string][]string{"vfat": {"nls.ko", "fat.ko", "vfat.ko"}, "efivarfs": {"efivarfs.ko"}},
	}
	if !reflect.DeepEqual(table, want) {
		t.Errorf("got %+v\nwant %+v", table, want)
	}
}

func TestParseNamesTheBadLine(t *testing.T) {
	for text, cause := range map[string]string{
		"always":                    "line 1: \"always\" names no file",
		"\nalias pci:*":             "line 2: \"alias\" names no file",
		"fs vfat":                   "names no file",
		"sometimes x.ko":            "unknown rule",
		"alias [z x.ko":             "pattern",
		"always a.ko\n# ok\nfs ext": "line 3",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), cause) {
			t.Errorf("Parse(%q) = %v, want an error with %q", text, err, cause)
		}
	}
}

func TestWantedReturnsTheDriversOfDevicesThatAppearLater(t *testing.T) {
	table, _ := Parse(sample)
	loaded := map[string]bool{}
	tried := func(file string) bool { return loaded[file] }
	pci := []string{"pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00", "acpi:PNP0A03:"}
	if got := table.Wanted(pci, tried); !reflect.DeepEqual(got, []string{"v.ko", "pci.ko"}) {
		t.Fatalf("first pass: %v", got)
	}
	loaded["v.ko"], loaded["pci.ko"] = true, true
	both := append(pci, "virtio:d00000002v00001AF4")
	if got := table.Wanted(both, tried); !reflect.DeepEqual(got, []string{"blk.ko"}) {
		t.Fatalf("second pass: %v", got)
	}
	loaded["blk.ko"] = true
	if got := table.Wanted(both, tried); got != nil {
		t.Fatalf("third pass: %v", got)
	}
}

func TestPatternsAreFnmatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"of:N*T*Cvendor,a/b*", "of:NxT(null)Cvendor,a/bc", true},
		{"virtio:d00000002v*", "virtio:d00000002v00001AF4", true},
		{"virtio:d00000002v*", "virtio:d00000001v00001AF4", false},
		{"usb:v*p*d*dc*dsc*dp*ic08isc0[26]ip50in*", "usb:v0781p5581d0100dc00dsc00dp00ic08isc06ip50in00", true},
		{"usb:v*p*d*dc*dsc*dp*ic08isc0[26]ip50in*", "usb:v0781p5581d0100dc00dsc00dp00ic08isc03ip50in00", false},
		{"acpi*:PNP0A03:*", "acpi:PNP0A03:", true},
		{"platform:ahci", "platform:ahci", true},
		{"platform:ahci", "platform:ahci2", false},
	} {
		table := Table{Alias: []Rule{{c.pattern, []string{"x.ko"}}}}
		if got := table.Wanted([]string{c.name}, func(string) bool { return false }) != nil; got != c.want {
			t.Errorf("%q matches %q: %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}

package cmdline

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       Options
	}{
		{"empty", "", Options{}},
		{"words of others are ignored", "quiet ro root=/dev/sda1 kios.provider=nocloud\n", Options{}},
		{"data partition by uuid", "datapart=PARTUUID=1234-AB quiet", Options{DataPart: "PARTUUID=1234-AB"}},
		{"a quoted value keeps its blank", `datapart="PARTLABEL=my data"`, Options{DataPart: "PARTLABEL=my data"}},
		{"the last word wins", "kios.console=all kios.console=events", Options{}},
		{"console and port", "kios.console=all kios.logport=/dev/ttyS1", Options{ConsoleAll: true, LogPort: "/dev/ttyS1"}},
		{"no watchdog", "kios.watchdog=on kios.watchdog=off", Options{WatchdogOff: true}},
		{"a watchdog after all", "kios.watchdog=off kios.watchdog=on", Options{}},
		{"settings", "sysctl.kernel.panic=0 sysctl.kernel/sysrq=1", Options{Sysctls: []string{"kernel/panic", "kernel/sysrq"}}},
		{"similar words do not count", "xkios.console=all kios.consoles=all", Options{}},
	} {
		if got := Parse(c.line); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: Parse(%q) = %+v, want %+v", c.name, c.line, got, c.want)
		}
	}
}

func TestALineMayNameTheProvider(t *testing.T) {
	for line, want := range map[string]bool{
		"": false, "quiet console=ttyS0": false, "x.ds=nocloud kios.providers=aws": false,
		"quiet kios.provider=nocloud": true, "ds=nocloud;s=https://a/": true, `"ds=nocloud;s=https://a b"`: true,
	} {
		if got := NamesProvider(line); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
